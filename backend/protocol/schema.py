"""Dataclasses to and from JSON values, with every type and range checked.

Understands text, whole and real numbers, truth values, None, ``list`` and ``tuple`` of one type,
tuples of a length, ``dict`` and ``Mapping`` with text keys, ``Literal``, unions, nested
dataclasses, and ``object`` or ``Any`` for any JSON value.
A field that :func:`ranged` declares has a smallest and a largest value.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, cast

from .errors import BadRequest

T = TypeVar("T")

_LARGEST_INT = 2**53
"""Whole numbers beyond this are not exact in every JSON reader."""
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
RANGE = "range"
"""The key of a :class:`Range` in a dataclass field's metadata."""


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of a number, both included."""

    minimum: float | None
    maximum: float | None


def ranged(default: float, minimum: float, maximum: float) -> Any:
    """A dataclass field for a number from ``minimum`` to ``maximum``."""
    return dataclasses.field(default=default, metadata={RANGE: Range(minimum, maximum)})


def check(instance: object, where: str = "") -> None:
    """Check every field of a dataclass instance against its type and range.

    Raises:
        BadRequest: a value does not fit; the message names the field and what is allowed.
    """
    prefix = f"{where}: " if where else ""
    hints = typing.get_type_hints(type(instance))
    for field in dataclasses.fields(cast(Any, instance)):
        value = getattr(instance, field.name)
        _field_value(field, hints[field.name], value, f"{prefix}{field.name}")


def encode(value: object) -> Any:
    """A JSON value of a dataclass instance, field by field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def to_json(value: object, *, ascii: bool = False, indent: int | None = None) -> str:
    """JSON text of a value, dataclasses among it; numbers that are not finite become ``null``.

    JSON has no NaN and no infinity: a reader that keeps to the standard refuses the whole text.
    """
    return json.dumps(_finite(encode(value)), allow_nan=False, ensure_ascii=ascii, indent=indent)


def decode(cls: type[T], data: object, where: str = "") -> T:
    """Build the dataclass ``cls`` from a JSON object.

    Args:
        where: what the values belong to, for messages ("generate").

    Raises:
        BadRequest: a field is unknown, missing, or of the wrong type; the message names it.
    """
    prefix = f"{where}: " if where else ""
    if not isinstance(data, Mapping):
        raise BadRequest(f"{prefix}expected an object, not {_describe(data)}.")
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cast(Any, cls))}
    unknown = sorted(str(key) for key in data if key not in fields)
    if unknown:
        known = ", ".join(fields) or "nothing"
        raise BadRequest(f"{prefix}unknown field {unknown[0][:60]!r}.", f"Known fields: {known}.")
    values: dict[str, object] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _field_value(field, hints[name], data[name], f"{prefix}{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadRequest(f"{prefix}the field {name!r} is missing.")
    return cls(**values)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _field_value(field: dataclasses.Field[Any], hint: Any, data: object, where: str) -> object:
    limits = field.metadata.get(RANGE)
    if limits is None:
        return _value(hint, data, where)
    label = field.metadata.get("label", "")
    same = label.casefold().replace(" ", "_") in ("", field.name)
    named = where if same else f"{where} ({label})"
    allowed = f"from {limits.minimum} to {limits.maximum}"
    try:
        value = _scalar(hint, data, where)
    except BadRequest:
        value = math.nan
    if not limits.minimum <= cast(float, value) <= limits.maximum:
        raise BadRequest(
            f"{named} must be {_NAMES[hint]} {allowed}, not {_describe(data)}",
            f"choose a value {allowed}",
        )
    return value


def _value(hint: Any, data: object, where: str) -> object:
    origin = typing.get_origin(hint)
    if hint is object or hint is Any:
        return data
    if origin in (Union, types.UnionType):
        return _union(typing.get_args(hint), data, where)
    if origin is Literal:
        choices = typing.get_args(hint)
        if not isinstance(data, str) or data not in choices:
            raise BadRequest(f"{where} must be one of {', '.join(choices)}, not {_describe(data)}.")
        return data
    if origin in (list, tuple):
        if not isinstance(data, list | tuple):
            raise BadRequest(f"{where} must be a list, not {_describe(data)}.")
        item, *others = typing.get_args(hint)
        if others and others[-1] is not Ellipsis and len(data) != 1 + len(others):
            raise BadRequest(f"{where} must be a list of {1 + len(others)}, not of {len(data)}.")
        return origin(_value(item, value, f"{where}[{i}]") for i, value in enumerate(data))
    if origin in (dict, Mapping):
        if not isinstance(data, Mapping):
            raise BadRequest(f"{where} must be an object, not {_describe(data)}.")
        item = typing.get_args(hint)[1]
        return {str(key): _value(item, value, f"{where}.{key}") for key, value in data.items()}
    if dataclasses.is_dataclass(hint):
        return data if isinstance(data, cast(type, hint)) else decode(cast(Any, hint), data, where)
    return _scalar(hint, data, where)


def _union(options: tuple[Any, ...], data: object, where: str) -> object:
    if data is None and type(None) in options:
        return None
    options = tuple(option for option in options if option is not type(None))
    for option in options[:-1]:
        try:
            return _value(option, data, where)
        except BadRequest:
            continue
    return _value(options[-1], data, where)


def _scalar(hint: type, data: object, where: str) -> object:
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        data = float(data) if abs(data) < _LARGEST_INT else math.inf
    if not isinstance(data, hint) or (isinstance(data, bool) and hint is not bool):
        raise BadRequest(f"{where} must be {_NAMES[hint]}, not {_describe(data)}.")
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError:
            raise BadRequest(f"{where} is not valid Unicode text.") from None
    elif isinstance(data, float) and not math.isfinite(data):
        raise BadRequest(f"{where} must be a finite number.")
    elif isinstance(data, int) and abs(data) >= _LARGEST_INT:
        raise BadRequest(f"{where} is too large.")
    return data


def _describe(data: object) -> str:
    if data is None:
        return "nothing"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, str):
        return repr(data if len(data) <= 40 else data[:40] + "...")
    if isinstance(data, Mapping):
        return "an object"
    if isinstance(data, list | tuple):
        return "a list"
    if isinstance(data, int) and abs(data) >= _LARGEST_INT:
        return "a huge number"  # printing it can take forever
    return repr(data)

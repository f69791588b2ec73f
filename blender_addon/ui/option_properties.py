"""Blender properties made of the options that :mod:`backend.protocol.options` declares.

An option's name, default, range, label and help stand there and nowhere else; the panel's settings
and the operators' properties are both made here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ...backend.protocol.options import Option

Class = TypeVar("Class", bound=type)


def settings_of(
    options: Iterable[Option], *, prefix: str = "", **more: Any
) -> Callable[[Class], Class]:
    """Give a class of scene settings a property for each option, within the allowed range.

    Args:
        options: as declared.
        prefix: before each name.
        more: what else each property gets (``update`` ...).
    """
    return _annotated(options, prefix, lambda option: _limits(option, hard=True) | more)


def operator_options(options: Iterable[Option]) -> Callable[[Class], Class]:
    """Give an operator a property for each option.

    The scene's settings and not the values used last are their defaults, so none is saved. Ranges
    are the backend's to judge: it says what is wrong, where Blender would silently clamp.
    """
    return _annotated(
        options, "", lambda option: _limits(option, hard=False) | {"options": {"SKIP_SAVE"}}
    )


def _annotated(
    options: Iterable[Option], prefix: str, more: Callable[[Option], dict[str, Any]]
) -> Callable[[Class], Class]:
    made = {prefix + option.name: _property(option, more(option)) for option in options}

    def add(owner: Class) -> Class:
        owner.__annotations__ = inspect.get_annotations(owner) | made
        return owner

    return add


def _property(option: Option, more: dict[str, Any]) -> Any:
    facts = {"name": option.label, "description": option.help, "default": option.default, **more}
    if option.choices:
        items = [(choice, choice.title(), option.help) for choice in option.choices]
        return EnumProperty(items=items, **facts)
    kinds = {bool: BoolProperty, int: IntProperty, float: FloatProperty, str: StringProperty}
    return kinds[option.type](**facts)


def _limits(option: Option, *, hard: bool) -> dict[str, Any]:
    """The range of a number, and what it is measured in."""
    if option.type not in (int, float) or option.minimum is None:
        return {}
    limits = {"soft_min": option.usual_minimum, "soft_max": option.usual_maximum}
    if hard:
        limits |= {"min": option.minimum, "max": option.maximum}
    if option.unit == "texels":
        limits["subtype"] = "PIXEL"
    return limits

"""Text and JSON that others wrote, made harmless before it is shown or believed.

What a checkpoint says of itself ends up in terminals, panels, logs and error messages, and a file
may hold anything. Standard library only: the extension reads such files, too.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEPTH = 32
"""Deepest nesting of JSON that is read: whoever walks through the values needs no more."""
# C0 and C1 controls but tab and line feed, line separators, directional overrides and isolates
# (they reorder what surrounds them), and halves of surrogate pairs, which no encoding takes.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """``text`` without what a terminal obeys or Unicode hides: each such character becomes U+FFFD.

    Letters of every script, emoji, tabs and line feeds stay.
    """
    return _OBEYED.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """:func:`printable` text with single spaces in place of all white space."""
    return printable(" ".join(text.split()))


def parse_json(text: str | bytes) -> Any:
    """The JSON value in ``text``, all its texts and keys :func:`printable`.

    Numbers that JSON does not have (NaN, Infinity, 1e999) become None.

    Raises:
        ValueError: it is not JSON, or nested deeper than :data:`DEPTH`.
    """
    try:
        return _clean(json.loads(text), DEPTH)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> ValueError:
    return ValueError(f"it is nested deeper than {DEPTH} levels")


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list | dict):
        if not depth:
            raise _too_deep()
        if isinstance(value, list):
            return [_clean(item, depth - 1) for item in value]
        return {printable(key): _clean(item, depth - 1) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Why a file is left out of a library."""

from __future__ import annotations


class Unreadable(Exception):
    """One file cannot be used; the message says why, in words that follow the file's name.

    It never ends a build: the file becomes a row of the table.
    """

"""The hand-kept table of the packs' models: captions, real sizes, and what is left out.

``models.tsv`` has a row for each kind of model. A row's pattern may stand for several files: ``*``
is any text, and a word in braces is one of :data:`WORDS`, which the captions repeat in plain
English (``banner_{color}`` is "a {color} banner"). The first row that fits a file counts. Variants
of one thing share a caption on purpose: a prompt can ask for any of them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from backend.files import check_source
from backend.protocol.errors import BadRequest

TABLE = Path(__file__).with_name("models.tsv")

_COLORS = ["black", "blue", "brown", "green", "orange", "pink", "purple", "red", "white", "yellow"]
WORDS: dict[str, Mapping[str, str]] = {
    "color": {color: color for color in _COLORS},
    "Color": {color.capitalize(): color for color in _COLORS},
    "age": {"FirstAge": "first age", "SecondAge": "second age"},
    "n": {str(n): str(n) for n in range(20)},
    "letter": {letter: letter for letter in "ABCDEFGH"},
}
"""What a word in braces may be in a file's name, and how a caption says it."""


class TableError(BadRequest):
    """A table that cannot be read, or a row of it, with its line."""

    default_remedy = "Columns, divided by tabs: model, caption, also, metres, kind, yaw."


@dataclass(frozen=True)
class Prop:
    """One model of the packs as a person would ask for it."""

    model: str
    """Pack and file, without the file's ending."""
    captions: tuple[str, ...]
    """Ways to ask for it, the plainest first; empty where it is left out."""
    metres: float
    """The largest side of its box in the real world."""
    kind: str
    """The category that it is browsed under."""
    left_out: str = ""
    """The reason why it is not learnt, if it is not."""
    yaw: float = 0.0
    """Degrees that it turns by about the vertical, so that its front looks along -y."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    pattern: str
    captions: tuple[str, ...]
    metres: float
    kind: str
    left_out: str = ""
    yaw: float = 0.0

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        parts = re.split(r"(\*|\{\w+\})", self.pattern)
        return re.compile("".join(map(self._part, parts)))

    @staticmethod
    def _part(part: str) -> str:
        if part == "*":
            return ".*"
        if part.startswith("{"):
            name = part[1:-1]
            longest_first = sorted(WORDS[name], key=len, reverse=True)
            return f"(?P<{name}>{'|'.join(longest_first)})"
        return re.escape(part)

    def prop(self, model: str) -> Prop | None:
        """The model as this row names it; None where the row is of other models."""
        found = self._expression.fullmatch(model)
        if found is None:
            return None
        words = {name: WORDS[name][text] for name, text in found.groupdict().items()}
        # A caption says "{color}" however the file's name spells it.
        words |= {name.lower(): word for name, word in words.items()}
        captions = tuple(caption.format_map(words) for caption in self.captions)
        return Prop(model, captions, self.metres, self.kind, self.left_out, self.yaw)


def read_table(path: Path = TABLE) -> list[Row]:
    """All rows of the table, in its order.

    Raises:
        TableError: the file cannot be read; a row has other columns than the table's head says, or
            a word in braces that :data:`WORDS` does not know.
    """
    try:
        text = check_source(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(f"cannot read the table {path}: {error}") from error
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, caption, also, *rest = [*line.split("\t"), "", ""]
        where = f"{path.name}, line {number}"
        words = re.findall(r"\{(\w+)\}", pattern)
        unknown = set(words) - set(WORDS)
        if unknown:
            raise TableError(f"{where}: {{{unknown.pop()}}} is not known")
        if len(set(words)) < len(words):
            raise TableError(f"{where}: the model has a word in braces twice")
        if caption == "-":
            if not also:
                raise TableError(f"{where}: a model is left out for no reason")
            rows.append(Row(pattern, (), 0.0, "", also))
            continue
        try:
            metres, kind, yaw = float(rest[0]), rest[1], float(rest[2] or 0)
        except (IndexError, ValueError):
            raise TableError(f"{where}: a row is model, caption, also, metres, kind, yaw") from None
        if not (0 < metres < math.inf and math.isfinite(yaw)):
            raise TableError(f"{where}: metres are a positive number, and yaw is one of degrees")
        captions = (caption, *(text for text in also.split("|") if text))
        for said in captions:
            # As in prop(): a caption may write the word in small letters.
            left = said
            for word in words:
                left = left.replace(f"{{{word}}}", "").replace(f"{{{word.lower()}}}", "")
            if "{" in left or "}" in left:
                raise TableError(
                    f"{where}: the braces in {said!r} are not among those of the model"
                )
        rows.append(Row(pattern, captions, metres, kind, yaw=yaw))
    return rows


class PropTable:
    """The rows of a table, by the pack (folder) that they are of."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._packs: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            self._packs[row.pattern.partition("/")[0]].append(row)

    def prop(self, model: str) -> Prop | None:
        """What a model ("pack/file", without an ending) is called; None where no row names it."""
        rows = self._packs.get(model.partition("/")[0], ())
        return next((prop for row in rows if (prop := row.prop(model)) is not None), None)

    def prop_of_file(self, name: str) -> Prop | None:
        """:meth:`prop` of a file, named with slashes and its ending, in a folder of its pack."""
        path = PurePosixPath(name)
        return self.prop(f"{path.parent.name}/{path.stem}")


def name_models(models: Iterable[str], rows: list[Row] | None = None) -> Iterator[Prop]:
    """What each model ("pack/file", without an ending) is called.

    Raises:
        TableError: no row names a model.
    """
    table = PropTable(read_table() if rows is None else rows)
    for model in models:
        prop = table.prop(model)
        if prop is None:
            raise TableError(f"no row of {TABLE.name} names {model}")
        yield prop

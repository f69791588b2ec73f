"""What each model is called: a captions file, else what its file says, else its file's name."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from backend.files import check_source
from backend.prompts.normalize import normalize_prompt
from backend.protocol.errors import BadPrompt, BadRequest
from backend.protocol.foreign_text import parse_json, printable

from .names import described, readable, with_word

HEADERS = ("file", "path", "name", "model", "filename", "source")
_LONGEST = 120
"""Characters of an asset's description that can be a caption."""
_WAY_OUT = (
    "Write a CSV with the columns file and caption; a TSV; a JSON object of file: caption or"
    " [captions]; or a text file of `file: caption` lines."
)


@dataclass
class CaptionsFile:
    """A person's own captions by file."""

    captions: dict[str, list[str]]
    """Each file's, as the person wrote the file's name."""
    used: set[str] = field(default_factory=set)

    def of(self, name: str) -> list[str]:
        """Captions of a model by its name: the whole path, or an end of it, with or without
        suffix. The longest that fits counts.

        >>> CaptionsFile({"chairs/a.glb": ["a chair"]}).of("pack/chairs/a.glb")
        ['a chair']
        """
        path = PurePosixPath(name)
        for start in range(len(path.parts)):
            end = PurePosixPath(*path.parts[start:])
            for form in (str(end), str(end.with_suffix(""))):
                if form in self.captions:
                    self.used.add(form)
                    return self.captions[form]
        return []

    @property
    def unused(self) -> list[str]:
        """Files that the person named and that are not there."""
        return [name for name in self.captions if name not in self.used]


def read_captions(path: Path) -> CaptionsFile:
    """A captions file of any of the four kinds.

    Raises BadRequest for a file that is missing, not text, of no such form, or empty.
    """
    try:
        text = printable(check_source(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"cannot read captions from {path}: {error}", _WAY_OUT) from error
    suffix = path.suffix.lower()
    if suffix == ".json":
        rows = _json_rows(path, text)
    elif suffix in (".csv", ".tsv"):
        table = csv.reader(io.StringIO(text), delimiter="\t" if suffix == ".tsv" else ",")
        try:
            rows = [(row[0], row[1:]) for row in table if row]
        except csv.Error as error:
            raise BadRequest(f"cannot read captions from {path}: {error}", _WAY_OUT) from error
        if rows and rows[0][0].strip().lower() in HEADERS:
            rows = rows[1:]
    else:
        rows = [_line(path, line) for line in text.splitlines() if line.strip()]
    captions: dict[str, list[str]] = {}
    for name, said in rows:
        try:
            whole = [normalize_prompt(caption) for caption in said if caption.strip()]
        except BadPrompt as error:
            raise BadRequest(
                f"{path}: a caption of {name[:60]!r} cannot be a prompt: {error.message}", _WAY_OUT
            ) from error
        kept = captions.setdefault(name.strip().replace("\\", "/").removeprefix("./"), [])
        kept += [caption for caption in whole if caption not in kept]
    captions = {name: said for name, said in captions.items() if name and said}
    if not captions:
        raise BadRequest(f"there are no captions in {path}", _WAY_OUT)
    return CaptionsFile(captions)


def _line(path: Path, line: str) -> tuple[str, list[str]]:
    name, colon, caption = line.partition(": ")
    if not colon:
        raise BadRequest(f"{path}: this line is not `file: caption`: {line[:60]!r}", _WAY_OUT)
    return name, [caption]


def _json_rows(path: Path, text: str) -> list[tuple[str, list[str]]]:
    try:
        data = parse_json(text)
    except ValueError as error:
        raise BadRequest(f"{path} is not JSON: {error}", _WAY_OUT) from error
    if isinstance(data, list):
        items = [_json_item(path, item) for item in data]
    elif isinstance(data, dict):
        items = list(data.items())
    else:
        raise BadRequest(f"{path} is neither an object nor a list", _WAY_OUT)
    rows = []
    for name, said in items:
        many = [said] if isinstance(said, str) else said
        if not isinstance(many, list) or not all(isinstance(caption, str) for caption in many):
            raise BadRequest(f"{path}: the captions of {name!r} are not text", _WAY_OUT)
        rows.append((name, many))
    return rows


def _json_item(path: Path, item: object) -> tuple[str, object]:
    if isinstance(item, dict) and isinstance(item.get("file"), str):
        return item["file"], item.get("captions", item.get("caption"))
    raise BadRequest(f"{path}: an entry has no field `file`: {str(item)[:60]}", _WAY_OUT)


def captions_of(
    name: str,
    inner: str,
    own: Sequence[str],
    file: CaptionsFile | None,
    template: str,
) -> list[str]:
    """All captions of a model, best first; none where nothing says anything.

    Args:
        name: Of the source file, with slashes.
        inner: Of the object in the file, where a file holds several.
        own: What the file itself says (asset metadata).
    """
    said = []
    if file is not None:
        said = (file.of(f"{name}/{inner}") if inner else []) or file.of(name)
    said = list(said) or list(_usable(own))
    if said:
        return list(dict.fromkeys(said))
    words = readable(inner) if inner else readable(PurePosixPath(name).stem)
    return list(_usable([described(words, template)] if words else []))


def _usable(captions: Iterable[str]) -> Iterator[str]:
    """Those that can be prompts."""
    for caption in captions:
        with contextlib.suppress(BadPrompt):
            yield normalize_prompt(caption)


def asset_captions(name: str, description: str, tags: Sequence[str], template: str) -> list[str]:
    """Captions from an asset's metadata: its name, with each tag too, and its description."""
    words = readable(name)
    captions = [described(words, template)] if words else []
    whole = " ".join(description.split())
    if whole and len(whole) <= _LONGEST:
        captions.append(whole)
    if captions:
        new = [tag.strip().lower() for tag in tags if tag.strip()]
        captions += [
            with_word(captions[0], tag) for tag in new if tag not in captions[0].lower().split()
        ]
    return list(dict.fromkeys(captions))


def grouped(captions: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Models (keys) by their first caption, in the order of the models' names as people count."""
    groups: dict[str, list[str]] = {}
    for key in sorted(captions, key=_by_number):
        if captions[key]:
            groups.setdefault(captions[key][0].casefold(), []).append(key)
    return groups


def _by_number(name: str) -> list[tuple[int, str]]:
    """A sorting key with 2 before 10, and small letters beside capitals."""
    marked = "".join(c if c.isdecimal() else f"\0{c}\0" for c in name.casefold())
    pieces: Iterable[str] = marked.split("\0")
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces if piece]

"""A library on disk: ``library.json`` and one ``models/KEY.safetensors`` a model.

See the package's docstring for the format.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from backend.files import atomic_write, check_source, check_target
from backend.protocol.errors import BadRequest, OutputError
from backend.protocol.foreign_text import parse_json
from backend.protocol.schema import decode, encode
from backend.shapes import UInt8

from .grid import BLOCK, BLOCKS, INSIDE, Grid
from .mesh import Mesh

FORMAT, VERSION = "att3d-library", 1
INDEX, MODELS, PROGRESS = "library.json", "models", "progress.jsonl"


@dataclass(frozen=True)
class StoredModel:
    """One model of a library, with all that is kept of it."""

    mesh: Mesh
    kinds: UInt8[np.ndarray, " faces"]
    grid: Grid


@dataclass
class Entry:
    """One model's row in the index."""

    prompt: str
    """How a prompt asks for it: the caption, with the variant's number where there are several."""
    captions: list[str]
    key: str
    """Its file is models/KEY.safetensors."""
    source: str
    """The file it comes from, from the input's name on."""
    object: str
    """The object in that file, where it holds several models."""
    sha256: str
    """Hash of the source file."""
    author: str
    licence: str
    faces: int
    closed: bool
    size: float
    """Length of the model's largest side in the file, in the file's units."""
    scale: float = 1.0
    """Smaller than 1 where relative sizes are kept: about the point it stands on."""
    metres: float = 0.0
    """The largest side of its box in the real world; 0 where nobody said."""
    kind: str = ""
    """The category that it is browsed under, where somebody said."""
    warnings: list[str] = field(default_factory=list)
    fingerprint: str = ""


@dataclass(frozen=True)
class ReadRow:
    """What is known of one model of a source, before models are named; see :class:`Entry`."""

    key: str
    object: str
    description: str
    tags: list[str]
    author: str
    licence: str
    faces: int
    closed: bool
    size: float
    scale: float
    warnings: list[str]
    fingerprint: str


@dataclass(frozen=True)
class LeftOut:
    """A file or model that is not in the library, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Index:
    """What a library holds."""

    entries: list[Entry]
    left_out: list[LeftOut]
    options: dict[str, Any]


def write_model(folder: Path, key: str, model: StoredModel) -> None:
    """Put a model into the library; whole or not at all.

    Raises OutputError when the disk is full or the folder cannot be written.
    """
    data = save(
        {
            "vertices": model.mesh.vertices.astype(np.float32),
            "faces": model.mesh.faces.astype(np.int32),
            "side": model.mesh.side.astype(np.uint8),
            "texels": model.mesh.texels,
            "kinds": model.kinds,
            "blocks": model.grid.blocks.astype(np.int32),
            "distance": model.grid.distance,
            "color": model.grid.color,
        },
        {"format": f"{FORMAT} {VERSION}"},
    )
    write_whole(model_path(folder, key), data)


def read_model(folder: Path, key: str) -> StoredModel:
    """A model of the library.

    Raises BadRequest for a file that is missing or damaged.
    """
    path = model_path(folder, key)
    try:
        found = load_file(check_source(path))
        _require_fitting(found)
        blocks = found["blocks"].reshape(BLOCKS, BLOCKS, BLOCKS)
        distance = found["distance"].reshape(-1, BLOCK**3)
        mesh = Mesh(
            found["vertices"], found["faces"], found["side"].astype(np.int32), found["texels"]
        )
        grid = Grid(blocks, distance, found["color"].reshape(-1, BLOCK**3, 3))
        return StoredModel(mesh, found["kinds"], grid)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadRequest(
            f"{path} is missing or damaged ({error})",
            "Make the library again by the same command: it makes what is missing.",
        ) from error


def _require_fitting(found: dict[str, np.ndarray]) -> None:
    """Raise ValueError if the parts of a model do not belong together."""
    vertices, faces, side, blocks = (found[k] for k in ("vertices", "faces", "side", "blocks"))
    count, stored = len(faces), len(found["distance"])
    fits = {
        "vertices": vertices.shape[1:] == (3,) and np.isfinite(vertices).all(),
        "faces": faces.shape == (count, 3)
        and count > 0
        and 0 <= faces.min()
        and faces.max() < len(vertices),
        "side": side.shape == (count,) and side.min(initial=1) >= 1,
        "kinds": found["kinds"].shape == (count,),
        "texels": found["texels"].shape == (int((side.astype(np.int64) ** 2).sum()), 3),
        "distance": found["distance"].shape == (stored, BLOCK**3),
        "color": found["color"].shape == (stored, BLOCK**3, 3),
        "blocks": blocks.size == BLOCKS**3 and INSIDE <= blocks.min() and blocks.max() < stored,
    }
    for name, fit in fits.items():
        if not fit:
            raise ValueError(f"its {name} do not fit")


def model_path(folder: Path, key: str) -> Path:
    return folder / MODELS / f"{key}.safetensors"


def write_index(folder: Path, index: Index) -> None:
    """Raises OutputError when it cannot be written; the former index then stays."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "options": index.options,
        "models": [asdict(entry) for entry in index.entries],
        "left_out": [asdict(item) for item in index.left_out],
    }
    text = json.dumps(data, ensure_ascii=False, indent=1)
    write_whole(folder / INDEX, text.encode())


def read_index(folder: Path) -> Index:
    """What the library in ``folder`` holds.

    Raises BadRequest: there is none, it is damaged, or a newer version wrote it.
    """
    path = folder / INDEX
    remedy = "Make one with: python -m training library MODELS... -o LIB"
    try:
        data = parse_json(check_source(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRequest(f"there is no library in {folder}", remedy) from error
    except ValueError as error:
        raise BadRequest(f"{path} is damaged ({error})", remedy) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise BadRequest(f"{path} is not the index of a library", remedy)
    if data.get("version") != VERSION:
        raise BadRequest(
            f"{path} is of version {data.get('version')}, and this program reads {VERSION}", remedy
        )
    names = {each.name for each in fields(Entry)}
    try:
        entries = [
            decode(Entry, {k: v for k, v in row.items() if k in names}, f"models[{place}]")
            for place, row in enumerate(data["models"])
        ]
        left_out = [decode(LeftOut, row, "left_out") for row in data["left_out"]]
        if not entries:
            raise ValueError("there is no model in it")
        for entry in entries:
            _require_usable(entry)
        return Index(entries, left_out, dict(data.get("options", {})))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadRequest(f"{path} is damaged ({error})", remedy) from error
    except BadRequest as error:
        raise BadRequest(f"{path} is damaged ({error.message})", remedy) from error


def _require_usable(entry: Entry) -> None:
    """Raise ValueError if a row says what no library says."""
    if not entry.prompt.strip() or not entry.captions:
        raise ValueError("a model has no caption")
    if not re.fullmatch("[0-9a-f]+(-[0-9]+)?", entry.key):
        raise ValueError(f"{entry.key!r} is no key of a model")
    if not 0 < entry.scale <= 1 or min(entry.size, entry.metres) < 0:
        raise ValueError(f"a size of {entry.prompt!r} is out of range")


def prepare_folder(folder: Path) -> None:
    """Make sure that a library can be made in ``folder``.

    Raises:
        BadRequest: it holds other things than a library.
        OutputError: it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise BadRequest(f"{folder} is a file", "Name a folder with -o.")
    try:
        files = {INDEX, PROGRESS, "sheet.png", "copies.png", "table.csv"}
        ours = {MODELS, *files}
        there = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
        if there - ours and not there & {INDEX, PROGRESS}:
            raise BadRequest(
                f"{folder} holds other files", "Name a new or empty folder, or a library, with -o."
            )
        for name in files:
            check_target(folder / name)
        (folder / MODELS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        at = f" ({error.filename})" if error.filename not in (None, str(folder)) else ""
        raise OutputError(
            f"cannot write the library {folder}: {error.strerror}{at}",
            "Mend what is there, or choose another folder with -o.",
        ) from error


def remove_empty(folder: Path, *, whole: bool) -> None:
    """Take away what :func:`prepare_folder` made, as far as nothing is in it.

    Args:
        folder: the library's.
        whole: the folder itself as well.
    """
    with contextlib.suppress(OSError):
        (folder / MODELS).rmdir()
        if whole:
            folder.rmdir()


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file at once or not at all; raises OutputError."""
    try:
        atomic_write(path, data)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror}",
            "Free some space or choose another folder; the same command then goes on.",
        ) from error


class Journal:
    """What has been done for each source file, so that a stopped build goes on.

    One JSON line a source; a line that was cut off by a crash is ignored.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / PROGRESS
        self._folder = folder
        self._done: dict[str, list[dict[str, Any]]] = dict(self._lines())

    def _lines(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError, BadRequest):
                    record = parse_json(line)
                    models = [encode(decode(ReadRow, row)) for row in record["models"]]
                    yield str(record["source"]), models

    def done(self, source: str) -> list[dict[str, Any]] | None:
        """The models of a source (by its digest) that are all there, or None."""
        models = self._done.get(source)
        if models is None:
            return None
        whole = all(model_path(self._folder, model["key"]).is_file() for model in models)
        return models if whole else None

    def add(self, source: str, models: Sequence[dict[str, Any]]) -> None:
        """Raises OutputError."""
        self._done[source] = list(models)
        line = json.dumps({"source": source, "models": list(models)}, ensure_ascii=False)
        try:
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(line + "\n")
        except OSError as error:
            raise OutputError(
                f"cannot write {self._path}: {error.strerror}",
                "Free some space or choose another folder; the same command then goes on.",
            ) from error

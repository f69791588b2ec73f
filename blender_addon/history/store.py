"""The history on the disk: a folder a result, with what it was made from, mesh and picture. No bpy.

    <folder>/<time>-<random>/entry.json, mesh.safetensors.z, picture.png

A folder appears under its name when it is complete but for the picture, so several Blenders can
share a history and none ever reads half an entry. The mesh is compressed in a thread, after it has
been moved in. The oldest results go when there are too many bytes. Nothing here may stop a result
from reaching the scene: callers report an OutputError.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ...backend.files import atomic_write, check_source
from ...backend.protocol.errors import Att3dError, BadRequest, OutputError, ProtocolError
from ...backend.protocol.foreign_text import parse_json
from ...backend.protocol.schema import decode, to_json
from ..process.safetensors_reader import COMPRESSED
from ..scene.arrays import ChainArrays, MeshArrays, read_chain, read_mesh, triangulated
from ..scene.chain import PROPERTY, Chain
from ..scene.provenance import Provenance
from ..scene.textures import png_bytes
from . import thumbnail

FORMAT = 1
PICTURE_SIZE = 128
_FACTS, _MESH, _PICTURE = "entry.json", "mesh.safetensors", "picture.png"
_UNFINISHED = "unfinished-"


@dataclass(frozen=True)
class Entry:
    """One result of the history."""

    folder: Path
    prompt: str
    checkpoint: str
    """Its name, as shown."""
    checkpoint_hash: str
    checkpoint_choice: str = ""
    """What the scene's setting said: empty for the default, else an identifier or a path."""
    options: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    extension_version: str = ""
    backend_version: str = ""
    title: str = ""
    """What it is called where no single prompt made it."""
    source: Mapping[str, str] = field(default_factory=dict)
    """What it was made of then, as :class:`Provenance` has it."""
    key_names: tuple[str, ...] = ()
    """The names of an animated object's keys; empty for every other."""
    faces: int = 0
    seconds: float = 0.0
    made: str = ""
    """When: ISO 8601, UTC."""

    @property
    def identifier(self) -> str:
        return self.folder.name

    @property
    def mesh(self) -> Path:
        """The mesh file: compressed, unless it has only just been made."""
        packed = self.folder / (_MESH + COMPRESSED)
        return packed if packed.is_file() else self.folder / _MESH

    @property
    def picture(self) -> Path:
        """May not be there (yet)."""
        return self.folder / _PICTURE

    @property
    def name(self) -> str:
        """The object's name, uncut."""
        return self.title or self.prompt

    @property
    def chain(self) -> Chain | None:
        """The chain that an animated object goes through; None for every other."""
        return Chain.from_json(self.source.get(PROPERTY))

    @property
    def origin(self) -> Provenance:
        """What an object that is made from this result remembers."""
        return Provenance(
            prompt=self.prompt,
            checkpoint=self.checkpoint,
            checkpoint_hash=self.checkpoint_hash,
            extension_version=self.extension_version,
            backend_version=self.backend_version,
            options=self.options,
            notes=self.notes,
            title=self.title,
            source=self.source,
        )

    def read(self) -> MeshArrays | ChainArrays:
        """The mesh as it was made.

        Raises:
            OutputError: it is gone or damaged.
        """
        try:
            path = self.mesh
            try:
                return self._arrays(path)
            except Att3dError:
                if path.exists():
                    raise
                return self._arrays(self.mesh)  # it was being compressed
        except Att3dError as error:
            raise OutputError(
                f"The mesh of “{self.name[:60]}” in the history is gone or damaged: {error}",
                "Use its prompt and generate it again.",
            ) from error

    def _arrays(self, path: Path) -> MeshArrays | ChainArrays:
        chain = self.chain
        if chain is None:
            return read_mesh(path)
        arrays = read_chain(path, len(chain.stops))
        if len(arrays.alphas) != len(self.key_names):
            raise ProtocolError(f"it has {len(self.key_names)} names for its keys.")
        return arrays


class History:
    """The results in one folder, which need not exist yet.

    Args:
        folder: of the history and of nothing else.
        limit: bytes; the oldest results go when there are more, but never the newest.
        on_picture: called, in another thread, when a picture has been drawn.
    """

    def __init__(
        self, folder: Path, limit: int, on_picture: Callable[[Entry], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.limit = limit
        self.dropped: tuple[str, ...] = ()
        """What went, when results were last dropped to stay below the limit."""
        self._on_picture = on_picture
        self._seen: dict[str, Entry | None] = {}
        self._listed: tuple[int, tuple[Entry, ...]] | None = None
        self._thread: threading.Thread | None = None

    def entries(self) -> tuple[Entry, ...]:
        """All results, the newest first. Cheap to call often; also sees other Blenders' results."""
        try:
            changed = self.folder.stat().st_mtime_ns
            if self._listed is not None and self._listed[0] == changed:
                return self._listed[1]
            names = sorted((entry.name for entry in os.scandir(self.folder)), reverse=True)
        except OSError:
            return ()
        self._seen = {name: self._seen.get(name) or self._read(name) for name in names}
        found = tuple(entry for entry in self._seen.values() if entry is not None)
        self._listed = (changed, found)
        return found

    def find(self, identifier: str) -> Entry | None:
        return next((e for e in self.entries() if e.identifier == identifier), None)

    def keep(self, mesh: Path, entry: Entry, arrays: MeshArrays | ChainArrays) -> Entry:
        """Move a result's file into the history; its picture is drawn in a thread.

        Args:
            mesh: the file, which is gone afterwards, also when this fails.
            entry: what to remember; its folder and time are set here.
            arrays: what the file holds.

        Raises:
            OutputError: the history cannot be written.
        """
        now = datetime.now(UTC)
        name = f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(3)}"
        facts = asdict(entry) | {
            "format": FORMAT,
            "made": now.isoformat(timespec="seconds"),
            "options": dict(entry.options),
            "source": dict(entry.source),
        }
        del facts["folder"]
        unfinished = self.folder / (_UNFINISHED + name)
        try:
            unfinished.mkdir(parents=True)
            shutil.move(mesh, unfinished / _MESH)
            (unfinished / _FACTS).write_text(to_json(facts, indent=1), encoding="utf-8")
            unfinished.rename(self.folder / name)
            self._listed = None  # not only by the folder's time, which is coarse
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise OutputError(
                f"The result could not be kept in the history ({self.folder}): {error}.",
                "Choose another History Folder in the preferences, or switch the history off.",
            ) from error
        finally:
            mesh.unlink(missing_ok=True)
        kept = self._read(name)
        assert kept is not None
        self._thread = threading.Thread(
            target=self._finish, args=(kept, arrays, self._thread), name="att3d history"
        )
        self._thread.start()
        return kept

    def wait(self) -> None:
        """Until the pictures of what was kept are drawn."""
        if self._thread is not None:
            self._thread.join()

    def remove(self, identifier: str) -> None:
        """Remove one result.

        Raises:
            OutputError: it cannot be removed.
        """
        entry = self.find(identifier)
        if entry is None:
            return
        try:
            shutil.rmtree(entry.folder)
            self._listed = None
        except OSError as error:
            raise OutputError(f"{entry.folder} cannot be removed: {error}.") from error

    def clear(self) -> int:
        """Remove all results and return how many; raises OutputError as :meth:`remove` does."""
        self.wait()
        entries = self.entries()
        for entry in entries:
            self.remove(entry.identifier)
        return len(entries)

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(_bytes(entry) for entry in self.entries())

    # --- inside ---

    def _finish(
        self, entry: Entry, arrays: MeshArrays | ChainArrays, before: threading.Thread | None
    ) -> None:
        """Draw the picture, compress the mesh, then drop what is too old; runs in a thread."""
        if before is not None:
            before.join()
        if isinstance(arrays, ChainArrays):  # as its first prompt
            vertices, texture = arrays.positions[0], arrays.textures[0]
        else:
            vertices, texture = arrays.vertices, arrays.texture
        faces, uvs = triangulated(arrays.faces), triangulated(arrays.uvs)
        pixels = thumbnail.draw(vertices, faces, uvs, texture, PICTURE_SIZE)
        with contextlib.suppress(OSError):  # the entry was removed, or the disk is full
            atomic_write(entry.picture, png_bytes(pixels))
            _compress(entry.folder / _MESH)
        self._prune()
        self._on_picture(entry)

    def _prune(self) -> None:
        total, dropped = 0, []
        for index, entry in enumerate(self.entries()):
            total += _bytes(entry)
            if index and total > self.limit:
                with contextlib.suppress(OutputError):  # tried again after the next result
                    self.remove(entry.identifier)
                    dropped.append(entry.name)
        self.dropped = tuple(dropped)

    def _read(self, name: str) -> Entry | None:
        """An entry, or None when the folder is not one that is whole."""
        if name.startswith(_UNFINISHED):
            return None
        try:
            path = check_source(self.folder / name / _FACTS)
            facts = parse_json(path.read_text(encoding="utf-8"))
            if not isinstance(facts, dict) or facts.pop("format", None) != FORMAT:
                return None
            return decode(Entry, facts | {"folder": self.folder / name})
        except (OSError, ValueError, BadRequest):
            return None


def _compress(file: Path) -> None:
    """Put a compressed file in place of this one. Textures shrink to a part of their size.

    Raises:
        OSError: it cannot be read or written; it is as it was.
    """
    atomic_write(file.with_name(file.name + COMPRESSED), zlib.compress(file.read_bytes(), 3))
    file.unlink()


def _bytes(entry: Entry) -> int:
    total = 0
    for path in (entry.mesh, entry.picture):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total

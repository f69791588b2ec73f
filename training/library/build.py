"""Makes a library: finds, reads, names, and says what it found."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, cast

import tyro
from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from backend.prompts.normalize import normalize_prompt
from backend.protocol.errors import BadPrompt, BadRequest, OutputError

from ..props.table import Prop, PropTable, read_table
from ..runs.ranges import check_ranges, within
from .captions import CaptionsFile, asset_captions, captions_of, grouped, read_captions
from .names import described, variant
from .one import Done, digest, process
from .placing import Yaws
from .sources import Found, Source, find
from .storage import (
    MODELS,
    Entry,
    Index,
    Journal,
    LeftOut,
    model_path,
    prepare_folder,
    remove_empty,
    write_index,
)
from .surfaces import Unreadable

SECONDS = 600.0
"""Most time for one source."""
TASKS = 40
"""Sources that a worker reads before a fresh one takes its place, so that memory stays flat."""


@dataclass(frozen=True)
class LibraryOptions:
    """How a library is made."""

    inputs: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Files, folders and zips of models."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = Path("library")
    """The folder to make; one made before is brought up to date."""
    captions: Path | None = None
    """A CSV, TSV, JSON or text file of captions by file; the others get theirs from their names."""
    table: Path | None = None
    """A table such as training/props/models.tsv: captions, real size, kind and yaw by file. Models
    that no row names, or that it leaves out, are left out."""
    template: str = ""
    """What a name becomes part of, such as "a low-poly {}"; without one, "a NAME"."""
    yaw: tuple[str, ...] = ()
    """Degrees that models turn by about the vertical: 90, FOLDER=90, or a CSV of folder,degrees."""
    relative_sizes: bool = False
    """Keep how large models are beside each other; otherwise each is as large as can be."""
    author: str = ""
    """Author of the models whose files do not say."""
    licence: str = ""
    """Licence of the models whose files do not say, such as CC0-1.0."""
    workers: int = within(0, 0, 1024)
    """Processes; 0: one a core."""


@dataclass
class _Read:
    """A source and what became of it."""

    source: Source
    prop: Prop | None = None
    sha256: str = ""
    done: Done = field(default_factory=Done)


def build(options: LibraryOptions) -> Index:
    """Make or update the library, and return its index.

    A killed or cancelled build goes on where it was when it is started again.

    Raises:
        TrainingError: there cannot be so many workers.
        BadRequest: inputs, captions, table, yaws or the output folder cannot be used; nothing is
            readable.
        OutputError: the library cannot be written.
    """
    check_ranges(options)
    if options.template and "{}" not in options.template:
        raise BadRequest("--template has no {} for the name", 'Write it as "a low-poly {}".')
    try:
        normalize_prompt(described("thing", options.template))
    except BadPrompt as error:
        raise BadRequest(
            f"--template cannot make a prompt: {error.message}", 'Write it as "a low-poly {}".'
        ) from error
    captions = read_captions(options.captions) if options.captions else None
    yaws = Yaws.parse(options.yaw)
    table = PropTable(read_table(options.table)) if options.table else None
    with tempfile.TemporaryDirectory(prefix="att3d-library-") as temporary:
        found = find(options.inputs, Path(temporary))
        new = not options.output.exists()
        prepare_folder(options.output)
        read = _read_all(found, yaws, table, options)
        index = _index(read, found, captions, options)
    if not index.entries:
        remove_empty(options.output, whole=new)
        first = index.left_out[0]
        raise BadRequest(
            f"none of {len(index.left_out)} files can be used; {first.source}: {first.reason}",
            "Give other files, or export them again from Blender as .glb.",
        )
    write_index(options.output, index)
    _remove_unused(options.output, read)
    return index


def _read_all(
    found: Found, yaws: Yaws, table: PropTable | None, options: LibraryOptions
) -> list[_Read]:
    """Every source read, from the journal where that was done before."""
    journal = Journal(options.output)
    results = [_Read(source) for source in found.sources]
    todo: list[tuple[_Read, str, float]] = []
    # The same file twice is read once: its key says so.
    waiting: dict[str, list[_Read]] = {}
    progress = tqdm(total=len(results), desc="library", unit="file", dynamic_ncols=True)
    for item in results:
        yaw = yaws.of(item.source.name)
        if table is not None:
            item.prop = table.prop_of_file(item.source.name)
            if item.prop is None or not item.prop.captions:
                reason = item.prop.left_out if item.prop else "no row of the table names it"
                item.done.left_out.append(("", reason))
                progress.update()
                continue
            yaw += item.prop.yaw
        try:
            key, item.sha256 = digest(item.source.path, yaw)
        except Unreadable as error:
            item.done.left_out.append(("", str(error)))
            progress.update()
            continue
        before = journal.done(key)
        if before is not None:
            item.done.models = before
            progress.update()
        elif key in waiting:
            waiting[key].append(item)
        else:
            waiting[key] = [item]
            todo.append((item, key, yaw))
    with progress:
        for key, done in _run(todo, options):
            if not done.left_out:
                journal.add(key, done.models)
            for item in waiting[key]:
                item.done = done
                progress.update()
    return results


def _run(
    todo: Sequence[tuple[_Read, str, float]], options: LibraryOptions
) -> Iterator[tuple[str, Done]]:
    """Each source's key and what became of it, as they are done."""
    if not todo:
        return
    workers = options.workers or os.cpu_count() or 1
    pool = ProcessPool(
        max_workers=min(workers, len(todo)),
        max_tasks=TASKS,
        initializer=_start_worker,
        context=cast(Any, _context()),
    )
    with _one_thread_each(), pool:
        queue = iter(todo)
        running: dict[Future[Any], str] = {}
        try:
            while True:
                for item, key, yaw in queue:
                    arguments = [item.source.path, key, yaw, options.output]
                    running[pool.schedule(process, args=arguments, timeout=SECONDS)] = key
                    if len(running) >= 2 * workers:
                        break
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), _result(future)
        except BaseException:
            pool.stop()
            raise


def _result(future: Future[Any]) -> Done:
    """What a worker found; a worker that died or hung is a source that is left out."""
    try:
        return future.result()
    except OutputError:
        raise
    except ProcessExpired as error:
        reason = f"its reader crashed (exit code {error.exitcode})"
    except TimeoutError:
        reason = f"it was not read in {SECONDS:.0f} s"
    except MemoryError:
        reason = "it needs more memory than there is"
    except Exception as error:
        reason = f"it cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:120]})"
    return Done(left_out=[("", reason)])


def _context() -> Any:
    """How workers start: from a process that has read the readers once, where the system can."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([process.__module__])
    return context


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start now use one thread each: libraries look when they are imported."""
    before = dict(os.environ)
    os.environ.update({f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "IGL")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start_worker() -> None:
    """Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _index(
    read: Sequence[_Read], found: Found, captions: CaptionsFile | None, options: LibraryOptions
) -> Index:
    """Names, variants, sizes and warnings: what only all models together tell."""
    left_out = [LeftOut(name, reason) for name, reason in found.left_out]
    entries: dict[str, Entry] = {}
    looks: dict[tuple[str, str], str] = {}
    for item in read:
        for inner, reason in item.done.left_out:
            left_out.append(LeftOut(_shown(item.source.name, inner), reason))
        for model in item.done.models:
            shown = _shown(item.source.name, model["object"])
            own = asset_captions(
                model["object"] or PurePosixPath(item.source.name).stem,
                model["description"],
                model["tags"],
                options.template,
            )
            if item.prop is not None:
                own = item.prop.captions
            said = captions_of(item.source.name, model["object"], own, captions, options.template)
            if not said:
                reason = "its name says nothing; name it in a --captions file, or rename it"
                left_out.append(LeftOut(shown, reason))
                continue
            twin = looks.setdefault((model["fingerprint"], said[0].casefold()), shown)
            if twin != shown:
                left_out.append(LeftOut(shown, f"doubled: it looks like {twin}"))
                continue
            entries[shown] = Entry(
                prompt=said[0],
                captions=said,
                key=model["key"],
                source=item.source.name,
                object=model["object"],
                sha256=item.sha256,
                author=model["author"] or options.author,
                licence=model["licence"] or options.licence or _licence(item.source.name, found),
                faces=model["faces"],
                closed=model["closed"],
                size=model["size"],
                scale=model["scale"],
                metres=item.prop.metres if item.prop else 0.0,
                kind=item.prop.kind if item.prop else "",
                warnings=list(model["warnings"]),
                fingerprint=model["fingerprint"],
            )
    _mark_doubled(entries)
    for name in captions.unused if captions else []:
        left_out.append(LeftOut(name, "the captions name it, but it is not there"))
    groups = grouped({name: entry.captions for name, entry in entries.items()})
    for group in groups.values():
        for number, name in enumerate(group, 1):
            entry = entries[name]
            entry.prompt = variant(entries[group[0]].captions[0], number)
            if number > 1:
                entry.captions = [variant(caption, number) for caption in entry.captions]
    if options.relative_sizes:
        smallest = min((entry.scale for entry in entries.values()), default=1.0)
        for entry in entries.values():
            entry.scale = smallest / entry.scale
    else:
        for entry in entries.values():
            entry.scale = 1.0
    ordered = [entries[name] for group in groups.values() for name in group]
    return Index(ordered, left_out, _recorded(options))


def _shown(source: str, inner: str) -> str:
    return f"{source}/{inner}" if inner else source


def _licence(source: str, found: Found) -> str:
    """What the nearest LICENSE file says, of the folder or of one around it."""
    folder = source
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if folder in found.licences:
            return found.licences[folder]
    return ""


def _mark_doubled(entries: dict[str, Entry]) -> None:
    """Say of models that look alike under different captions that they do."""
    first: dict[str, str] = {}
    for name, entry in entries.items():
        other = first.setdefault(entry.fingerprint, name)
        if other != name:
            entry.warnings.append(f"doubled: looks like {other}")


def _recorded(options: LibraryOptions) -> dict[str, Any]:
    """What the index keeps of how it was made: nothing of this machine's folders."""
    return {
        "inputs": [path.resolve().name for path in options.inputs],
        "template": options.template,
        "yaw": list(options.yaw),
        "relative_sizes": options.relative_sizes,
        "made": time.strftime("%Y-%m-%d"),
    }


def _remove_unused(folder: Path, read: Sequence[_Read]) -> None:
    """Models that an earlier build made of sources that this one does not have."""
    used = {model_path(folder, model["key"]) for item in read for model in item.done.models}
    for path in (folder / MODELS).glob("*.safetensors"):
        if path not in used:
            path.unlink(missing_ok=True)

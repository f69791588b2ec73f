"""The real server around a scripted engine: ``python tests/wire/scripted_backend.py``.

For tests of all that is around an engine: it starts and answers at once, and the first word of a
prompt (or of a model's name) says what it does, so that tests can meet every situation:

    work, sleep, hold S    S seconds in small steps, in one, or with Python's lock held
    wobble, print, flood   what bad engines and libraries do to progress, stdout and stderr
    fail WHAT              an exception: prompt, memory, disk, module, warning, anything else
    slow, hang             some progress for a while; nothing for ever
    die [SIGNAL]           the worker is killed
    memory, broken, empty  errors that a person meets; a broken chain is a file that is cut off
    thin                   a chain that quads cannot cover, and triangles can
    noted                  a note

All other prompts become a cube, and chains a ball (``scripted_objects.py``). What came with the
request beside its prompts is said in notes. The device is the one asked for, else ``cpu``.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from backend.progress import CancelToken, ProgressCallback
from backend.prompts.mixes import mix_name
from backend.protocol.chain_quality import TopologyChange
from backend.protocol.errors import BadPrompt, BadRequest, CheckpointError, OutOfMemory, TooThin
from backend.protocol.messages import InvertParams, ObjectCode
from backend.protocol.options import ChainOptions, MeshOptions
from backend.server import main, methods

if TYPE_CHECKING:
    from backend.inversion.colored_mesh import ColoredMesh
    from backend.inversion.invert import Inversion
    from backend.textured_mesh import GeneratedMesh
    from backend.tracking.preview import PreviewMesh
    from backend.tracking.tracked_mesh import TrackedMesh

# numpy and scipy are imported where they are needed: most processes here never come so far.
sys.path.append(str(Path(__file__).parent))  # an extension's environment leaves it out

Conditions = Mapping[str, float] | None
Objects = Mapping[str, ObjectCode] | None


class ScriptedEngine:
    """The surface of :class:`backend.engine.Engine`, without a model."""

    def __init__(self, checkpoint: Path | None, device: str, accelerator: str) -> None:
        self.checkpoint = str(checkpoint or "default.safetensors")
        self.device = "cpu" if device == "auto" else device
        self.model_name = ""
        """Of the model that is inverted next."""
        if Path(self.checkpoint).stem == "broken":
            raise CheckpointError("that file is broken")
        time.sleep(float(os.environ.get("SCRIPTED_LOAD_SECONDS", "0")))

    def warm_up(self) -> None:
        pass

    def info(self) -> dict[str, object]:
        return {
            "device": self.device,
            "library": "numpy",
            "reason": "no_torch",
            "checkpoint": self.checkpoint,
            "checkpoint_hash": "0" * 64,
        }

    def field(
        self, prompt: str, conditions: Conditions = None, objects: Objects = None
    ) -> NoReturn:
        raise BadPrompt("this engine has no pictures")

    def generate(
        self,
        prompt: str,
        options: MeshOptions,
        progress: ProgressCallback,
        cancel: CancelToken,
        conditions: Conditions = None,
        objects: Objects = None,
    ) -> GeneratedMesh:
        word, _, argument = prompt.strip().partition(" ")
        if word in _DEEDS:
            _DEEDS[word](argument, progress, cancel)
        notes = ["a note"] if word == "noted" else said(conditions, objects)
        return textured_cube(prompt, options, notes)

    def between(
        self,
        prompts: Sequence[str],
        place: float | Sequence[float],
        options: MeshOptions,
        progress: ProgressCallback,
        cancel: CancelToken,
        conditions: Conditions = None,
        objects: Objects = None,
    ) -> GeneratedMesh:
        weights = place if isinstance(place, Sequence) else None
        name = mix_name(prompts, shares_at(prompts, place))
        return textured_cube(name, options, said(conditions, objects, weights))

    def interpolate(
        self,
        prompts: Sequence[str],
        options: ChainOptions,
        progress: ProgressCallback,
        cancel: CancelToken,
        conditions: Conditions = None,
        objects: Objects = None,
        weights: Sequence[Sequence[float]] = (),
    ) -> TrackedMesh:
        from scripted_objects import chain_arrays

        from backend.tracking.tracked_mesh import TrackedMesh

        stops = [mix_name(prompts, stop) for stop in weights] or list(prompts)
        words = stops[0].split()
        steps(6000 if "slow" in words else 3, 0.01, progress, cancel, of=6000, stage="track")
        if "die" in words:
            _die("", progress, cancel)
        if "thin" in words and options.topology == "quads":
            raise TooThin("The object cannot be covered with 4000 quads: parts of it are too thin.")
        if "empty" in words:
            raise BadRequest("the object at alpha 0.50 has no surface", "choose other prompts")
        arrays = chain_arrays(stops, options.keys)
        if "broken" in words:
            arrays["positions"] = arrays["positions"][:, :, :2]
        names = [
            f"{alpha + 1:05.2f} {stops[int(alpha)]}"
            if alpha % 1
            else f"{int(alpha) + 1:02d} {stops[int(alpha)]}"
            for alpha in arrays["alphas"]
        ]
        return TrackedMesh(
            prompts=stops,
            alphas=arrays["alphas"],
            names=names,
            faces=arrays["faces"],
            uvs=arrays["uvs"],
            positions=arrays["positions"],
            textures=arrays["textures"],
            texture_alphas=arrays["alphas"],
            changes=[TopologyChange(alpha=0.5, kind="part appears", count=2)],
            timings={"keys": 0.4, "bake": 0.1},
            notes=["a note about the chain", *said(conditions, objects, weights)],
        )

    def preview(
        self,
        prompts: Sequence[str],
        place: float | Sequence[float],
        resolution: int,
        conditions: Conditions = None,
        objects: Objects = None,
    ) -> PreviewMesh:
        import numpy as np
        from scripted_objects import ball, color, radius

        from backend.tracking.preview import PreviewMesh

        words = prompts[0].split()
        if "die" in words and place:
            _die("", lambda *_: None, CancelToken())
        directions, faces, _ = ball()
        shares = shares_at(prompts, place)
        size = sum(radius(prompt) * share for prompt, share in zip(prompts, shares, strict=True))
        first = next(prompt for prompt, share in zip(prompts, shares, strict=True) if share)
        colors = np.tile(color(first), (len(directions), 1))
        if "empty" in words:
            directions, faces, colors = directions[:0], faces[:0], colors[:0]
        return PreviewMesh((directions * size).astype(np.float32), faces, colors)

    def invert(
        self,
        model: ColoredMesh,
        turn: float | None,
        progress: ProgressCallback,
        cancel: CancelToken,
    ) -> tuple[dict[str, float], Inversion]:
        import numpy as np

        from backend.inversion.invert import Inversion
        from backend.inversion.pictures import Likeness
        from backend.inversion.placing import Placement

        words = self.model_name.split()
        steps(200 if "slow" in words else 1, 0.01, progress, cancel, of=200, stage="fit")
        if "broken" in words:
            raise BadRequest("the object is empty: there is no triangle in it", "choose another")
        if "memory" in words:
            raise OutOfMemory("There was not enough memory to finish.")
        far = "far" in words
        return {}, Inversion(
            code=np.array([0.25, -1.5, len(model.vertices)]),
            placement=Placement(),
            likeness=Likeness(psnr=12.0 if far else 28.5, iou=0.5 if far else 0.97),
            nearest="a pig",
            far=far,
            notes=["too far"] if far else [],
        )


def invert(params: InvertParams, job: methods.Context) -> object:
    """The server's own, after which the engine knows the model's name as well."""
    job.engine.model_name = params.name  # type: ignore[attr-defined]
    return methods.invert(params, job)


def textured_cube(prompt: str, options: MeshOptions, notes: list[str]) -> GeneratedMesh:
    from scripted_objects import cube

    from backend.textured_mesh import GeneratedMesh

    arrays = cube(options.texture_size)
    return GeneratedMesh(
        vertices=arrays["vertices"],
        faces=arrays["faces"],
        uvs=arrays["uvs"],
        texture=arrays["texture"],
        normal_map=arrays["texture"].copy() if options.normal_map else None,
        timings={"text": 0.01, "bake": 0.02},
        notes=notes,
        prompt=prompt,
    )


def said(conditions: Conditions, objects: Objects, weights: object = None) -> list[str]:
    """What came with a request beside its prompts, as notes."""
    notes = [json.dumps(conditions, sort_keys=True)] if conditions else []
    notes += [f"model {name}" for name in objects or ()]
    return notes + ([f"weights {json.dumps(weights)}"] if weights else [])


def shares_at(prompts: Sequence[str], place: float | Sequence[float]) -> list[float]:
    """The share of each prompt at a place between them."""
    if isinstance(place, Sequence):
        return list(place)
    return [max(0.0, 1.0 - abs(place - index)) for index in range(len(prompts))]


def steps(
    count: int, pause: float, progress: ProgressCallback, cancel: CancelToken, of: int, stage: str
) -> None:
    """Work as a good engine does: small steps, a look at the token between them."""
    for step in range(count):
        progress(step / of, stage)
        cancel.check()
        time.sleep(pause)


def _work(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    count = int(float(argument) / 0.01)
    for step in range(count):
        progress(step / count, "first half" if 2 * step < count else "second half")
        cancel.check()
        time.sleep(0.01)


def _sleep(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """A stage that looks at nothing."""
    time.sleep(float(argument))


def _hold(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """A C extension that keeps Python's lock: PyDLL calls do not let go of it."""
    ctypes.PyDLL(None).usleep(int(float(argument) * 1e6))


def _slow(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    steps(200, 0.002, progress, cancel, of=200, stage="density")


def _hang(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    threading.Event().wait()


def _wobble(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """Progress as a bad engine reports it."""
    for fraction in (0.1, 0.5, 0.3, float("nan"), -1.0, 0.6, 7.0, 0.2):
        progress(fraction, f"stage {fraction}")


def _print(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    """Everything that libraries do to stdout."""
    print("printed by Python")  # noqa: T201
    sys.stdout.write("written by Python\n")
    sys.stdout.flush()
    os.write(1, b"written to descriptor 1\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"put by C")
    libc.fflush(None)
    os.system("echo echoed by a child process")


def _flood(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    block = (b"x" * 99 + b"\n") * 10_000
    for _ in range(int(argument)):
        sys.stderr.buffer.write(block)
    sys.stderr.flush()


def _fail(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    match argument:
        case "prompt":
            raise BadPrompt("no such thing", "ask for another")
        case "memory":
            raise MemoryError
        case "disk":
            raise OSError(28, "No space left on device", "result.bin")
        case "module":
            raise ModuleNotFoundError("No module named 'xatlas'", name="xatlas")
        case "warning":
            logging.getLogger("backend.scripted").warning("this is odd")
        case _:
            raise RuntimeError("first line\nsecond line")


def _memory(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    raise OutOfMemory("The GPU has too little memory for this.")


def _broken(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    raise BadRequest("This prompt cannot be made.")


def _die(argument: str, progress: ProgressCallback, cancel: CancelToken) -> None:
    sys.stderr.write("about to die\n")
    sys.stderr.flush()
    os.kill(os.getpid(), int(argument) if argument.isdecimal() else signal.SIGKILL)
    time.sleep(10)


_DEEDS: dict[str, Callable[[str, ProgressCallback, CancelToken], None]] = {
    "work": _work,
    "sleep": _sleep,
    "hold": _hold,
    "slow": _slow,
    "hang": _hang,
    "wobble": _wobble,
    "print": _print,
    "flood": _flood,
    "fail": _fail,
    "memory": _memory,
    "broken": _broken,
    "die": _die,
}

if __name__ == "__main__":
    methods.JOBS["invert"] = dataclasses.replace(methods.JOBS["invert"], run=invert)
    sys.exit(main(sys.argv[1:], module=(__file__,), make_engine=ScriptedEngine))  # type: ignore[arg-type]

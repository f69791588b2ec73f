"""Toybox views made as training goes: a ring of chunks, the oldest replaced every so many steps.

What the ring holds at a step is a function of the seed and the step, so a run that was killed goes
on with the same pictures; chunks are kept on disk while they are in the ring, to be read then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int, UInt8
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional

from backend.files import atomic_write, check_source
from backend.protocol.errors import OutputError
from backend.rendering.cameras import Cameras, orbit, sample_cameras
from backend.rendering.lighting import Shading, headlight, sample_lights

from ..clip.bank import to_bytes
from ..prompts import spec_of
from ..prompts.views import view_index
from ..toybox import AssetBatch, build, render, stack
from .config import DataConfig

_RENDER_BATCH = 64
"""Views rendered at once on a CPU: small enough for its caches."""
_RENDER_BATCH_GPU = 512
HELD_OUT = -1
"""Number of the chunk that is never trained on."""


@dataclass(frozen=True)
class BankedViews:
    """Pictures over nothing, and what they show."""

    rgba: UInt8[Tensor, "views 4 size size"]
    """Colour premultiplied by alpha, and alpha."""
    objects: Int[Tensor, " views"]
    """Which prompt each shows."""
    words: Int[Tensor, " views"]
    """Which of the view scheme's word groups fits the camera."""

    def over(
        self, rows: Int[Tensor, " batch"], backgrounds: Float[Tensor, "batch 3"]
    ) -> Float[Tensor, "batch 3 size size"]:
        """Some of the pictures, in [-1, 1], each over its color (sRGB in [0, 1])."""
        rgba = self.rgba[rows].float() / 255.0
        rgb = rgba[:, :3] + (1.0 - rgba[:, 3:]) * backgrounds[:, :, None, None]
        return rgb * 2.0 - 1.0


class ViewMaker:
    """Renders random views of a prompt set's toys."""

    def __init__(
        self,
        prompts: Sequence[str],
        config: DataConfig,
        size: int,
        seed: int,
        device: torch.device,
        *,
        compiled: bool,
    ) -> None:
        self.config = config
        self.size = size
        self._seed = seed
        self._count = len(prompts)
        self._device = device
        self._compiled = compiled
        assets = stack([build(spec_of(prompt)) for prompt in prompts])
        self._assets: AssetBatch = assets.to(device)
        self.looks = assets.fingerprint
        """Changes when a toy does."""
        said = f"{json.dumps(dataclasses.asdict(config))} {size} {seed} {compiled} {self.looks}"
        self.fingerprint = hashlib.sha256(said.encode()).hexdigest()[:12]
        """Changes when the pictures would."""

    @property
    def on_cpu(self) -> bool:
        return self._device.type == "cpu"

    @property
    def elevation(self) -> float:
        """Elevation of :meth:`around`, degrees: the middle of what is drawn."""
        return sum(self.config.cameras.elevation) / 2

    @torch.no_grad()
    def chunk(self, number: int) -> BankedViews:
        """The same views every time: objects in turn, everything else random (A13-A15)."""
        config = self.config
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + 7919 * (number + 2))
        order = torch.randperm(self._count, generator=generator)
        objects = order.repeat(-(-config.chunk // self._count))[: config.chunk]
        cameras = sample_cameras(config.chunk, config.cameras, generator)
        lights = sample_lights(cameras, config.lights, generator)
        unlit = torch.rand(config.chunk, generator=generator) < config.albedo_share
        rgba = torch.zeros(config.chunk, 4, self.size, self.size, dtype=torch.uint8)
        step = _RENDER_BATCH if self.on_cpu else _RENDER_BATCH_GPU
        groups: tuple[tuple[Shading, Tensor], ...] = (("albedo", unlit), ("full", ~unlit))
        for shading, wanted in groups:
            # Not split(): of no rows it would make one empty part.
            rows_of_group = wanted.nonzero()[:, 0]
            for start in range(0, len(rows_of_group), step):
                rows = rows_of_group[start : start + step]
                views = self._render(objects[rows], cameras[rows], lights[rows], shading)
                rgba[rows] = to_bytes(views).cpu()
        words = view_index(cameras, config.views)
        return BankedViews(rgba, objects, words)

    @torch.no_grad()
    def around(self, objects: Int[Tensor, " objects"]) -> Float[Tensor, "objects 4 4 size size"]:
        """Some toys from the front, left, back and right, lit: color times alpha, and alpha."""
        config = self.config.cameras
        distance, focal = sum(config.distance) / 2, sum(config.focal) / 2
        cameras = orbit(4, elevation=self.elevation, distance=distance, focal=focal)
        each = objects.repeat_interleave(4)
        cameras = cameras[torch.arange(4).repeat(len(objects))]
        parts = [
            self._render(each[rows], cameras[rows], headlight(cameras[rows]), "full").cpu()
            for rows in torch.arange(len(each)).split(_RENDER_BATCH)
        ]
        return torch.cat(parts).unflatten(0, (len(objects), 4))

    def _render(
        self,
        objects: Int[Tensor, " views"],
        cameras: Cameras,
        lights: Float[Tensor, "views 3"],
        shading: Shading,
    ) -> Float[Tensor, "views 4 size size"]:
        pictures = render(
            self._assets[objects.to(self._device)],
            cameras.to(self._device),
            self.size * self.config.supersample,
            lights=lights.to(self._device),
            shading=shading,
            background=torch.zeros(len(objects), 3, device=self._device),
            compiled=self._compiled,
        )
        rgba = torch.cat([pictures.rgb, pictures.alpha[..., None]], dim=-1).permute(0, 3, 1, 2)
        return functional.avg_pool2d(rgba, self.config.supersample)


class StreamingBank:
    """The ring of chunks that a step's pictures are drawn from."""

    def __init__(self, maker: ViewMaker, folder: Path) -> None:
        self._maker = maker
        self._folder = folder
        self._numbers = [-2] * maker.config.bank
        # The next chunk is made while steps run; not on a GPU, which both would share.
        self._helper = ThreadPoolExecutor(1) if maker.on_cpu else None
        self._next: tuple[int, Future[BankedViews]] | None = None
        rows, size = maker.config.bank * maker.config.chunk, maker.size
        self.views = BankedViews(
            torch.zeros(rows, 4, size, size, dtype=torch.uint8),
            torch.zeros(rows, dtype=torch.long),
            torch.zeros(rows, dtype=torch.long),
        )

    def numbers(self, step: int) -> list[int]:
        """The chunks in the ring at a step, by place."""
        config = self._maker.config
        newest = config.bank - 1 + (step // config.refresh if config.refresh else 0)
        return [newest - (newest - place) % config.bank for place in range(config.bank)]

    def advance(
        self, step: int, progress: Callable[[int, int], None] = lambda done, all_: None
    ) -> None:
        """Bring the ring to a step; ``progress`` gets (chunks done, chunks to make).

        Raises:
            OutputError: the folder cannot be written.
        """
        wanted = self.numbers(step)
        todo = [place for place, number in enumerate(wanted) if self._numbers[place] != number]
        for done, place in enumerate(todo):
            progress(done, len(todo))
            number, ahead = self._next or (None, None)
            chunk = ahead.result() if ahead and number == wanted[place] else None
            chunk = chunk or self._take(wanted[place])
            rows = slice(place * len(chunk.objects), (place + 1) * len(chunk.objects))
            self.views.rgba[rows] = chunk.rgba
            self.views.objects[rows] = chunk.objects
            self.views.words[rows] = chunk.words
            self._numbers[place] = wanted[place]
        progress(len(todo), len(todo))
        if todo and self._helper and self._maker.config.refresh:
            following = max(wanted) + 1
            self._next = (following, self._helper.submit(self._take, following))

    def close(self) -> None:
        """Wait for the helper, whose work is not needed any more."""
        if self._helper:
            self._helper.shutdown(cancel_futures=True)

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
        """Random rows of :attr:`views`."""
        return torch.randint(len(self.views.objects), (count,), generator=generator)

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._maker.fingerprint}-{number:06d}.safetensors"

    def _take(self, number: int) -> BankedViews:
        """A chunk from disk, or made and put there; the one it replaces is deleted."""
        path = self._path(number)
        with contextlib.suppress(OSError, SafetensorError, TypeError):
            return BankedViews(**load_file(check_source(path)))
        chunk = self._maker.chunk(number)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, save(vars(chunk)))
            # The state on disk may be older than this step: keep as many again.
            self._path(number - 2 * self._maker.config.bank).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot keep pictures in {self._folder}: {error}",
                "free some space or choose another folder with --run, then start the same command"
                " again: it goes on from the last state",
            ) from error
        return chunk

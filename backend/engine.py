"""A loaded checkpoint that answers prompts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .field_reader import Field
from .loading import Choice, Model, choose
from .mesh_pipeline import field_to_mesh
from .paths import default_checkpoint
from .progress import CancelToken, ProgressCallback, Stages
from .prompt_reader import Objects, PromptReader
from .prompts.chain import check_chain, check_place
from .prompts.mixes import check_mix, check_path, mix_name
from .prompts.normalize import normalize_prompt
from .protocol.errors import BadRequest
from .protocol.options import ChainOptions, MeshOptions, PreviewOptions
from .real_size import UNKNOWN, chain_at_real_size
from .textured_mesh import GeneratedMesh
from .tracking.chain import PromptChain
from .tracking.preview import PreviewMesh, preview_mesh
from .tracking.track import SHARES as TRACK_SHARES
from .tracking.track import track
from .tracking.tracked_mesh import TrackedMesh

if TYPE_CHECKING:
    from .inversion.colored_mesh import ColoredMesh
    from .inversion.invert import Inversion

__all__ = ["Engine", "GeneratedMesh", "MeshOptions"]


class Engine:
    """Loads one checkpoint; then a prompt is a field, and a field is a mesh.

    May be used from several threads; jobs run one after another. ``conditions`` are values of what
    the checkpoint amortizes over beside the text (A31); those not given have their defaults, and
    one that it does not have, or out of its range, raises BadRequest. ``objects`` are inverted
    models by the names that stand for them in prompts; one of another checkpoint raises BadRequest.

    Args:
        checkpoint_path: a checkpoint; None means the bundled one.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        accelerator: ``auto``, ``torch``, ``tinycudann``.

    Raises:
        CheckpointError: missing, damaged, too new, or not a checkpoint.
        BadRequest: no such device or accelerator, or they do not go together.
        MissingDependency: device, accelerator or checkpoint need torch, which is not here or
            broken.
    """

    def __init__(
        self,
        checkpoint_path: Path | str | None = None,
        device: str = "auto",
        accelerator: str = "auto",
    ) -> None:
        started = time.perf_counter()
        path = default_checkpoint() if checkpoint_path is None else Path(checkpoint_path)
        self.choice: Choice = choose(path, device, accelerator)
        self.checkpoint: Model = self.choice.load(path)
        self.device = self.checkpoint.device
        self._prompts = PromptReader(self.checkpoint)
        self._lock = threading.Lock()
        self.load_seconds = time.perf_counter() - started

    def generate(
        self,
        prompt: str,
        options: MeshOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> GeneratedMesh:
        """The prompt's object as a textured mesh.

        Raises:
            BadPrompt: nothing to draw, or too long.
            BadRequest: an option is out of range, or the prompt's object has no surface.
            Cancelled: ``cancel`` was raised.
            NotDownloaded: the text encoder is not on this machine.
        """
        prompt = normalize_prompt(prompt)
        stages = Stages(progress, cancel)
        with self._lock:
            field, notes = self._prompts.field(prompt, stages, conditions, objects)
            finish, coats = self._prompts.finishes(prompt, conditions, objects)
            options = options or MeshOptions()
            mesh = field_to_mesh(field, options, stages, finish=finish, coats=coats)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            self._prompts.scale(mesh, {prompt: 1.0})
        mesh.prompt = prompt
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def between(
        self,
        prompts: Sequence[str],
        place: float | Sequence[float],
        options: MeshOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> GeneratedMesh:
        """The object between prompts as a textured mesh; its prompt tells the shares.

        Args:
            place: alpha in the chain of the prompts, or the share of each of them.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: no prompt, too many, the place is none, an option is out of range, or there
                is no surface.
            Cancelled: ``cancel`` was raised.
            NotDownloaded: the text encoder is not on this machine.
        """
        clean, shares = _shares(prompts, place)
        stages = Stages(progress, cancel)
        with self._lock:
            with stages.stage("text"):
                chain = self._prompts.chain(clean, conditions, objects)
            with stages.stage("grid"):
                field = chain.mixed(shares)
            mesh = field_to_mesh(field, options or MeshOptions(), stages)
        mesh.prompt = mix_name(clean, shares)
        used = [prompt for prompt, share in zip(clean, shares, strict=True) if round(100 * share)]
        with self._lock:
            notes = self._prompts.notes(used, conditions, objects)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            parts = zip(clean, shares, strict=True)
            self._prompts.scale(mesh, {said: share for said, share in parts if share})
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def interpolate(
        self,
        prompts: Sequence[str],
        options: ChainOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
        weights: Sequence[Sequence[float]] = (),
    ) -> TrackedMesh:
        """The chain of prompts as one mesh whose vertices and texture change.

        Args:
            weights: instead of the prompts one after the other, the share of each at every stop of
                a path between them.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: not a chain, an option is out of range, or the object vanishes somewhere.
            Cancelled: ``cancel`` was raised.
            NotDownloaded: the text encoder is not on this machine.
        """
        clean, stops = check_path(prompts, weights) if weights else (check_chain(prompts), [])
        stages = Stages(progress, cancel, TRACK_SHARES)
        with self._lock:
            with stages.stage("text"):
                chain = self._prompts.chain(clean, conditions, objects)
            mesh = track(chain.path(stops) if stops else chain, options, stages)
            notes = self._prompts.notes(clean, conditions, objects)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            sizes = [self._prompts.size(prompt) for prompt in clean]
            known = [size for size in sizes if size is not None]
            if len(known) == len(sizes):
                if stops:  # the geometric mean by share, as everywhere between prompts
                    known = np.exp(np.array(stops) @ np.log(known)).tolist()
                mesh.positions = chain_at_real_size(mesh.positions, mesh.alphas, known)
            else:
                mesh.notes.append(UNKNOWN)
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def preview(
        self,
        prompts: Sequence[str],
        place: float | Sequence[float],
        resolution: int = 40,
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> PreviewMesh:
        """The object between prompts (or of one), quick and untextured.

        Args:
            place: alpha in the chain of the prompts, or the share of each of them.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: no prompt, too many, or a number out of range.
            NotDownloaded: the text encoder is not on this machine.
        """
        options = PreviewOptions(resolution)
        clean, shares = _shares(prompts, place)
        started = time.perf_counter()
        with self._lock:
            field = self._prompts.chain(clean, conditions, objects).mixed(shares)
            read = time.perf_counter()
            mesh = preview_mesh(field, options.resolution)
        mesh.timings = {"grid": read - started, "mesh": time.perf_counter() - read}
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def invert(
        self,
        model: ColoredMesh,
        turn: float | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> tuple[dict[str, float], Inversion]:
        """Seconds by stage, and the nearest object that the checkpoint can make of a model.

        Args:
            turn: degrees by which the model is turned about the vertical; None: what fits best.

        Raises:
            BadRequest: the model has no size, or the checkpoint cannot be inverted.
            Cancelled: ``cancel`` was raised.
        """
        from .inference.model import NumpyModel
        from .inversion.invert import SHARES, invert

        stages = Stages(progress, cancel, SHARES)
        with self._lock:
            model_of = self.checkpoint
            if model_of.metadata.config.mapping == "attention":
                raise BadRequest(
                    "a model that maps text by attention (A6) has no code for an object of "
                    "your own",
                    "choose a model with another mapping network",
                )
            if not isinstance(model_of, NumpyModel):
                model_of = NumpyModel(model_of.path)
            found = invert(model_of, self._prompts.encode, model, stages, turn)
        stages.done()
        return stages.timings, found

    def chain(self, prompts: Sequence[str]) -> PromptChain:
        """The chain's fields by alpha.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: not a chain.
            NotDownloaded: the text encoder is not on this machine.
        """
        with self._lock:
            return self._prompts.chain(check_chain(prompts))

    def field(
        self,
        prompt: str,
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> tuple[Field, list[str]]:
        """The prompt's field, and notes about what the checkpoint does not know.

        Raises:
            BadPrompt: nothing to draw, or too long.
            NotDownloaded: the text encoder is not on this machine.
        """
        with self._lock:
            return self._prompts.field(normalize_prompt(prompt), Stages(), conditions, objects)

    def warm_up(self) -> None:
        """Run everything once at its smallest, so that the first prompt is as quick as the next."""
        known = self.checkpoint.metadata.prompts
        field, _ = self.field(known[0] if known else "an object")
        field_to_mesh(field, MeshOptions(faces=500, texture_size=64, resolution=32))

    def info(self) -> dict[str, object]:
        """The loaded checkpoint and what computes it, as plain data."""
        return {
            "checkpoint": str(self.checkpoint.path),
            "checkpoint_hash": self.checkpoint.sha256,
            "name": self.checkpoint.metadata.name,
            "device": self.device,
            "library": self.choice.library,
            "reason": self.choice.reason,
            "broken": self.choice.broken,
            "text_encoder": self._prompts.encoder_name,
            "load_seconds": self.load_seconds,
        }


def _shares(
    prompts: Sequence[str], place: float | Sequence[float]
) -> tuple[list[str], list[float]]:
    """The prompts as normalised, and the share of each at a place between them.

    Raises:
        BadPrompt, BadRequest: see :func:`check_place` and :func:`check_mix`.
    """
    if isinstance(place, Sequence):
        return check_mix(prompts, place)
    clean = check_place(prompts, place)
    first = max(min(int(place), len(clean) - 2), 0)
    shares = [0.0] * len(clean)
    shares[first] = 1.0 - (place - first)
    if len(clean) > 1:
        shares[first + 1] = place - first
    return clean, shares

"""A loaded checkpoint that answers prompts."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .atlas.finish import Coat
from .conditions import check_conditions
from .field_reader import Field
from .loading import Choice, Model, choose, text_encoder
from .mesh_pipeline import field_to_mesh
from .paths import default_checkpoint
from .progress import CancelToken, ProgressCallback, Stages
from .prompts.chain import check_chain, check_place
from .prompts.materials import PLAIN, Finish, read_finishes
from .prompts.mixes import check_mix, check_path, mix_name
from .prompts.normalize import normalise_prompt
from .prompts.vocabulary import Vocabulary, words_read
from .protocol.errors import BadRequest
from .protocol.messages import ObjectCode
from .protocol.options import ChainOptions, MeshOptions, PreviewOptions
from .real_size import UNKNOWN, RealSizes, at_real_size, chain_at_real_size
from .rivals import judge
from .shapes import Float
from .text.word_meanings import KnownMeanings
from .textured_mesh import GeneratedMesh
from .tracking.chain import PromptChain
from .tracking.preview import PreviewMesh, preview_mesh
from .tracking.track import SHARES as TRACK_SHARES
from .tracking.track import track
from .tracking.tracked_mesh import TrackedMesh

if TYPE_CHECKING:
    from .inversion.colored_mesh import ColoredMesh
    from .inversion.invert import Inversion

Objects = Mapping[str, ObjectCode]
"""Inverted models by the names that stand for them in prompts."""

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
        metadata = self.checkpoint.metadata
        self._encoder_name, self._encode = text_encoder(self.checkpoint)
        self._vocabulary = Vocabulary(
            metadata.prompts,
            metadata.words,
            metadata.synonyms,
            words_read(metadata.text_encoder),
            KnownMeanings,
        )
        self._sizes = RealSizes(metadata.sizes, KnownMeanings)
        self._last_chain: tuple[object, PromptChain] | None = None
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
        prompt = normalise_prompt(prompt)
        stages = Stages(progress, cancel)
        with self._lock:
            field, notes = self._field(prompt, stages, conditions, objects)
            finish, coats = self._finishes(prompt, conditions, objects)
            options = options or MeshOptions()
            mesh = field_to_mesh(field, options, stages, finish=finish, coats=coats)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            self._scale(mesh, {prompt: 1.0})
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
                chain = self._chain(clean, conditions, objects)
            with stages.stage("grid"):
                field = chain.mixed(shares)
            mesh = field_to_mesh(field, options or MeshOptions(), stages)
        mesh.prompt = mix_name(clean, shares)
        used = [prompt for prompt, share in zip(clean, shares, strict=True) if round(100 * share)]
        with self._lock:
            notes = self._notes(used, conditions, objects)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            parts = zip(clean, shares, strict=True)
            self._scale(mesh, {said: share for said, share in parts if share})
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
                chain = self._chain(clean, conditions, objects)
            mesh = track(chain.path(stops) if stops else chain, options, stages)
            notes = self._notes(clean, conditions, objects)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            sizes = [self._sizes.of(prompt) for prompt in clean]
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
            field = self._chain(clean, conditions, objects).mixed(shares)
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
            found = invert(model_of, self._encode, model, stages, turn)
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
            return self._chain(check_chain(prompts))

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
            return self._field(normalise_prompt(prompt), Stages(), conditions, objects)

    def warm_up(self) -> None:
        """Run everything once at its smallest, so that the first prompt is as quick as the next."""
        known = self.checkpoint.metadata.prompts
        field, _ = self.field(known[0] if known else "an object")
        field_to_mesh(field, MeshOptions(faces=500, texture_size=64, resolution=32))

    def info(self) -> dict[str, object]:
        """What is loaded, as plain data."""
        return {
            "checkpoint": str(self.checkpoint.path),
            "checkpoint_hash": self.checkpoint.sha256,
            "name": self.checkpoint.metadata.name,
            "device": self.device,
            "library": self.choice.library,
            "reason": self.choice.reason,
            "broken": self.choice.broken,
            "text_encoder": self._encoder_name,
            "load_seconds": self.load_seconds,
        }

    def _chain(
        self,
        prompts: Sequence[str],
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> PromptChain:
        """The chain, its prompts encoded; the one used last is kept, for a slider."""
        names = tuple(prompts)
        key = (names, *(self._named(prompt, objects) for prompt in names))
        values = self._checked(conditions)
        if self._last_chain is None or self._last_chain[0] != key:
            embeddings = self._embed(names, objects)
        else:
            embeddings = self._last_chain[1].embeddings
        chain = PromptChain(
            names, embeddings, lambda embedding: self.checkpoint.field(embedding, values)
        )
        self._last_chain = key, chain
        return chain

    def _field(
        self,
        prompt: str,
        stages: Stages,
        conditions: Mapping[str, float] | None,
        objects: Objects | None,
    ) -> tuple[Field, list[str]]:
        values = self._checked(conditions)
        with stages.stage("text"):
            embedding = self._embed([prompt], objects)[0]
        with stages.stage("grid"):
            field = self.checkpoint.field(embedding, values)
            notes = self._notes([prompt], conditions, objects)
        return field, notes

    def _finishes(
        self, prompt: str, conditions: Mapping[str, float] | None, objects: Objects | None
    ) -> tuple[Finish, list[Coat]]:
        """Metal and roughness of the prompt's object and of its parts."""
        if self._named(prompt, objects) is not None:
            return PLAIN, []
        about = self._vocabulary.familiarity(prompt)
        whole, parts = read_finishes(about.heard, about.effective)
        fields = (self._field(part.without, Stages(), conditions, None)[0] for part in parts)
        coats = [Coat(part.finish, field) for part, field in zip(parts, fields, strict=True)]
        return whole or PLAIN, coats

    def _embed(
        self, prompts: Sequence[str], objects: Objects | None
    ) -> Float[np.ndarray, "prompts tokens width"]:
        """Text embeddings, and those of inverted models where a prompt is the name of one."""
        found: list[np.ndarray | None] = [None] * len(prompts)
        said = []
        for index, prompt in enumerate(prompts):
            if (code := self._named(prompt, objects)) is not None:
                found[index] = self.checkpoint.embedding_of(np.array(code.code))
            else:
                said.append((index, self._vocabulary.familiarity(prompt).heard))
        if said:
            embeddings = self._encode([heard for _, heard in said])
            for (index, _), embedding in zip(said, embeddings, strict=True):
                found[index] = embedding
        return np.stack([embedding for embedding in found if embedding is not None])

    def _named(self, prompt: str, objects: Objects | None) -> ObjectCode | None:
        """The inverted model that a prompt names, if it names one.

        Raises:
            BadRequest: it belongs to another checkpoint.
        """
        wanted = prompt.casefold()
        code = next((c for name, c in (objects or {}).items() if name.casefold() == wanted), None)
        if code is not None and code.checkpoint_hash != self.checkpoint.sha256:
            raise BadRequest(
                f"the object {prompt!r} was made with another model than "
                f"{self.checkpoint.metadata.name!r}",
                "choose its model, or use the object again with this one (`att3d invert`)",
            )
        return code

    def _notes(
        self,
        prompts: Sequence[str],
        conditions: Mapping[str, float] | None,
        objects: Objects | None = None,
    ) -> list[str]:
        """What of the prompts is not heard, each sentence once."""
        values = self._checked(conditions)

        def field_of(text: str) -> Field:
            return self.checkpoint.field(self._encode([text])[0], values)

        said = [prompt for prompt in prompts if self._named(prompt, objects) is None]
        notes = [judge(self._vocabulary.familiarity(prompt), field_of).note for prompt in said]
        return [note for note in dict.fromkeys(notes) if note]

    def _scale(self, mesh: GeneratedMesh, shares: Mapping[str, float]) -> None:
        """Give a mesh the real size of its prompts, whose shares add up to 1."""
        sizes = {prompt: self._sizes.of(prompt) for prompt in shares}
        known = {prompt: size for prompt, size in sizes.items() if size is not None}
        if len(known) < len(shares):
            mesh.notes.append(UNKNOWN)
            return
        logarithm = sum(share * math.log(known[prompt]) for prompt, share in shares.items())
        mesh.vertices = at_real_size(mesh.vertices, math.exp(logarithm))

    def _checked(self, conditions: Mapping[str, float] | None) -> dict[str, float]:
        return check_conditions(self.checkpoint.metadata.config.conditions, conditions)


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

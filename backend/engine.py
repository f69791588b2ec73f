"""A loaded checkpoint that answers prompts."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .atlas.finish import Coat
from .conditions import check_conditions
from .field_reader import Field
from .loading import Choice, Model, choose, text_encoder
from .mesh_pipeline import field_to_mesh
from .paths import default_checkpoint
from .progress import CancelToken, ProgressCallback, Stages
from .prompts.chain import check_chain, check_place
from .prompts.materials import PLAIN, Finish, read_finishes
from .prompts.normalize import normalise_prompt
from .prompts.vocabulary import Vocabulary, words_read
from .protocol.options import ChainOptions, MeshOptions, PreviewOptions
from .real_size import UNKNOWN, RealSizes, at_real_size, chain_at_real_size
from .rivals import judge
from .text.word_meanings import KnownMeanings
from .textured_mesh import GeneratedMesh
from .tracking.chain import PromptChain
from .tracking.preview import PreviewMesh, preview_mesh
from .tracking.track import SHARES as TRACK_SHARES
from .tracking.track import track
from .tracking.tracked_mesh import TrackedMesh

__all__ = ["Engine", "GeneratedMesh", "MeshOptions"]


class Engine:
    """Loads one checkpoint; then a prompt is a field, and a field is a mesh.

    May be used from several threads; jobs run one after another. ``conditions`` are values of what
    the checkpoint amortizes over beside the text (A31); those not given have their defaults, and
    one that it does not have, or out of its range, raises BadRequest.

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
        self._last_chain: PromptChain | None = None
        self._lock = threading.Lock()
        self.load_seconds = time.perf_counter() - started

    def generate(
        self,
        prompt: str,
        options: MeshOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
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
            field, notes = self._field(prompt, stages, conditions)
            finish, coats = self._finishes(prompt, conditions)
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
        alpha: float,
        options: MeshOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
    ) -> GeneratedMesh:
        """The object at one place of a chain as a textured mesh; its prompt tells the shares.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: no prompt, too many, ``alpha`` is not in the chain, an option is out of
                range, or there is no surface.
            Cancelled: ``cancel`` was raised.
            NotDownloaded: the text encoder is not on this machine.
        """
        clean = check_place(prompts, alpha)
        stages = Stages(progress, cancel)
        with self._lock:
            with stages.stage("text"):
                chain = self._chain(clean if len(clean) > 1 else clean * 2, conditions)
            with stages.stage("grid"):
                field = chain.field(alpha)
            mesh = field_to_mesh(field, options or MeshOptions(), stages)
        first = min(int(alpha), len(chain.prompts) - 2)
        share = round(100 * (alpha - first))
        ends = ((100 - share, chain.prompts[first]), (share, chain.prompts[first + 1]))
        mesh.prompt = ", ".join(f"{part}% {prompt}" for part, prompt in ends if part)
        with self._lock:
            notes = self._notes([said for part, said in ends if part], conditions)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            self._scale(mesh, {said: part / 100 for part, said in ends if part})
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def interpolate(
        self,
        prompts: Sequence[str],
        options: ChainOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
        conditions: Mapping[str, float] | None = None,
    ) -> TrackedMesh:
        """The chain of prompts as one mesh whose vertices and texture change.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: not a chain, an option is out of range, or the object vanishes somewhere.
            Cancelled: ``cancel`` was raised.
            NotDownloaded: the text encoder is not on this machine.
        """
        clean = check_chain(prompts)
        stages = Stages(progress, cancel, TRACK_SHARES)
        with self._lock:
            with stages.stage("text"):
                chain = self._chain(clean, conditions)
            mesh = track(chain, options, stages)
            notes = self._notes(clean, conditions)
        mesh.notes = notes + mesh.notes
        if options is not None and options.size == "real":
            sizes = [self._sizes.of(prompt) for prompt in clean]
            known = [size for size in sizes if size is not None]
            if len(known) == len(sizes):
                mesh.positions = chain_at_real_size(mesh.positions, mesh.alphas, known)
            else:
                mesh.notes.append(UNKNOWN)
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def preview(
        self,
        prompts: Sequence[str],
        alpha: float,
        resolution: int = 40,
        conditions: Mapping[str, float] | None = None,
    ) -> PreviewMesh:
        """The object at one place of a chain (or of one prompt), quick and untextured.

        Raises:
            BadPrompt: a prompt has nothing to draw, or is too long.
            BadRequest: no prompt, too many, or a number out of range.
            NotDownloaded: the text encoder is not on this machine.
        """
        options = PreviewOptions(resolution)
        clean = check_place(prompts, alpha)
        started = time.perf_counter()
        with self._lock:
            chain = self._chain(clean if len(clean) > 1 else clean * 2, conditions)
            field = chain.field(alpha)
            read = time.perf_counter()
            mesh = preview_mesh(field, options.resolution)
        mesh.timings = {"grid": read - started, "mesh": time.perf_counter() - read}
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

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
        self, prompt: str, conditions: Mapping[str, float] | None = None
    ) -> tuple[Field, list[str]]:
        """The prompt's field, and notes about what the checkpoint does not know.

        Raises:
            BadPrompt: nothing to draw, or too long.
            NotDownloaded: the text encoder is not on this machine.
        """
        with self._lock:
            return self._field(normalise_prompt(prompt), Stages(), conditions)

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
        self, prompts: Sequence[str], conditions: Mapping[str, float] | None = None
    ) -> PromptChain:
        """The chain, its prompts encoded; the one used last is kept, for a slider."""
        key = tuple(prompts)
        values = self._checked(conditions)
        if self._last_chain is None or self._last_chain.prompts != key:
            heard = [self._vocabulary.familiarity(prompt).heard for prompt in key]
            embeddings = self._encode(heard)
        else:
            embeddings = self._last_chain.embeddings
        self._last_chain = PromptChain(
            key, embeddings, lambda embedding: self.checkpoint.field(embedding, values)
        )
        return self._last_chain

    def _field(
        self, prompt: str, stages: Stages, conditions: Mapping[str, float] | None
    ) -> tuple[Field, list[str]]:
        values = self._checked(conditions)
        with stages.stage("text"):
            embedding = self._encode([self._vocabulary.familiarity(prompt).heard])[0]
        with stages.stage("grid"):
            field = self.checkpoint.field(embedding, values)
            notes = self._notes([prompt], conditions)
        return field, notes

    def _finishes(
        self, prompt: str, conditions: Mapping[str, float] | None
    ) -> tuple[Finish, list[Coat]]:
        """Metal and roughness of the prompt's object and of its parts."""
        about = self._vocabulary.familiarity(prompt)
        whole, parts = read_finishes(about.heard, about.effective)
        fields = (self._field(part.without, Stages(), conditions)[0] for part in parts)
        coats = [Coat(part.finish, field) for part, field in zip(parts, fields, strict=True)]
        return whole or PLAIN, coats

    def _notes(self, prompts: Sequence[str], conditions: Mapping[str, float] | None) -> list[str]:
        """What of the prompts is not heard, each sentence once."""
        values = self._checked(conditions)

        def field_of(text: str) -> Field:
            return self.checkpoint.field(self._encode([text])[0], values)

        notes = [judge(self._vocabulary.familiarity(prompt), field_of).note for prompt in prompts]
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

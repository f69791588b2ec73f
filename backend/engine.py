"""A loaded checkpoint that answers prompts."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import torch

from .mesh.options import MeshOptions
from .mesh.pipeline import field_to_mesh
from .mesh.result import GeneratedMesh
from .mesh.stages import Stages
from .model.checkpoint import Checkpoint, load_checkpoint
from .model.field import Field
from .paths import cache_dir, default_checkpoint
from .progress import CancelToken, ProgressCallback
from .protocol.errors import BadRequest
from .text.cache import CachedEncoder, EmbeddingCache
from .text.normalise import normalise_prompt
from .text.small_encoder import SmallEncoder
from .text.vocabulary import Vocabulary

__all__ = ["Engine", "GeneratedMesh", "MeshOptions", "choose_device"]


def choose_device(name: str) -> torch.device:
    """The device that ``name`` means; ``auto`` is the first GPU, or the CPU.

    Raises:
        BadRequest: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadRequest(
            f"the device {name!r} cannot be used: {reason}", "use auto, cpu, cuda or mps"
        ) from error
    return device


class Engine:
    """Loads one checkpoint; then a prompt is a field, and a field is a mesh.

    May be used from several threads; jobs run one after another.

    Args:
        checkpoint_path: a checkpoint; None means the bundled one.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        CheckpointError: missing, damaged, too new, or not a checkpoint.
        BadRequest: no such device.
    """

    def __init__(self, checkpoint_path: Path | str | None = None, device: str = "auto") -> None:
        started = time.perf_counter()
        path = default_checkpoint() if checkpoint_path is None else Path(checkpoint_path)
        self.device = choose_device(device)
        self.checkpoint: Checkpoint = load_checkpoint(path, self.device)
        metadata = self.checkpoint.metadata
        encoder = self.checkpoint.encoder()
        if isinstance(encoder, SmallEncoder):
            # Bundled and quick: part of loading. An open_clip model waits for a prompt that is
            # not in the cache; it may have to be downloaded, and takes seconds to read.
            encoder.warm_up()
        self._encoder = CachedEncoder(encoder, EmbeddingCache(cache_dir() / "embeddings"))
        self._vocabulary = Vocabulary(metadata.prompts, metadata.words, metadata.synonyms)
        self._lock = threading.Lock()
        self.load_seconds = time.perf_counter() - started

    def generate(
        self,
        prompt: str,
        options: MeshOptions | None = None,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
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
            field, notes = self._field(prompt, stages)
            mesh = field_to_mesh(field, options or MeshOptions(), stages)
        mesh.notes = notes + mesh.notes
        mesh.prompt = prompt
        mesh.checkpoint_hash = self.checkpoint.sha256
        return mesh

    def field(self, prompt: str) -> tuple[Field, list[str]]:
        """The prompt's field, and notes about what the checkpoint does not know.

        Raises:
            BadPrompt: nothing to draw, or too long.
            NotDownloaded: the text encoder is not on this machine.
        """
        with self._lock:
            return self._field(normalise_prompt(prompt), Stages())

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
            "device": str(self.device),
            "text_encoder": self._encoder.name,
            "load_seconds": self.load_seconds,
        }

    def _field(self, prompt: str, stages: Stages) -> tuple[Field, list[str]]:
        with stages.stage("text"):
            note = self._vocabulary.familiarity(prompt).note
            embedding = self._encoder.encode([prompt])[0]
        with stages.stage("grid"):
            field = self.checkpoint.field(embedding)
        return field, [note] if note else []

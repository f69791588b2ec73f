"""Embeddings on disk, so that a prompt is embedded once a machine (A9).

One safetensors file an embedding, named by the hash of the encoder's fingerprint and the prompt.
Readers in other processes see whole files only. What cannot be read back is treated as absent and
written anew. The cache is a convenience: a full or read-only disk costs its benefit (and a line in
the log), never the answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..files import atomic_write
from ..prompts.normalize import normalise_prompt
from .encoder import TextEncoder

_log = logging.getLogger(__name__)
_SUFFIX = ".safetensors"


class EmbeddingCache:
    """A folder of embeddings with a limit on its size; the longest unused go first."""

    def __init__(self, folder: Path, max_bytes: int = 256 * 2**20) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    def path(self, fingerprint: str, prompt: str) -> Path:
        """Where the embedding of a normalised prompt is, or would be."""
        key = hashlib.sha256(f"{fingerprint}\0{prompt}".encode()).hexdigest()
        return self.folder / f"{key}{_SUFFIX}"

    def get(self, fingerprint: str, prompt: str) -> Float[Tensor, "tokens width"] | None:
        """The stored embedding, or None when it is absent or cannot be read."""
        path = self.path(fingerprint, prompt)
        try:
            with safe_open(path, framework="pt") as file:
                if (file.metadata() or {}).get("prompt") != prompt:
                    return None
                embedding = file.get_tensor("embedding")
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            _log.info("ignoring the damaged cache entry %s: %s", path.name, error)
            return None
        if embedding.dtype != torch.float32 or embedding.ndim != 2:
            return None
        return embedding

    def put(self, fingerprint: str, prompt: str, embedding: Float[Tensor, "tokens width"]) -> None:
        """Store an embedding atomically, then remove the oldest while the folder is too large."""
        data = save({"embedding": embedding.contiguous()}, {"prompt": prompt})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic_write(self.path(fingerprint, prompt), data)
            self._trim()
        except OSError as error:
            _log.warning("the embedding cache %s cannot be written: %s", self.folder, error)

    def _trim(self) -> None:
        entries: list[tuple[float, int, str]] = []
        with os.scandir(self.folder) as listing:
            for entry in listing:
                try:
                    info = entry.stat()
                except FileNotFoundError:
                    continue
                entries.append((info.st_mtime, info.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.max_bytes:
                return
            Path(path).unlink(missing_ok=True)
            total -= size


class CachedEncoder:
    """A text encoder that asks the cache first; the encoder inside loads only when needed."""

    def __init__(self, encoder: TextEncoder, cache: EmbeddingCache) -> None:
        self.encoder = encoder
        self.cache = cache

    @property
    def name(self) -> str:
        return self.encoder.name

    @property
    def fingerprint(self) -> str:
        return self.encoder.fingerprint

    @property
    def tokens(self) -> int:
        return self.encoder.tokens

    @property
    def width(self) -> int:
        return self.encoder.width

    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """As the encoder inside, which sees each distinct prompt that is not stored once.

        Raises: what the encoder inside raises.
        """
        clean = [normalise_prompt(prompt) for prompt in prompts]
        shape = (self.tokens, self.width)
        known: dict[str, Tensor] = {}
        for prompt in dict.fromkeys(clean):
            stored = self.cache.get(self.fingerprint, prompt)
            if stored is not None and stored.shape == shape:
                known[prompt] = stored
        missing = [prompt for prompt in dict.fromkeys(clean) if prompt not in known]
        if missing:
            for prompt, embedding in zip(missing, self.encoder.encode(missing), strict=True):
                known[prompt] = embedding
                self.cache.put(self.fingerprint, prompt, embedding)
        return torch.stack([known[prompt] for prompt in clean]) if clean else torch.zeros(0, *shape)

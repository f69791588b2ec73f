"""Embeddings on disk, so that a prompt is embedded once a machine (A9).

One safetensors file an embedding, named by the hash of the encoder's fingerprint and the prompt.
Readers in other processes see whole files only. What cannot be read back is treated as absent and
written anew, also what a power cut left half written, which a checksum tells: forcing thousands of
small files to the disk would take minutes. The cache is a convenience: a full or read-only disk
costs its benefit (and a line in the log), never the answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..files import check_source, replacing
from ..prompts.normalize import normalize_prompt
from .encoder import TextEncoder

_log = logging.getLogger(__name__)
_SUFFIX = ".safetensors"


class TensorCache:
    """A folder of what text encoders made of prompts, with a limit on its size.

    A file holds one prompt's tensors by name. The longest unused files go first, a tenth of the
    limit at a time, so that the folder is rarely listed.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._used: int | None = None
        """Bytes in the folder, as far as this process knows; None: not counted yet."""
        self._broken = False

    def path(self, fingerprint: str, prompt: str) -> Path:
        """Where the tensors of a prompt are, or would be."""
        key = hashlib.sha256(f"{fingerprint}\0{prompt}".encode()).hexdigest()
        return self.folder / f"{key}{_SUFFIX}"

    def has(self, fingerprint: str, prompt: str) -> bool:
        """Whether there is a file for the prompt; it may be damaged."""
        return self.path(fingerprint, prompt).is_file()

    def read(self, fingerprint: str, prompt: str) -> dict[str, Tensor] | None:
        """The stored tensors, or None when they are absent or cannot be read."""
        path = self.path(fingerprint, prompt)
        try:
            with safe_open(check_source(path), framework="pt") as file:
                said = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                if said != _described(prompt, tensors):
                    return None
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            _log.info("ignoring the damaged cache entry %s: %s", path.name, error)
            return None
        return tensors

    def write(self, fingerprint: str, prompt: str, tensors: Mapping[str, Tensor]) -> None:
        """Store tensors atomically, then remove the longest unused if the folder is too large."""
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        data = save(whole, _described(prompt, whole))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self.path(fingerprint, prompt), durable=False) as unfinished:
                unfinished.write_bytes(data)
            self._trim(len(data))
        except OSError as error:
            if not self._broken:
                _log.warning(
                    "embeddings cannot be kept: the folder %s cannot be written: %s",
                    self.folder,
                    error,
                )
            self._broken = True

    def _trim(self, added: int) -> None:
        if self._used is None:
            self._used = sum(size for _, size, _ in self._entries())
        else:
            self._used += added
        if self._used <= self.max_bytes:
            return
        entries = sorted(self._entries())
        self._used = sum(size for _, size, _ in entries)
        if self._used <= self.max_bytes:
            return
        for _, size, path in entries:
            if self._used <= 0.9 * self.max_bytes:
                return
            Path(path).unlink(missing_ok=True)
            self._used -= size

    def _entries(self) -> Iterator[tuple[float, int, str]]:
        """Each file's time of last use, bytes and path."""
        with os.scandir(self.folder) as listing:
            for entry in listing:
                try:
                    info = entry.stat()
                except FileNotFoundError:
                    continue
                yield info.st_mtime, info.st_size, entry.path


def _described(prompt: str, tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """A file's metadata: a checksum of its tensors, and its prompt. (As one entry: several are
    written in any order, and two files of the same would differ.)"""
    checksum = 0
    for _, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().tobytes(), checksum)
    return {"holds": f"{checksum:08x} {prompt}"}


class EmbeddingCache(TensorCache):
    """The embeddings of one prompt each, in float32."""

    def __init__(self, folder: Path, max_bytes: int = 256 * 2**20) -> None:
        super().__init__(folder, max_bytes)

    def get(self, fingerprint: str, prompt: str) -> Float[Tensor, "tokens width"] | None:
        """The stored embedding, or None when it is absent or cannot be read."""
        embedding = (self.read(fingerprint, prompt) or {}).get("embedding")
        if embedding is None or embedding.dtype != torch.float32 or embedding.ndim != 2:
            return None
        return embedding

    def put(self, fingerprint: str, prompt: str, embedding: Float[Tensor, "tokens width"]) -> None:
        """Store the embedding of a normalised prompt."""
        self.write(fingerprint, prompt, {"embedding": embedding})


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
        clean = [normalize_prompt(prompt) for prompt in prompts]
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

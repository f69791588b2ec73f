"""The text encoder that a run conditions on (A9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.text.cache import CachedEncoder, EmbeddingCache
from backend.text.encoder import TextEncoder
from backend.text.open_clip_encoder import OpenClipEncoder
from backend.text.small_encoder import SmallEncoder

from .config import OUTPUTS

MIN_CACHE = 256 * 2**20
"""Bytes that the embeddings of a small set may have on disk, with their paraphrases."""


def conditioning_encoder(
    name: str,
    cache: Path | None = None,
    words: Sequence[str] = (),
    synonyms: Mapping[str, str] | None = None,
    count: int = 0,
    meaning: float = 0.0,
) -> TextEncoder:
    """``small``: the text tower trained here; a .safetensors path: another such tower; otherwise
    an open_clip model, whose embeddings are kept on disk in ``cache``, all ``count`` of a set.

    A tower of ours learnt the words of its own captions only: those of ``words``
    that it lacks are added, so that no two prompts look the same to it. ``meaning``: the share of
    these words' rows that is alike for words that mean alike.

    Raises:
        CheckpointError: there is no such tower.
        NotDownloaded: the open_clip model is not on this machine.
    """
    if name == "small" or name.endswith(".safetensors"):
        tower = SmallEncoder.load(OUTPUTS["conditioning"] if name == "small" else Path(name))
        return tower.with_words(words, synonyms or {}, meaning) if words else tower
    encoder = OpenClipEncoder(name)
    if cache is None:
        return encoder
    # Room for the whole set, whatever its size: a prompt is embedded once (A9).
    room = max(MIN_CACHE, (count + 1) * (4 * encoder.tokens * encoder.width + 4096))
    return CachedEncoder(encoder, EmbeddingCache(cache, room))

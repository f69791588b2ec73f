"""The text encoder that a run conditions on (A9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.text.cache import CachedEncoder, EmbeddingCache
from backend.text.encoder import TextEncoder
from backend.text.open_clip_encoder import OpenClipEncoder
from backend.text.small_encoder import SmallEncoder

from ..clip.config import OUTPUTS


def conditioning_encoder(
    name: str,
    cache: Path | None = None,
    words: Sequence[str] = (),
    synonyms: Mapping[str, str] | None = None,
) -> TextEncoder:
    """``small``: the text tower trained here; a .safetensors path: another such tower; otherwise
    an open_clip model, whose embeddings are kept on disk in ``cache``.

    A tower of ours learnt the words of its own captions only: those of ``words``
    that it lacks are added, so that no two prompts look the same to it.

    Raises:
        CheckpointError: there is no such tower.
        NotDownloaded: the open_clip model is not on this machine.
    """
    if name == "small" or name.endswith(".safetensors"):
        tower = SmallEncoder.load(OUTPUTS["conditioning"] if name == "small" else Path(name))
        return tower.with_words(words, synonyms or {}) if words else tower
    encoder = OpenClipEncoder(name)
    return encoder if cache is None else CachedEncoder(encoder, EmbeddingCache(cache))

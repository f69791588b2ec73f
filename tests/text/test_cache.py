"""Embeddings are kept on disk: found again, never half written, never trusted when damaged."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from backend.protocol.errors import BadPrompt
from backend.text.cache import CachedEncoder, EmbeddingCache
from backend.text.encoder import TextEncoder


class CountingEncoder:
    """Embeds a prompt as its length; counts what it is asked."""

    name = "counting"
    tokens = 3
    width = 4

    def __init__(self, fingerprint: str = "one") -> None:
        self.fingerprint = fingerprint
        self.asked: list[str] = []

    def encode(self, prompts: Sequence[str]) -> torch.Tensor:
        self.asked += prompts
        return torch.stack([torch.full((3, 4), float(len(prompt))) for prompt in prompts])


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "embeddings")


def test_the_second_time_comes_from_disk(cache: EmbeddingCache) -> None:
    first = CountingEncoder()
    cached = CachedEncoder(first, cache)
    assert isinstance(cached, TextEncoder)
    embeddings = cached.encode(["a pig", "a cow", "a  pig "])
    assert first.asked == ["a pig", "a cow"], "one question a distinct prompt"
    second = CountingEncoder()
    assert torch.equal(CachedEncoder(second, cache).encode(["a pig", "a cow", "a pig"]), embeddings)
    assert second.asked == []
    assert CachedEncoder(second, cache).encode([]).shape == (0, 3, 4)


def test_another_encoder_has_its_own_entries(cache: EmbeddingCache) -> None:
    CachedEncoder(CountingEncoder("one"), cache).encode(["a pig"])
    other = CountingEncoder("two")
    CachedEncoder(other, cache).encode(["a pig"])
    assert other.asked == ["a pig"]


@pytest.mark.parametrize("damage", [b"", b"junk", b"\xff" * 4096, None])
def test_a_damaged_entry_is_ignored_and_written_anew(
    cache: EmbeddingCache, damage: bytes | None
) -> None:
    encoder = CountingEncoder()
    cached = CachedEncoder(encoder, cache)
    cached.encode(["a pig"])
    path = cache.path("one", "a pig")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7] if damage is None else damage)
    assert cached.encode(["a pig"])[0, 0, 0] == 5.0
    assert encoder.asked == ["a pig", "a pig"]
    assert path.read_bytes() == whole


def test_what_was_written_but_never_reached_the_disk_is_not_trusted(cache: EmbeddingCache) -> None:
    """After a power cut a file may have its size and its header, and zeros for numbers."""
    embedding = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    cache.put("one", "a pig", embedding)
    path = cache.path("one", "a pig")
    whole = path.read_bytes()
    path.write_bytes(whole[: -embedding.nbytes] + bytes(embedding.nbytes))
    assert cache.get("one", "a pig") is None
    path.write_bytes(whole)
    stored = cache.get("one", "a pig")
    assert stored is not None and torch.equal(stored, embedding)


def test_an_entry_of_another_shape_or_prompt_is_not_used(cache: EmbeddingCache) -> None:
    encoder = CountingEncoder()
    cache.put("one", "a pig", torch.zeros(2, 4))
    assert CachedEncoder(encoder, cache).encode(["a pig"]).shape == (1, 3, 4)
    cache.path("one", "a cow").write_bytes(cache.path("one", "a pig").read_bytes())
    assert cache.get("one", "a cow") is None


def test_the_folder_keeps_to_its_size_and_drops_the_longest_unused(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path, max_bytes=3000)
    for index in range(10):
        cache.put("one", f"prompt {index}", torch.zeros(10, 10))
        os.utime(cache.path("one", f"prompt {index}"), (index, index))
    total = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert 0 < total <= 3000
    assert cache.get("one", "prompt 9") is not None
    assert cache.get("one", "prompt 0") is None


def test_a_folder_that_cannot_be_written_costs_only_the_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cached = CachedEncoder(CountingEncoder(), EmbeddingCache(blocked / "embeddings"))
    assert cached.encode(["a pig"])[0, 0, 0] == 5.0
    assert "cannot be written" in caplog.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_costs_only_the_cache(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    cached = CachedEncoder(CountingEncoder(), EmbeddingCache(tmp_path))
    assert cached.encode(["a pig"]).shape == (1, 3, 4)


def test_many_writers_and_readers_see_whole_entries(cache: EmbeddingCache) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for round_ in range(20):
            prompt = "pig " + "x" * (round_ % 5)
            embedding = CachedEncoder(CountingEncoder(), cache).encode([prompt])
            if embedding[0, 0, 0] != float(len(prompt.strip())):
                wrong.append((number, prompt, embedding))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not list(cache.folder.glob("*.part")), "temporary files are gone"


def test_a_bad_prompt_is_refused_before_anything_is_stored(cache: EmbeddingCache) -> None:
    with pytest.raises(BadPrompt):
        CachedEncoder(CountingEncoder(), cache).encode(["a pig", ""])
    assert not cache.folder.exists()

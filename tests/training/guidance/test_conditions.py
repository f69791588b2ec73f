"""Text conditions: from memory, from disk, or from the encoder, which loads only when needed."""

import os
import time

import pytest
import torch

from training.guidance.diffusion.conditions import Conditions, ConditionStore, TextCondition

MANY = 10**9


class Encoder:
    """Counts what it is asked."""

    large = True

    def __init__(self, fingerprint="one", pooled=True):
        self.fingerprint = fingerprint
        self.pooled = pooled
        self.seen: list[str] = []
        self.loaded = False
        self.largest = 0

    def encode(self, prompts):
        self.loaded = True
        self.seen += prompts
        self.largest = max(self.largest, len(prompts))
        value = torch.tensor([float(len(p)) for p in prompts], dtype=torch.float16)
        tokens = value[:, None, None].expand(-1, 4, 8)
        return TextCondition(tokens, value[:, None].expand(-1, 3) if self.pooled else None)

    def free(self):
        self.loaded = False


def lengths(condition: TextCondition) -> list[float]:
    return condition.tokens[:, 0, 0].tolist()


def test_each_prompt_is_embedded_once_in_order(tmp_path):
    encoder = Encoder()
    conditions = Conditions(encoder, ConditionStore(tmp_path, MANY))
    assert lengths(conditions(["aa", "b", "aa"])) == [2, 1, 2]
    assert lengths(conditions(["b", "", "aa"])) == [1, 0, 2]
    assert encoder.seen == ["aa", "b", ""]


@pytest.mark.parametrize("pooled", [True, False])
def test_a_second_run_needs_no_text_encoder(tmp_path, pooled):
    first = Conditions(Encoder(pooled=pooled), ConditionStore(tmp_path, MANY))(["aa", "b"])
    encoder = Encoder(pooled=pooled)
    again = Conditions(encoder, ConditionStore(tmp_path, MANY))(["aa", "b"])
    assert encoder.seen == []
    assert torch.equal(first.tokens, again.tokens)
    assert again.tokens.dtype == torch.float16
    assert (first.pooled is None) == (again.pooled is None) == (not pooled)


def test_another_encoder_does_not_get_these_embeddings(tmp_path):
    Conditions(Encoder(), ConditionStore(tmp_path, MANY))(["aa"])
    other = Encoder("two")
    Conditions(other, ConditionStore(tmp_path, MANY))(["aa"])
    assert other.seen == ["aa"]


def test_preparing_puts_everything_on_disk_and_frees_the_encoder(tmp_path):
    encoder = Encoder()
    conditions = Conditions(encoder, ConditionStore(tmp_path, MANY))
    conditions.prepare(f"prompt {i}" for i in range(100))
    assert len(encoder.seen) == 100
    assert encoder.largest <= 32
    assert not encoder.loaded
    conditions(["prompt 7", "prompt 99"])
    conditions.prepare(f"prompt {i}" for i in range(100))
    assert len(encoder.seen) == 100


def test_a_set_too_large_for_the_disk_keeps_the_encoder_and_says_so(tmp_path, caplog):
    encoder = Encoder()
    conditions = Conditions(encoder, ConditionStore(tmp_path, 8_000))
    conditions.prepare(f"prompt {i}" for i in range(100_000))
    assert encoder.loaded
    assert len(encoder.seen) < 200
    assert "text encoder stays" in caplog.text


def test_memory_holds_the_last_ones_only(tmp_path):
    encoder = Encoder()
    conditions = Conditions(encoder, None, memory=5 * 70)
    for i in range(100):
        conditions([f"prompt {i}"])
    assert conditions._held <= 5 * 70
    conditions(["prompt 99", "prompt 0"])
    assert encoder.seen.count("prompt 99") == 1
    assert encoder.seen.count("prompt 0") == 2


def test_the_folder_stays_within_its_size_and_drops_the_longest_unused(tmp_path):
    store = ConditionStore(tmp_path, 3_000)
    condition = Encoder().encode(["x"])
    for i in range(20):
        store.put("one", f"prompt {i}", condition)
        age = time.time() - 1000 + i
        os.utime(store.path("one", f"prompt {i}"), (age, age))
    used = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert used <= 3_000
    assert store.has("one", "prompt 19")
    assert not store.has("one", "prompt 0")


def test_damaged_files_are_embedded_anew(tmp_path):
    store = ConditionStore(tmp_path, MANY)
    Conditions(Encoder(), store)(["aa"])
    store.path("one", "aa").write_bytes(b"nonsense")
    encoder = Encoder()
    assert lengths(Conditions(encoder, store)(["aa"])) == [2]
    assert encoder.seen == ["aa"]
    assert store.get("one", "aa") is not None


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("")
    conditions = Conditions(Encoder(), ConditionStore(blocked / "texts", MANY))
    assert lengths(conditions(["aa", "b"])) == [2, 1]
    assert caplog.text.count("cannot be kept") == 1


def test_mixes_are_weighted_sums():
    condition = Encoder().encode(["a", "bbb"])
    mixed = condition.mix(torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]))
    assert lengths(mixed) == [2.0, 1.0, 2.5]
    assert mixed.pooled[:, 0].tolist() == [2.0, 1.0, 2.5]
    other = Encoder().encode(["ccccc", "d"])
    summed = TextCondition.sum([condition, other], torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    assert lengths(summed) == [3.0, 1.0]
    assert summed.pooled[:, 0].tolist() == [3.0, 1.0]

"""The bundled text tower: what it returns, how it is stored, what a broken one says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.protocol.errors import BadPrompt, CheckpointError
from backend.text.encoder import TextEncoder, encoder_from_config
from backend.text.small_encoder import SmallEncoder
from backend.text.text_tower import SmallEncoderConfig
from backend.text.tokenizer import learn_words
from tests.tiny import build_tower

WORDS = learn_words(["a pig wearing a tophat riding a bike"])
CONFIG = SmallEncoderConfig(words=WORDS, context=10, width=16, layers=2, heads=2, features=8)


@pytest.fixture
def encoder() -> SmallEncoder:
    torch.manual_seed(0)
    return SmallEncoder(CONFIG, build_tower(CONFIG).state_dict())


def test_it_is_a_text_encoder(encoder: SmallEncoder) -> None:
    assert isinstance(encoder, TextEncoder)
    embeddings = encoder.encode(["a pig", "a tophat", "a zebra \U0001f437"])
    assert embeddings.shape == (3, encoder.tokens, encoder.width)
    assert embeddings.dtype == torch.float32
    assert not embeddings.requires_grad
    assert embeddings.isfinite().all()
    assert encoder.encode([]).shape == (0, 10, 16)


def test_a_prompt_is_embedded_alike_alone_and_in_company(encoder: SmallEncoder) -> None:
    prompts = ["a pig", "a pig riding a bike", "a tophat"] * 200
    together = encoder.encode(prompts)
    torch.testing.assert_close(together[1:2], encoder.encode([prompts[1]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(together[3 * 150], together[0], atol=1e-5, rtol=0)


def test_spelling_without_meaning_does_not_change_the_embedding(encoder: SmallEncoder) -> None:
    plain, fancy = encoder.encode(["a pig riding a bike", "  A pig, riding a BIKE!!\n"])
    assert torch.equal(plain, fancy)


def test_the_last_position_is_what_the_projection_reads(encoder: SmallEncoder) -> None:
    prompts = ["a pig", "a tophat"]
    weight, bias = (encoder.state[f"text_projection.{name}"] for name in ("weight", "bias"))
    projected = encoder.encode(prompts)[:, -1] @ weight.T + bias
    expected = torch.nn.functional.normalize(projected, dim=-1)
    torch.testing.assert_close(encoder.features(prompts), expected)


def test_an_empty_prompt_is_refused(encoder: SmallEncoder) -> None:
    with pytest.raises(BadPrompt):
        encoder.encode(["a pig", "  "])


def test_half_precision_storage_changes_embeddings_by_less_than_half_a_percent(
    encoder: SmallEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "tower.safetensors"
    encoder.save(path, {"seed": 0})
    restored = SmallEncoder.load(path)
    assert restored.config == encoder.config
    before, after = (e.encode(["a pig riding a bike", "a tophat"]) for e in (encoder, restored))
    assert (before - after).norm() <= 0.005 * before.norm()
    again = tmp_path / "again.safetensors"
    restored.save(again)
    assert SmallEncoder.load(again).fingerprint == restored.fingerprint


def test_the_fingerprint_follows_weights_and_vocabulary(encoder: SmallEncoder) -> None:
    changed = dict(encoder.state)
    changed["ln_final.bias"] = changed["ln_final.bias"] + 1e-3
    assert SmallEncoder(CONFIG, changed).fingerprint != encoder.fingerprint
    assert SmallEncoder(CONFIG, dict(encoder.state)).fingerprint == encoder.fingerprint


def test_a_checkpoints_description_gives_the_encoder_back(encoder: SmallEncoder) -> None:
    again = encoder_from_config(CONFIG.to_dict(), encoder.storage())
    assert again.name == "small"
    torch.testing.assert_close(
        again.encode(["a pig"]), encoder.encode(["a pig"]), atol=5e-2, rtol=0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "huge"}, "unknown kind: 'huge'"),
        ({"width": None}, "width must be a whole number from 1 to 4096"),
        ({"layers": True}, "layers must be a whole number from 1 to 4096"),
        ({"width": 17}, "multiple of its heads"),
        ({"words": "pig"}, "words must be a list"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_a_wrong_description_says_what_is_wrong(
    encoder: SmallEncoder, change: dict[str, object], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        encoder_from_config(CONFIG.to_dict() | change, encoder.state)


def test_missing_or_wrong_weights_are_refused(encoder: SmallEncoder) -> None:
    with pytest.raises(CheckpointError, match="lacks its weights"):
        encoder_from_config(CONFIG.to_dict())
    without = {k: v for k, v in encoder.state.items() if k != "ln_final.bias"}
    with pytest.raises(CheckpointError, match="do not fit"):
        SmallEncoder(CONFIG, without).encode(["a pig"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ln_final.bias": None}, "ln_final.bias is missing"),
        ({"token_embedding.weight": None}, "token_embedding.weight is missing"),
        ({"ln_final.bias": torch.zeros(3)}, r"ln_final.bias is \[3\], not \["),
        ({"ln_final.bias": torch.full((CONFIG.width,), torch.nan)}, "ln_final.bias holds numbers"),
        ({"more": torch.zeros(1)}, "unknown tensor more"),
    ],
)
def test_a_file_with_a_spoilt_tensor_names_it(
    encoder: SmallEncoder, tmp_path: Path, change: dict[str, torch.Tensor | None], said: str
) -> None:
    state = {name: t for name, t in (encoder.state | change).items() if t is not None}
    path = tmp_path / "tower.safetensors"
    SmallEncoder(CONFIG, state).save(path)
    with pytest.raises(CheckpointError, match=said) as caught:
        SmallEncoder.load(path)
    assert str(path) in caught.value.message


def test_another_file_is_not_a_text_encoder(tmp_path: Path) -> None:
    path = tmp_path / "note.safetensors"
    path.write_text("not safetensors")
    for wrong in (path, tmp_path / "absent.safetensors"):
        with pytest.raises(CheckpointError, match="is not a text encoder"):
            SmallEncoder.load(wrong)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 4), (4, 2)])
def test_the_tower_is_open_clips(layers: int, heads: int) -> None:
    torch.manual_seed(layers)
    config = replace(CONFIG, layers=layers, heads=heads)
    tower = build_tower(config).eval()
    for weight in tower.parameters():  # biases start at zero, norms at one
        weight.data += 0.2 * torch.randn_like(weight)
    encoder = SmallEncoder(config, tower.state_dict())
    prompts = ["a pig", "a zebra riding a bike", "bike " * 30]
    with torch.no_grad():
        features, tokens = tower(torch.from_numpy(encoder.tokenizer(prompts)))
    torch.testing.assert_close(encoder.encode(prompts), tokens, atol=1e-5, rtol=1e-5)
    features = torch.nn.functional.normalize(features, dim=-1)
    torch.testing.assert_close(encoder.features(prompts), features, atol=1e-5, rtol=1e-5)


def test_the_tower_knows_every_weight_of_open_clips() -> None:
    state = build_tower(CONFIG).state_dict()
    assert CONFIG.shapes() == {name: tuple(value.shape) for name, value in state.items()}


def test_encoding_needs_neither_torch_nor_open_clip() -> None:
    script = """
import sys
import numpy as np
from backend.text.text_tower import SmallEncoderConfig, TextTower
config = SmallEncoderConfig(words=("pig",), context=4, width=8, layers=1, heads=1, features=4)
state = {name: np.ones(shape, np.float16) for name, shape in config.shapes().items()}
print(TextTower(config, state).encode(["a pig"]).shape)
print(*sorted({"torch", "open_clip", "torchvision"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.stdout.split("\n")[:2] == ["(1, 4, 8)", ""], done.stderr


def test_new_words_change_no_embedding_of_known_ones(encoder: SmallEncoder) -> None:
    prompts = ["a pig riding a bike", "a tophat"]
    wider = encoder.with_words(["a dragon", "hatchling"], {"hatchling": "dragon"})
    assert wider.config.words == (*WORDS, "dragon", "hatchling")
    assert torch.equal(wider.encode(prompts), encoder.encode(prompts))
    assert encoder.with_words(["a pig", "bikes"]) is encoder


def test_new_words_are_told_apart_and_synonyms_lie_near(encoder: SmallEncoder) -> None:
    words = ["dragon", "hatchling", "cottage"]
    unknown = encoder.encode(words)
    assert torch.equal(unknown[0], unknown[2])
    wider = encoder.with_words(words, {"hatchling": "dragon"})
    dragon, hatchling, cottage = wider.encode(words).flatten(1)
    assert (dragon - cottage).norm() > (dragon - hatchling).norm() > 0.1
    # A word's row depends on the word, not on what else is added.
    alone = encoder.with_words(["cottage"]).state["token_embedding.weight"][-1]
    assert torch.equal(alone, wider.state["token_embedding.weight"][-1])


# --- rows of what words mean ---------------------------------------------------------------------


@pytest.fixture
def meaningful(encoder: SmallEncoder) -> SmallEncoder:
    return encoder.with_words(["a sofa", "a robot", "a sword", "qwzx"], meaning=0.5)


def row(encoder: SmallEncoder, word: str) -> torch.Tensor:
    return encoder.state["token_embedding.weight"][encoder.tokenizer.ids(word)[0]]


def test_new_rows_have_the_spread_that_random_ones_have(encoder: SmallEncoder) -> None:
    words = ["chair table lamp horse fish boat castle apple hammer flower cloud guitar"]
    table = encoder.state["token_embedding.weight"]
    random, meant = (encoder.with_words(words, meaning=share) for share in (0.0, 1.0))

    def spread(one: SmallEncoder) -> float:
        new = one.state["token_embedding.weight"][len(table) :] - table.mean(0)
        return float((new / table.std(0)).std())

    assert spread(meant) == pytest.approx(spread(random), rel=0.25)


def test_words_that_mean_alike_begin_alike(encoder: SmallEncoder) -> None:
    plain, meant = (encoder.with_words(["sofa couch planet"], meaning=m) for m in (0.0, 1.0))

    def cosine(one: SmallEncoder, a: str, b: str) -> float:
        center = encoder.state["token_embedding.weight"].mean(0)
        return float(torch.cosine_similarity(row(one, a) - center, row(one, b) - center, dim=0))

    assert cosine(meant, "sofa", "couch") > 0.5
    assert cosine(meant, "sofa", "couch") > cosine(meant, "sofa", "planet") + 0.3
    assert cosine(plain, "sofa", "couch") < 0.5


def test_unknown_words_have_rows_of_what_they_mean(
    encoder: SmallEncoder, meaningful: SmallEncoder, tmp_path: Path
) -> None:
    """Without meanings all unknown words look the same; a word without any still does."""
    blank = encoder.encode(["a couch", "a dragon"])
    assert torch.equal(blank[0], blank[1])
    couch, dragon, one, other = meaningful.encode(["a couch", "a dragon", "a qqzz", "a zzqq"])
    assert not torch.allclose(couch, dragon, atol=1e-3)
    assert torch.equal(one, other)
    path = tmp_path / "tower.safetensors"
    meaningful.save(path)
    again = SmallEncoder.load(path)
    assert again.config == meaningful.config
    torch.testing.assert_close(again.encode(["a couch"])[0], couch, atol=5e-2, rtol=0)


def test_known_words_keep_their_embeddings(encoder: SmallEncoder, meaningful: SmallEncoder) -> None:
    prompts = ["a pig riding a bike", "a tophat"]
    assert torch.equal(encoder.encode(prompts), meaningful.encode(prompts))


def test_tower_without_meanings_is_described_as_before(encoder: SmallEncoder) -> None:
    assert "meanings" not in encoder.config.to_dict()
    assert SmallEncoderConfig.from_dict(encoder.config.to_dict()) == encoder.config
    with pytest.raises(CheckpointError, match="meanings must be true or false"):
        SmallEncoderConfig.from_dict(encoder.config.to_dict() | {"meanings": "yes"})

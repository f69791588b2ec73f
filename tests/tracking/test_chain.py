"""Chains of prompts: what is refused, the path between them, names of keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.engine import Engine
from backend.field_reader import Reader
from backend.progress import CancelToken
from backend.prompts.chain import check_chain, check_place
from backend.protocol.errors import BadPrompt, BadRequest
from backend.protocol.options import ChainOptions
from backend.tracking.chain import PromptChain, key_name
from backend.tracking.sudden import Moment

PROMPTS = ("a pig wearing a tophat", "a lion holding a blue balloon", "a pig on a chair")


@pytest.fixture(scope="module")
def engine(tiny_checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATT3D_CACHE", str(tmp_path_factory.mktemp("cache")))
        return Engine(tiny_checkpoint_path, "cpu")


@pytest.mark.parametrize(
    ("prompts", "error", "says"),
    [
        ([], BadRequest, "has 0"),
        (["a pig"], BadRequest, "has 1"),
        ([f"a pig {index}" for index in range(20)], BadRequest, "at most 16"),
        (["a pig", "a lion", " A  LION"], BadRequest, "2 and 3"),
        (["a pig", ""], BadPrompt, "empty"),
    ],
)
def test_what_is_no_chain(prompts: list[str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        check_chain(prompts)
    assert getattr(caught.value, "remedy", "")


def test_a_prompt_may_come_back_later() -> None:
    assert check_chain(["a pig ", "a lion", "a pig"]) == ["a pig", "a lion", "a pig"]


@pytest.mark.parametrize(
    "wrong",
    [{"keys": 1}, {"keys": 97}, {"faces": 5}, {"texture_size": 1}, {"resolution": 300}],
)
def test_options_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=next(iter(wrong))):
        ChainOptions(**wrong)


@pytest.mark.parametrize("alpha", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_preview_is_within_the_chain(alpha: float) -> None:
    with pytest.raises(BadRequest, match="alpha must be from 0 to 1"):
        check_place(["a", "b"], alpha)


def test_at_a_prompt_the_chain_is_that_prompts_object(engine: Engine) -> None:
    chain = engine.chain(PROMPTS)
    points = np.random.default_rng(0).random((50, 3), dtype=np.float32) - 0.5
    for index, prompt in enumerate(PROMPTS):
        alone, _ = engine.field(prompt)
        np.testing.assert_allclose(
            chain.field(float(index)).pre_density(points), alone.pre_density(points), rtol=1e-5
        )


def test_between_prompts_the_embedding_is_linear(engine: Engine) -> None:
    chain = engine.chain(PROMPTS)
    assert isinstance(chain, PromptChain)
    one, two, three = chain.embeddings
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(chain.embedding(0.25), 0.75 * one + 0.25 * two, **close)
    np.testing.assert_allclose(chain.embedding(1.5), 0.5 * (two + three), **close)
    np.testing.assert_allclose(chain.embedding(2.0), three, **close)


@pytest.mark.parametrize("alpha", [-0.5, 2.5, float("nan")])
def test_beyond_the_ends_there_is_nothing(engine: Engine, alpha: float) -> None:
    with pytest.raises(BadRequest, match="from 0 to 2"):
        engine.chain(PROMPTS).field(alpha)


def test_names_of_keys() -> None:
    prompts = ["oak chair", "stone throne", "a pig " * 30]
    assert key_name(prompts, 0.0) == "01 oak chair"
    assert key_name(prompts, 0.5) == "01.50 oak chair - stone throne"
    names = [key_name(prompts, step / 8) for step in range(17)]
    assert len(set(names)) == len(names)
    around_a_moment = Moment(0.4268, np.zeros(0, dtype=bool)).sides
    before, after = (key_name(prompts, alpha) for alpha in around_a_moment)
    assert before < after
    assert all(len(name.encode()) <= 60 for name in names)


def test_a_preview_is_the_true_object(engine: Engine) -> None:
    made = engine.preview(PROMPTS, 0.5, 32)
    field = engine.chain(PROMPTS).field(0.5)
    vertices = made.vertices
    off = np.abs(field.pre_density(vertices) - field.level)
    slope = np.linalg.norm(Reader(field, CancelToken()).gradient(vertices, 0.05), axis=1)
    assert (off / slope).max() < 0.02  # metres; a voxel has .065
    assert made.faces.max() == len(vertices) - 1
    assert made.colors.shape == made.vertices.shape

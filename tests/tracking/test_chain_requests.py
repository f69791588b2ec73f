"""The methods about chains over real pipes, with a real (tiny) checkpoint."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from backend.protocol import jsonrpc as rpc
from backend.protocol.errors import Att3dError, BadPrompt, BadRequest, Cancelled
from backend.protocol.messages import InterpolateResult, PreviewResult
from backend.protocol.schema import decode
from tests.timed import within
from tests.wire.pipes import Pipes

PROMPTS = ["a pig wearing a tophat", "a lion holding a blue balloon"]
SMALL = {"faces": 400, "texture_size": 64, "resolution": 32}
CANCEL_SECONDS = 0.2


@pytest.fixture(scope="module")
def backend(
    tiny_checkpoint_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipes]:
    cache = str(tmp_path_factory.mktemp("cache"))
    command = [sys.executable, "-m", "backend", "serve"]
    with Pipes(command, extra={"ATT3D_CACHE": cache}) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.notification("$/status", state="ready")
        yield pipes


@pytest.fixture
def wire(backend: Pipes) -> Pipes:
    backend.kept.clear()
    return backend


def test_interpolate(wire: Pipes) -> None:
    wire.request(
        1, "interpolate", prompts=[f" {PROMPTS[0]} ", *PROMPTS[1:]], keys=3, quality=True, **SMALL
    )
    result = decode(InterpolateResult, wire.result(1))
    assert result.prompts == PROMPTS
    arrays = load_file(result.mesh)
    assert {name: array.dtype for name, array in arrays.items()} == {
        "faces": np.int32,
        "uvs": np.float32,
        "positions": np.float32,
        "alphas": np.float32,
        "textures": np.uint8,
        "texture_alphas": np.float32,
    }
    keys, vertices = arrays["positions"].shape[:2]
    assert 2 <= keys <= 3
    assert vertices == result.vertices == arrays["faces"].max() + 1
    assert arrays["faces"].shape == (result.faces, 3)
    assert result.faces <= 400
    assert arrays["uvs"].shape == (result.faces, 3, 2)
    assert arrays["textures"].shape == (keys, 64, 64, 3)
    assert [key.alpha for key in result.keys] == arrays["alphas"].tolist()
    assert (result.keys[0].prompt, result.keys[-1].prompt) == (PROMPTS[0], PROMPTS[1])
    assert result.keys[0].name == "01 a pig wearing a tophat"
    assert [quality.alpha for quality in result.quality] == arrays["alphas"].tolist()
    assert result.between
    assert {"text", "fields", "keys", "bake", "quality", "total"} <= result.timings.keys()
    fractions = [fraction for fraction, _ in wire.progress(1)]
    assert len(fractions) >= 6
    assert fractions == sorted(fractions)
    assert {"fields", "keys", "bake"} <= {stage for _, stage in wire.progress(1)}


def test_quality_is_left_out_on_request(wire: Pipes) -> None:
    wire.request(1, "interpolate", prompts=PROMPTS, keys=2, quality=False, **SMALL)
    result = decode(InterpolateResult, wire.result(1))
    assert result.quality == result.between == []
    assert "quality" not in result.timings


@pytest.mark.timed
@pytest.mark.parametrize("stage", ["fields", "keys", "quality"])
def test_cancel_in_any_stage(wire: Pipes, stage: str) -> None:
    asked = {"faces": 1000, "texture_size": 256, "resolution": 48, "quality": True}
    wire.request(1, "interpolate", prompts=PROMPTS, **asked)
    wire.notification("$/progress", id=1, stage=stage)
    sent = time.monotonic()
    wire.notify("$/cancel", id=1)
    at, answer = wire.answer(1)
    assert isinstance(answer, rpc.ErrorResponse)
    assert isinstance(answer.error, Cancelled)
    assert within(at - sent, CANCEL_SECONDS)


@pytest.mark.parametrize(
    ("params", "error", "says"),
    [
        ({"prompts": ["a pig"]}, BadRequest, "at least two"),
        ({"prompts": []}, BadRequest, "at least two"),
        ({"prompts": [f"a pig {i}" for i in range(20)]}, BadRequest, "at most 16"),
        ({"prompts": ["a pig", "A  pig", "a lion"]}, BadRequest, "1 and 2"),
        ({"prompts": ["a pig", " "]}, BadPrompt, "empty"),
        ({"prompts": ["a pig", "a lion"], "keys": 1}, BadRequest, "2 to 96"),
        ({"prompts": ["a pig", "a lion"], "faces": 3}, BadRequest, "100"),
        ({"prompts": "a pig"}, BadRequest, "list"),
    ],
)
def test_bad_chains_are_refused(
    wire: Pipes, params: dict[str, Any], error: type[Att3dError], says: str
) -> None:
    wire.request(1, "interpolate", **params)
    answer = wire.error(1)
    assert isinstance(answer, error)
    assert says in answer.message
    assert answer.remedy


def test_preview(wire: Pipes) -> None:
    wire.request(1, "preview", prompts=PROMPTS, alpha=0.25, resolution=32)
    result = decode(PreviewResult, wire.result(1))
    arrays = load_file(result.mesh)
    assert arrays["vertices"].shape == (result.vertices, 3)
    assert arrays["faces"].shape == (result.faces, 3)
    assert arrays["colors"].shape == (result.vertices, 3)
    assert arrays["colors"].dtype == np.uint8
    assert result.alpha == 0.25
    # The tiny checkpoint draws a ball.
    radius = np.linalg.norm(arrays["vertices"], axis=1)
    assert 0.3 < radius.min() < radius.max() < 0.7


def test_the_latest_preview_wins(wire: Pipes) -> None:
    """While one runs, of those that come only the last is made; the others are cancelled."""
    wire.request(1, "interpolate", prompts=PROMPTS, keys=2, quality=False, **SMALL)
    wire.notification("$/progress", id=1)
    for id in range(2, 8):
        wire.request(id, "preview", prompts=PROMPTS, alpha=id / 10)
    for id in range(2, 7):
        error = wire.error(id)
        assert isinstance(error, Cancelled)
        assert "newer" in error.message
    assert "positions" in load_file(wire.result(1)["mesh"])
    assert wire.result(7)["alpha"] == 0.7


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"prompts": [], "alpha": 0.0}, "1 to 16"),
        ({"prompts": ["a pig"], "alpha": 0.5}, "from 0 to 0"),
        ({"prompts": ["a pig", "a lion"], "alpha": 1.5}, "from 0 to 1"),
        ({"prompts": ["a pig", "a lion"], "resolution": 400}, "24 to 96"),
    ],
)
def test_bad_previews_are_refused(wire: Pipes, params: dict[str, Any], says: str) -> None:
    wire.request(1, "preview", **params)
    assert says in wire.error(1).message


def test_a_preview_of_one_prompt_or_of_equal_ones(wire: Pipes) -> None:
    for id, prompts in enumerate([["a pig"], ["a pig", "a pig"]], start=1):
        wire.request(id, "preview", prompts=prompts, resolution=24)
        assert wire.result(id)["faces"] > 0

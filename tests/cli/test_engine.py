"""The engine: a checkpoint that answers prompts."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from backend.engine import Engine, MeshOptions
from backend.progress import CancelToken
from backend.protocol.errors import BadPrompt, BadRequest, Cancelled

OPTIONS = MeshOptions(faces=300, texture_size=64, resolution=32)


@pytest.fixture
def engine(tiny_checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    monkeypatch.setenv("ATT3D_CACHE", str(tmp_path))
    return Engine(tiny_checkpoint_path, "cpu")


def test_a_prompt_becomes_a_mesh_with_its_origin(engine: Engine):
    seen: list[str] = []
    mesh = engine.generate("  a   pig ", OPTIONS, lambda _, stage: seen.append(stage))
    assert mesh.prompt == "a pig" and mesh.checkpoint_hash == engine.checkpoint.sha256
    stages = ["text", "grid", "density", "contour", "clean", "decimate", "uv", "bake"]
    assert list(mesh.timings) == stages
    assert seen == [*stages, "done"]
    assert mesh.notes == []


def test_the_same_prompt_gives_the_same_mesh_and_another_another(engine: Engine):
    one, two = engine.generate("a pig", OPTIONS), engine.generate("a pig", OPTIONS)
    other = engine.generate("a lion holding a blue balloon", OPTIONS)
    np.testing.assert_array_equal(one.texture, two.texture)
    np.testing.assert_array_equal(one.vertices, two.vertices)
    assert not np.array_equal(one.texture, other.texture)


def test_notes_name_unknown_words_and_the_nearest_prompts(engine: Engine):
    _, (note,) = engine.field("a pig in a submarine")
    assert "submarine" in note and '"a pig on a chair"' in note


def test_bad_prompts_are_refused(engine: Engine):
    for prompt in ("", " \n", "x" * 10_000):
        with pytest.raises(BadPrompt):
            engine.generate(prompt, OPTIONS)


def test_a_cancelled_job_leaves_the_engine_ready(engine: Engine):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        engine.generate("a pig", OPTIONS, cancel=token)
    engine.generate("a pig", OPTIONS)


def test_two_threads_may_ask_at_once(engine: Engine):
    results: dict[str, np.ndarray] = {}

    def work(prompt: str) -> None:
        results[prompt] = engine.generate(prompt, OPTIONS).texture

    threads = [threading.Thread(target=work, args=(p,)) for p in ("a pig", "a lion")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(results["a pig"], engine.generate("a pig", OPTIONS).texture)
    np.testing.assert_array_equal(results["a lion"], engine.generate("a lion", OPTIONS).texture)


def test_info_is_plain_and_warming_up_changes_nothing(engine: Engine):
    engine.warm_up()
    info = engine.info()
    assert info["device"] == "cpu" and info["name"] == "tiny"
    assert Path(str(info["checkpoint"])).is_file()


def test_an_unknown_device_is_refused(tiny_checkpoint_path: Path):
    with pytest.raises(BadRequest, match="toaster"):
        Engine(tiny_checkpoint_path, "toaster")

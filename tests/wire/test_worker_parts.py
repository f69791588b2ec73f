"""Parts of the worker by themselves: the engines that it keeps, and the folder of its results."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from backend.protocol.errors import BadRequest
from backend.protocol.messages import FetchParams
from backend.server.engine_pool import EnginePool
from backend.server.result_folder import PREFIX, ResultFolder, remove_folder


class Engine:
    def __init__(self, *named: object) -> None:
        self.named, self.warm = named, 0

    def warm_up(self) -> None:
        self.warm += 1


@pytest.fixture
def made() -> list[Engine]:
    return []


@pytest.fixture
def pool(made: list[Engine]) -> EnginePool:
    def make(*named: object) -> Any:
        made.append(Engine(*named))
        return made[-1]

    return EnginePool(make, "torch", lambda _: None)


def test_an_engine_is_made_and_warmed_up_once(pool: EnginePool, made: list[Engine]):
    one = pool.get(None, "cpu")
    assert pool.get(None, "cpu") is one
    assert [(engine.named, engine.warm) for engine in made] == [((None, "cpu", "torch"), 1)]


def test_the_two_used_last_are_kept(pool: EnginePool, made: list[Engine]):
    first = pool.get("a", "cpu")
    pool.get("b", "cpu")
    assert pool.get("a", "cpu") is first
    pool.get("c", "cpu")  # b was not used for longest
    assert pool.get("a", "cpu") is first and len(made) == 3
    pool.get("b", "cpu")
    assert len(made) == 4


def test_a_file_that_has_changed_is_loaded_again(pool: EnginePool, made: list, tmp_path: Path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"one")
    one = pool.get(str(path), "cpu")
    assert pool.get(str(path), "cpu") is one
    path.write_bytes(b"another")
    assert pool.get(str(path), "cpu") is not one
    assert pool.get(str(path), "cuda") is not one and len(made) == 3


def test_results_lie_in_the_clients_folder_if_the_token_is_there(tmp_path: Path):
    folder = tmp_path / f"{PREFIX}client"
    folder.mkdir()
    (folder / "token").write_text("secret")
    shared, alone = ResultFolder(str(folder), "secret"), ResultFolder(str(folder), "guess")
    try:
        assert shared.path.parent == folder and alone.path.parent != folder
        if sys.platform != "win32":
            assert stat.S_IMODE(os.stat(shared.path).st_mode) == 0o700
        shared.remove()
        assert not folder.exists(), "nothing of the client's was left in it"
    finally:
        alone.remove()


def test_a_result_is_fetched_part_by_part_and_then_gone():
    results = ResultFolder()
    try:
        path = Path(results.write_arrays({"x": np.arange(5)}))
        assert load_file(path)["x"].tolist() == [0, 1, 2, 3, 4]
        size = path.stat().st_size
        assert results.fetch(FetchParams(path=str(path), offset=size, remove=False)).data == ""
        assert results.fetch(FetchParams(path=str(path))).size == size and not path.exists()
        for named in (str(path), "/etc/hostname", str(results.path / ".." / "x")):
            with pytest.raises(BadRequest, match="not a result file"):
                results.fetch(FetchParams(path=named))
        other = results.write_bytes(b"1234", ".png")
        with pytest.raises(BadRequest, match="from 0 to 4"):
            results.fetch(FetchParams(path=other, offset=5))
    finally:
        results.remove()
    assert not results.path.exists()


def test_no_folder_but_our_own_is_removed(tmp_path: Path):
    remove_folder(tmp_path)
    assert tmp_path.is_dir()

"""A run's state on disk: whole or refused, with a word on what is wrong."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from backend.protocol.errors import TrainingError
from training.runs.loop import Loop, LoopConfig
from training.runs.state import (
    STATE_FILE,
    Progress,
    differences,
    load_state,
    save_state,
    with_defaults,
)


def trained(folder, **identity):
    """A linear layer after one step of Adam, and its saved state."""
    torch.manual_seed(1)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_state(folder, model, optimizer, Progress(1, 2.0, 3), identity)
    return model, optimizer


def edit(folder, change):
    path = folder / STATE_FILE
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, header)


def restored(folder, options=None, /, **identity):
    torch.manual_seed(2)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    return model, optimizer, load_state(folder, model, optimizer, identity, options)


def test_a_state_comes_back_as_it_was(tmp_path):
    model, optimizer = trained(tmp_path, seed=1)
    again, other, progress = restored(tmp_path, seed=1)
    assert progress == Progress(1, 2.0, 3)
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            assert torch.equal(other.state_dict()["state"][index][name], value)


DAMAGE = {
    "a weight is missing": (lambda t: t.pop("model.bias"), "'model.bias' is missing"),
    "a weight too many": (
        lambda t: t.update({"model.more": torch.zeros(1)}),
        "'model.more' is too many",
    ),
    "a misshapen weight": (
        lambda t: t.update({"model.weight": torch.zeros(3, 2)}),
        r"\[3, 2\], not \[2, 3\]",
    ),
    "a weight that is not a number": (
        lambda t: t["model.weight"].fill_(torch.nan),
        "not finite",
    ),
    "no optimizer": (
        lambda t: [t.pop(name) for name in list(t) if name.startswith("optimizer.")],
        "'optimizer.0.exp_avg' is missing",
    ),
    "a misshapen moment": (
        lambda t: t.update({"optimizer.0.exp_avg": torch.zeros(7)}),
        "misshapen",
    ),
    "a weight of another type": (
        lambda t: t.update({"model.weight": torch.zeros(2, 3, dtype=torch.int32)}),
        "is of torch.int32",
    ),
    "a moment that is not a number": (
        lambda t: t["optimizer.0.exp_avg"].fill_(torch.nan),
        "not finite",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused_by_name_and_changes_nothing(tmp_path, damage):
    change, said = DAMAGE[damage]
    trained(tmp_path)
    edit(tmp_path, change)
    torch.manual_seed(2)
    before = nn.Linear(3, 2).state_dict()
    with pytest.raises(TrainingError, match=said) as info:
        restored(tmp_path)
    assert "delete that file" in info.value.remedy
    torch.manual_seed(2)
    model = nn.Linear(3, 2)
    with pytest.raises(TrainingError):
        load_state(tmp_path, model, torch.optim.Adam(model.parameters()), {})
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_state_without_its_header_is_refused(tmp_path):
    trained(tmp_path)
    path = tmp_path / STATE_FILE
    save_file(load_file(path), path, {"progress": json.dumps({"step": 1, "seconds": 0.0})})
    with pytest.raises(TrainingError, match="'config' is missing"):
        restored(tmp_path)


@pytest.mark.parametrize(
    "progress",
    ["[" * 5000, "[]", "{}", '{"step": "1", "seconds": 0.0}', '{"step": -5, "seconds": 0.0}'],
)
def test_a_hostile_header_is_one_line(tmp_path, progress):
    trained(tmp_path)
    path = tmp_path / STATE_FILE
    save_file(load_file(path), path, {"progress": progress, "config": "{}", "tensors": "[]"})
    with pytest.raises(TrainingError, match="cannot be read") as info:
        restored(tmp_path)
    assert len(info.value.message) < 300


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_state_that_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / STATE_FILE)
    with pytest.raises(TrainingError, match=r"it is not a regular file|it is a folder"):
        restored(tmp_path)


def test_a_refusal_names_the_option_and_both_values_and_is_short(tmp_path):
    many = {f"option_{i}": list(range(50)) for i in range(50)}
    trained(tmp_path, model={"grid": {"table": 5}, **many}, steps=3)
    with pytest.raises(TrainingError) as info:
        restored(tmp_path, model={"grid": {"table": 6}, **many}, steps=9)
    assert "--model.grid.table (it was 5, and is 6 here)" in info.value.message
    assert len(info.value.message) < 250


def test_options_that_may_change_do_not_differ():
    assert differences({"steps": 3, "device": "cpu"}, {"steps": 9, "device": "cuda"}) == []
    assert len(differences({"data": {"steps": 3}}, {"data": {"steps": 9}})) == 1


@dataclasses.dataclass
class Grid:
    levels: int
    hashed: int = 0
    cells: list[int] = dataclasses.field(default_factory=lambda: [9, 14])


@dataclasses.dataclass
class Config:
    grid: Grid
    rate: float = 0.1
    folder: Path = Path("runs")
    extra: Grid | None = None


def test_an_option_that_a_run_does_not_know_was_its_default():
    """A run of an older program goes on as long as what came since is not used."""
    old = {"grid": {"levels": 5, "cells": [9, 14]}, "files": "a"}
    known = with_defaults(old, Config(Grid(levels=5, hashed=3), rate=0.2, extra=Grid(2)))
    assert known == {
        "grid": {"levels": 5, "hashed": 0, "cells": [9, 14]},
        "rate": 0.1,
        "folder": "runs",
        "extra": None,
        "files": "a",
    }
    other = known | {"grid": known["grid"] | {"hashed": 3}}
    assert differences(known, other) == ["--grid.hashed (it was 0, and is 3 here)"]
    assert with_defaults({}, Config(Grid(5))).keys() == {"rate", "folder", "extra"}


def test_a_run_of_an_older_program_is_restored(tmp_path):
    trained(tmp_path, grid={"levels": 5})
    now = {"levels": 5, "hashed": 0, "cells": [9, 14]}
    same = {"rate": 0.1, "folder": "runs", "extra": None}
    options = Config(Grid(5))
    assert restored(tmp_path, options, grid=now, **same)[2] == Progress(1, 2.0, 3)
    for changed in ({"rate": 0.2}, {"extra": {"levels": 2, "hashed": 0, "cells": [9, 14]}}):
        with pytest.raises(TrainingError, match=f"--{next(iter(changed))}"):
            restored(tmp_path, options, grid=now, **(same | changed))


def looped(folder, step, model=None, **changes):
    model = model or nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    settings = {"steps": 30, "save_every": 1, "resume": True, "rate_option": "--lr"} | changes
    config = LoopConfig(name="test", folder=folder, **settings)
    return Loop(config, model, optimizer, {}, step), model


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    model = nn.Linear(3, 2)

    def step(index):
        if index == 2:
            model.weight.data.fill_(torch.nan)
        return {"loss": 1.0}

    loop, _ = looped(tmp_path, step, model)
    with pytest.raises(TrainingError, match="weights are not finite") as info:
        loop.run()
    assert str(tmp_path) in info.value.remedy and "--lr" in info.value.remedy
    assert load_file(tmp_path / STATE_FILE)["model.weight"].isfinite().all()


def test_a_run_that_diverges_before_its_first_save_promises_no_state(tmp_path):
    loop, _ = looped(tmp_path, lambda index: {"loss": float("nan")})
    with pytest.raises(TrainingError, match="no earlier state") as info:
        loop.run()
    assert "last good state" not in info.value.remedy
    assert not (tmp_path / STATE_FILE).exists()


def test_a_run_of_minutes_ends_by_its_time(tmp_path):
    loop, _ = looped(tmp_path, lambda index: {"loss": 1.0}, steps=None, minutes=1e-9)
    assert loop.run().step == 1
    assert loop.run().step == 1

"""Two processes make the same updates as one (Accelerate), and their runs are interchangeable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from backend.protocol.errors import TrainingError
from tests.training.amortized.distributed_run import CONTINUOUS
from tests.training.amortized.spheres import losses_of, sphere_trainer
from training.runs.state import STATE_FILE

ROOT = Path(__file__).parents[3]


ROUNDING = {"rtol": 1e-4, "atol": 1e-5}
"""Sums over parts in another order differ by about 1e-7 of a gradient of order one; a rate of 0.1
over an eps of 0.01 makes at most 1e-6 of it in a step, and there are four steps. A wrong mean (two
processes that do not average) is off by the gradients themselves: more than 1e-3 here."""


def untrained(folder: Path) -> dict[str, torch.Tensor]:
    """The weights before the first step, under the names of a state."""
    module = sphere_trainer(folder / "untrained", batch=4).module
    return {f"model.{name}": value for name, value in module.state_dict().items()}


def run_two_processes(folder: Path, steps: int) -> None:
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *("-m", "tests.training.amortized.distributed_run", str(folder), str(steps), "1"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    # A thread that is left may abort its process while the interpreter shuts down.
    assert [(folder / f"threads-{rank}").read_text() for rank in range(2)] == ["", ""]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = load_file(folder / STATE_FILE)
    return {name: value for name, value in state.items() if name.startswith("model.")}


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    losses_of(sphere_trainer(folder, steps=4, batch=4, accumulate=2, save_every=1, eps=CONTINUOUS))
    return weights(folder)


def test_two_processes_make_the_updates_of_one(tmp_path, one_process):
    run_two_processes(tmp_path, 4)
    two = weights(tmp_path)
    assert two.keys() == one_process.keys()
    for name, value in one_process.items():
        torch.testing.assert_close(two[name], value, **ROUNDING, msg=name)
    assert (
        max((two[name] - value).abs().max() for name, value in untrained(tmp_path).items()) > 0.01
    )


def test_a_run_of_two_processes_goes_on_in_one(tmp_path, one_process):
    run_two_processes(tmp_path, 2)
    losses_of(
        sphere_trainer(tmp_path, steps=4, batch=4, accumulate=2, save_every=1, eps=CONTINUOUS)
    )
    for name, value in weights(tmp_path).items():
        torch.testing.assert_close(value, one_process[name], **ROUNDING, msg=name)


def test_accumulated_parts_have_randomness_of_their_own(tmp_path):
    trainer = sphere_trainer(tmp_path)
    draws = {torch.rand(1, generator=trainer.generator(3, part)).item() for part in range(4)}
    assert len(draws) == 4


def test_a_batch_that_cannot_be_split_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="equal parts"):
        sphere_trainer(tmp_path, batch=3, accumulate=2)

"""The diffusion training loop: repeatable, resumable, guarded."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from backend.protocol.errors import OutputError, TrainingError
from tests.training.diffusion.parts import losses_of, tiny_trainer
from training.runs.state import STATE_FILE


def test_same_seed_same_losses_other_seed_others(tmp_path):
    first = losses_of(tiny_trainer(tmp_path / "a", steps=3))
    assert losses_of(tiny_trainer(tmp_path / "b", steps=3)) == first
    assert losses_of(tiny_trainer(tmp_path / "c", steps=3, seed=1)) != first


def test_it_learns(tmp_path):
    losses = losses_of(tiny_trainer(tmp_path, steps=50, batch=8, lr=3e-3, save_every=1000))
    assert sum(losses[-10:]) < 0.88 * sum(losses[:10])


@pytest.mark.parametrize("stop", [1, 5])
def test_stopping_after_any_step_changes_nothing(tmp_path, stop):
    whole = losses_of(tiny_trainer(tmp_path / "whole"))

    class Stop(Exception):
        pass

    def watch(_trainer, progress, _figures):
        if progress.step == stop:
            raise Stop

    cut = tiny_trainer(tmp_path / "cut")
    with pytest.raises(Stop):
        cut.run(watch)
    cut.bank.close()
    resumed = tiny_trainer(tmp_path / "cut")
    rest = losses_of(resumed)
    assert rest == whole[-len(rest) :]
    assert len(rest) == 8 - stop // 2 * 2
    again = tiny_trainer(tmp_path / "whole")
    assert losses_of(again) == []
    for one, other in zip(again.state.parameters(), resumed.state.parameters(), strict=True):
        assert torch.equal(one, other)


def test_kill_9_and_resume_gives_the_same_losses(tmp_path):
    settings = {"steps": 12, "save_every": 3}
    whole = losses_of(tiny_trainer(tmp_path / "whole", **settings))
    program = (
        "from pathlib import Path; import sys;"
        "from tests.training.diffusion.parts import losses_of, tiny_trainer;"
        f"losses_of(tiny_trainer(Path(sys.argv[1]), **{settings!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "killed")],
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    state = tmp_path / "killed" / STATE_FILE
    deadline = time.monotonic() + 240
    while not state.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    assert state.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    rest = losses_of(tiny_trainer(tmp_path / "killed", **settings))
    assert 0 < len(rest) < len(whole)
    assert rest == whole[len(whole) - len(rest) :]


def test_the_average_follows_the_weights(tmp_path):
    trainer = tiny_trainer(tmp_path, ema=0.5)
    trainer.bank.advance(0)
    expected = [p.detach().clone() for p in trainer.unet.parameters()]
    for index in range(12):
        trainer.step(index)
        keep = min(0.5, (1 + index) / (10 + index))
        now = trainer.unet.parameters()
        expected = [
            keep * old + (1 - keep) * p.detach() for old, p in zip(expected, now, strict=True)
        ]
    trainer.bank.close()
    for ours, theirs in zip(trainer.average.parameters(), expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(trainer.average.parameters(), trainer.unet.parameters(), strict=True)
    )


class Poisoned:
    """Backgrounds that are not numbers in some steps."""

    def __init__(self, bank, steps):
        self.bank, self.steps, self.calls = bank, steps, -1

    def __getattr__(self, name):
        return getattr(self.bank, name)

    @property
    def views(self):
        self.calls += 1
        views = self.bank.views
        if self.calls not in self.steps:
            return views
        return type("Bad", (), {**vars(views), "over": lambda *a: views.over(*a) * torch.nan})


def test_one_bad_step_changes_no_weight(tmp_path):
    trainer = tiny_trainer(tmp_path)
    trainer.bank.advance(0)
    trainer.bank = Poisoned(trainer.bank, {0})
    before = [p.detach().clone() for p in trainer.state.parameters()]
    assert trainer.step(0)["loss"] != trainer.step(1)["loss"]
    trainer.bank = Poisoned(trainer.bank.bank, {0})
    again = tiny_trainer(tmp_path / "again")
    again.bank.advance(0)
    again.bank = Poisoned(again.bank, {0})
    figures = again.step(0)
    assert figures["loss"] != figures["loss"]
    for old, new in zip(before, again.state.parameters(), strict=True):
        assert torch.equal(old, new)
    trainer.bank.close()
    again.bank.close()


def test_a_run_that_diverges_stops_with_a_word(tmp_path):
    trainer = tiny_trainer(tmp_path, steps=30)
    trainer.bank = Poisoned(trainer.bank, set(range(4, 1000)))
    with pytest.raises(TrainingError, match="no finite loss"):
        trainer.run(lambda *_: None)
    trainer.bank.close()
    resumed = tiny_trainer(tmp_path, steps=30)
    seen = []
    resumed.run(lambda _trainer, progress, _figures: seen.append(progress.step))
    resumed.bank.close()
    assert seen[0] == 5


def test_another_configuration_is_refused_and_named(tmp_path):
    losses_of(tiny_trainer(tmp_path, steps=2))
    with pytest.raises(TrainingError, match="lr"):
        losses_of(tiny_trainer(tmp_path, steps=2, lr=0.5))


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    from training.runs import state

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "save_file", full)
    trainer = tiny_trainer(tmp_path)
    with pytest.raises(OutputError, match="No space left"):
        trainer.run(lambda *_: None)
    trainer.bank.close()


def test_presets_build_and_differ_in_size():
    from training.diffusion.config import PRESETS
    from training.diffusion.model import build_unet

    with torch.device("meta"):
        sizes = {
            name: sum(p.numel() for p in build_unet(config.unet, 128).parameters())
            for name, config in PRESETS.items()
        }
    assert sizes["tiny"] < 0.3e6
    assert 3.5e6 < sizes["cpu32"] < 5e6
    assert sizes["gpu64"] > 25e6
    for config in PRESETS.values():
        assert config.unet.size % (config.unet.patch * 2 ** (len(config.unet.channels) - 1)) == 0
        assert replace(config, seed=1).as_json()["seed"] == 1

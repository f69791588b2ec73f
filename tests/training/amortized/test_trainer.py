"""Algorithm 1's loop: several prompts a step (A12), repeatable, resumable, guarded."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from backend.protocol.errors import OutputError, TrainingError
from tests.training.amortized.spheres import Spheres, losses_of, sphere_trainer
from training.amortized.config import OptimizerConfig, config_as_json
from training.presets import preset
from training.prompts import PromptMix
from training.runs.optimizer import build_optimizer, schedule_factor
from training.runs.state import STATE_FILE, load_state


def test_a12_every_epoch_visits_every_seen_prompt_once(tmp_path):
    trainer = sphere_trainer(tmp_path)
    visited = [p for step in range(8) for p in trainer.choose_prompts(step)]
    epochs = [visited[i : i + 4] for i in range(0, 24, 4)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_batch_larger_than_the_set_repeats_prompts(tmp_path):
    trainer = sphere_trainer(tmp_path)
    trainer.seen = [2]
    assert trainer.choose_prompts(5) == [2, 2, 2]


def test_a21_optimizer():
    from tests.tiny import tiny_model

    model = tiny_model()
    optimizer = build_optimizer(model, OptimizerConfig())
    assert {group["lr"] for group in optimizer.param_groups} == {0.1}
    assert optimizer.defaults["betas"] == (0.0, 0.999)
    trained = sum(len(group["params"]) for group in optimizer.param_groups)
    assert trained == len(list(model.parameters()))


def test_schedules():
    constant, cosine = OptimizerConfig(), OptimizerConfig(schedule="cosine")
    assert {schedule_factor(constant, x) for x in (0.0, 0.5, 1.0)} == {1.0}
    factors = [schedule_factor(cosine, x / 10) for x in range(11)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.01)


def test_same_seed_same_losses_other_seed_others(tmp_path):
    first = losses_of(sphere_trainer(tmp_path / "a", steps=3))
    assert losses_of(sphere_trainer(tmp_path / "b", steps=3)) == first
    assert losses_of(sphere_trainer(tmp_path / "c", steps=3, seed=1)) != first


def test_training_makes_the_balls(tmp_path):
    trainer = sphere_trainer(tmp_path, steps=150, save_every=1000)
    losses = losses_of(trainer)
    assert sum(losses[-10:]) < 0.35 * sum(losses[:10])
    objects = trainer.model.eval().objects(trainer.embed(range(4), trainer.generator(0)))
    balls = Spheres().assets_at(PromptMix.plain(range(4)))
    points = balls.near_points(500, 0.1, torch.Generator().manual_seed(3))
    density, color = trainer.model.sample(objects, points)
    distance, truth = balls.query(points)
    clear = distance.abs() > 0.05
    inside = density > trainer.config.model.surface_level
    assert (inside == (distance < 0))[clear].float().mean() > 0.95
    assert (color - truth).abs()[distance.abs() < 0.05].mean() < 0.1


@pytest.mark.parametrize("stop", [1, 2, 3, 5])
def test_stopping_after_any_step_changes_nothing(tmp_path, stop):
    whole = losses_of(sphere_trainer(tmp_path / "whole"))

    class Stop(Exception):
        pass

    def watch(_trainer, progress, _losses):
        if progress.step == stop:
            raise Stop

    with pytest.raises(Stop):
        sphere_trainer(tmp_path / "cut").run(watch)
    rest = losses_of(sphere_trainer(tmp_path / "cut"))
    assert rest == whole[-len(rest) :]
    assert len(rest) == 6 - stop // 2 * 2


def test_kill_9_at_any_moment_and_resume_gives_the_same_losses(tmp_path):
    whole = losses_of(sphere_trainer(tmp_path / "whole", steps=40, save_every=3))
    program = (
        "from pathlib import Path; import sys;"
        "from tests.training.amortized.spheres import losses_of, sphere_trainer;"
        "losses_of(sphere_trainer(Path(sys.argv[1]), steps=40, save_every=3))"
    )
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "killed")],
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
        )
        state = tmp_path / "killed" / STATE_FILE
        before = state.stat().st_mtime_ns if state.exists() else 0
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and process.poll() is None:
            if state.exists() and state.stat().st_mtime_ns != before:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rest = losses_of(sphere_trainer(tmp_path / "killed", steps=40, save_every=3))
    assert rest == whole[len(whole) - len(rest) :]


def test_a_finished_run_is_finished(tmp_path):
    losses_of(sphere_trainer(tmp_path))
    assert losses_of(sphere_trainer(tmp_path)) == []


def test_no_resume_starts_over(tmp_path):
    first = losses_of(sphere_trainer(tmp_path))
    assert losses_of(sphere_trainer(tmp_path, resume=False)) == first


def test_another_configuration_is_refused_and_named(tmp_path):
    losses_of(sphere_trainer(tmp_path, steps=2))
    with pytest.raises(TrainingError, match="seed"):
        losses_of(sphere_trainer(tmp_path, steps=2, seed=7))


def test_a_damaged_state_is_named_and_kept(tmp_path):
    losses_of(sphere_trainer(tmp_path, steps=2))
    state = tmp_path / STATE_FILE
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(TrainingError, match="cannot be read"):
        losses_of(sphere_trainer(tmp_path, steps=2))
    assert state.stat().st_size == 100


def test_a_full_disk_keeps_the_last_state(tmp_path, monkeypatch):
    trainer = sphere_trainer(tmp_path, steps=6)
    calls = []

    from training.runs import state

    real = state.save_file

    def full_the_second_time(*args):
        calls.append(args)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(*args)

    monkeypatch.setattr(state, "save_file", full_the_second_time)
    with pytest.raises(OutputError, match="No space left"):
        trainer.run(lambda *_: None)
    again = sphere_trainer(tmp_path, steps=6)
    progress = load_state(tmp_path, again.module, again.optimizer, config_as_json(again.config))
    assert progress is not None
    assert progress.step == 2
    assert [p.name for p in tmp_path.iterdir()] == [STATE_FILE]


class Poisoned(Spheres):
    """References that are not numbers in some steps."""

    def __init__(self, steps):
        self.steps, self.calls = steps, -1

    def assets_at(self, mix):
        self.calls += 1
        balls = super().assets_at(mix)
        return replace(balls, wrong=torch.nan) if self.calls in self.steps else balls


def poisoned(folder, bad, **changes):
    trainer = sphere_trainer(folder, **changes)
    trainer.guidance._assets = Poisoned(bad)
    return trainer


def test_one_bad_step_changes_no_weight(tmp_path):
    trainer = poisoned(tmp_path, {0})
    before = [p.detach().clone() for p in trainer.model.parameters()]
    losses = trainer.step(0)
    assert losses["loss"] != losses["loss"]
    for old, new in zip(before, trainer.model.parameters(), strict=True):
        assert torch.equal(old, new)
    assert trainer.step(1)["loss"] > 0


def test_a_run_that_diverges_stops_with_a_word_and_keeps_its_last_good_state(tmp_path):
    trainer = poisoned(tmp_path, set(range(4, 1000)), steps=200)
    with pytest.raises(TrainingError, match="no finite loss") as info:
        trainer.run(lambda *_: None)
    assert "lr" in info.value.remedy
    again = sphere_trainer(tmp_path, steps=200)
    progress = load_state(tmp_path, again.module, again.optimizer, config_as_json(again.config))
    assert progress is not None
    assert progress.step == 4


def test_unknown_preset_lists_the_presets():
    with pytest.raises(TrainingError) as info:
        preset("toybox-anmals")
    assert "toybox-animals" in info.value.remedy


def test_a33_frames_are_counted(tmp_path):
    progress = sphere_trainer(tmp_path, steps=4).run(lambda *_: None)
    assert progress.frames == 4 * 3

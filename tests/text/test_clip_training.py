"""The contrastive trainer on a world of nine objects: it learns, resumes, and writes its files."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from backend.protocol.errors import BadRequest, CheckpointError, TrainingError
from backend.text.small_encoder import SmallEncoder
from tests.text.world import SquaresSource
from training.clip.bank import random_bank
from training.clip.config import SHAPES, BankConfig, ClipShape, ClipTrainConfig, Preset
from training.clip.evaluation import linear_probes
from training.clip.loop import train_clip
from training.clip.model import (
    SmallClip,
    build_clip,
    load_clip,
    save_clip,
    settle_batch_norms,
)
from training.clip.sampling import augment, draw_captions, draw_objects, neighbours, tokenize
from training.clip.scoring import ScoringClip

TINY = ClipShape(
    image_size=32,
    blocks=(1, 1, 1, 1),
    vision_width=8,
    context=8,
    text_width=16,
    text_layers=1,
    text_heads=2,
    features=16,
)


def tiny_config(folder: Path, **changes: object) -> ClipTrainConfig:
    config = ClipTrainConfig(
        output=folder / "out.safetensors",
        run=folder / "run",
        steps=30,
        batch=9,
        warmup=5,
        learning_rate=5e-3,
        save_every=10,
        bank=BankConfig(folder=folder / "bank", size=32, views=90, held_out=4, shard=30),
    )
    return dataclasses.replace(config, **changes)


def losses(run: Path) -> list[float]:
    lines = (run / "log.txt").read_text().splitlines()
    return [float(line.split("loss ")[1].split()[0]) for line in lines if "loss" in line]


def test_thirty_steps_lower_the_loss_and_write_the_text_tower(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, preset="conditioning")
    train_clip(config, SquaresSource(), TINY)
    logged = losses(tmp_path / "run")
    assert logged[-1] < logged[0] < 2.5
    encoder = SmallEncoder.load(tmp_path / "out.safetensors")
    assert encoder.encode(["a red square"]).shape == (1, 8, 16)


def test_a_run_that_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_clip(tiny_config(whole, preset="scoring"), SquaresSource(), TINY)

    class Stop(Exception):
        pass

    class StoppingSource(SquaresSource):
        """Fails in the middle of step 25, after the state of step 20 was written."""

        def paraphrase(self, index: int, chance: random.Random) -> str:
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 25 * 6:
                raise Stop
            return super().paraphrase(index, chance)

    with pytest.raises(Stop):
        train_clip(tiny_config(parts, preset="scoring"), StoppingSource(), TINY)
    assert not (parts / "out.safetensors").exists()
    train_clip(tiny_config(parts, preset="scoring"), SquaresSource(), TINY)
    one, other = (folder / "out.safetensors" for folder in (whole, parts))
    left, right = (ScoringClip.load(path) for path in (one, other))
    for key, value in left.clip.towers.state_dict().items():
        assert torch.equal(value, right.clip.towers.state_dict()[key]), key


def test_a_run_folder_of_other_settings_is_not_continued(tmp_path: Path) -> None:
    train_clip(tiny_config(tmp_path, steps=10), SquaresSource(), TINY)
    with pytest.raises(TrainingError, match="other settings"):
        train_clip(tiny_config(tmp_path, steps=10, batch=8), SquaresSource(), TINY)
    (tmp_path / "run" / "state.safetensors").write_bytes(b"cut")
    with pytest.raises(TrainingError, match="cannot be read"):
        train_clip(tiny_config(tmp_path, steps=10), SquaresSource(), TINY)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite"):
        train_clip(tiny_config(tmp_path, learning_rate=1e30, warmup=0), SquaresSource(), TINY)


def test_the_scoring_model_scores_pictures_of_any_size(tmp_path: Path) -> None:
    train_clip(tiny_config(tmp_path, preset="scoring", steps=10), SquaresSource(), TINY)
    scoring = ScoringClip.load(tmp_path / "out.safetensors")
    prompts = ["a red square", "a blue disc"]
    for size in (16, 32, 100):
        logits = scoring.logits(torch.rand(3, size, size, 3), prompts)
        assert logits.shape == (3, 2)
    features = scoring.image_features(torch.rand(3, 32, 32, 3))
    torch.testing.assert_close(features.norm(dim=-1), torch.ones(3))
    assert 1.0 <= scoring.logit_scale <= 100.0
    with pytest.raises(BadRequest, match="must be"):
        scoring.image_features(torch.rand(3, 32, 16, 3))


def test_a_missing_or_wrong_scoring_file_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "wrong.safetensors").write_text("no")
    for name in ("absent.safetensors", "wrong.safetensors"):
        with pytest.raises(CheckpointError, match="is not a scoring model") as caught:
            ScoringClip.load(tmp_path / name)
        assert "python -m training clip --preset scoring" in caught.value.remedy


def test_pictures_are_rendered_once_whatever_order_and_interruption(tmp_path: Path) -> None:
    config = BankConfig(folder=tmp_path, size=16, views=20, shard=6)
    source = SquaresSource()
    bank = random_bank(source, config, lambda done, total: None)
    shards = sorted(path for path in tmp_path.iterdir() if "witnesses" not in path.name)
    assert len(shards) == 4
    stamps = [shard.stat().st_mtime_ns for shard in shards[1:]]
    shards[0].unlink()
    again = random_bank(source, config, lambda done, total: None, backwards=True)
    assert torch.equal(bank.rgba, again.rgba)
    assert [shard.stat().st_mtime_ns for shard in shards[1:]] == stamps
    for index, views in enumerate(bank.of_object(9)):
        assert (bank.objects[views] == index).all()


def test_batches_hold_distinct_objects_many_of_them_neighbours() -> None:
    source = SquaresSource()
    near = neighbours(source.attributes)
    assert sorted(near[0].tolist()) == [1, 2, 3, 6]
    generator = torch.Generator().manual_seed(0)
    for hard in (0.0, 0.5, 1.0):
        drawn = draw_objects(near, 6, hard, generator).tolist()
        assert len(set(drawn)) == len(drawn) == 6
    assert len(draw_objects(near, 100, 0.5, generator)) == 9


def test_captions_are_paraphrased_and_sprinkled_with_unknown_words() -> None:
    source = SquaresSource()
    chance = random.Random(0)
    objects = torch.arange(9)
    assert draw_captions(source, objects, 0.0, chance) == source.captions
    assert not set(draw_captions(source, objects, 1.0, chance)) & set(source.captions)
    tokenizer = build_clip(TINY, ["a", "red", "square"]).tokenizer
    plain = tokenize(tokenizer, ["a red square"], 0.0, chance)[0].tolist()
    noisy = tokenize(tokenizer, ["a red square"], 1.0, chance)[0].tolist()
    assert sorted(plain[:3]) == sorted(i for i in noisy[:4] if i != 1)
    assert noisy.count(1) == 1
    assert noisy[-1] == plain[-1]


def test_augmented_pictures_stay_in_range_and_depend_on_the_generator_only() -> None:
    source = SquaresSource()
    rgba = source.random_views(torch.arange(9), 32, torch.Generator().manual_seed(0))
    rgba = (rgba * 255).to(torch.uint8)
    one, two = (augment(rgba, 16, 0.5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (9, 3, 16, 16)
    assert 0.0 <= one.min() and one.max() <= 1.0


def test_the_probe_reads_what_is_linear_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (600, 2), generator=generator)
    noise = torch.randn(600, 8, generator=generator)
    x = noise + 4.0 * torch.nn.functional.one_hot(labels[:, 0], 8)
    first, second = linear_probes(x[:400], labels[:400], x[400:], labels[400:])
    assert first > 0.95, "the embedding shows the first attribute"
    assert second < 0.5, "and not the second"


def test_the_two_presets_are_different_models() -> None:
    conditioning, scoring = SHAPES["conditioning"], SHAPES["scoring"]
    assert conditioning.context * conditioning.text_width == 4096
    same = {
        field.name
        for field in dataclasses.fields(ClipShape)
        if getattr(conditioning, field.name) == getattr(scoring, field.name)
    }
    assert same <= {"image_size", "text_layers"}
    size = sum(p.numel() for p in build_clip(scoring, ["pig"] * 400).towers.parameters())
    assert 2 * size < 6 * 2**20, "the scoring model's file stays below 6 MiB"


class RoundSource(SquaresSource):
    """The same objects, which somebody has drawn anew: squares are discs."""

    def _draw(self, index: int, size: int, centre: torch.Tensor) -> torch.Tensor:
        return super()._draw(index + 1 if index % 3 == 0 else index, size, centre)


def test_pictures_of_edited_objects_are_rendered_anew(tmp_path: Path) -> None:
    config = BankConfig(folder=tmp_path, size=16, views=20, shard=6)
    before = random_bank(SquaresSource(), config, lambda done, total: None)
    after = random_bank(RoundSource(), config, lambda done, total: None)
    fresh = random_bank(RoundSource(), dataclasses.replace(config, folder=tmp_path / "b"), none)
    assert torch.equal(after.rgba, fresh.rgba)
    assert before.fingerprint != after.fingerprint == fresh.fingerprint


def none(done: int, total: int) -> None:
    pass


def test_a_damaged_shard_is_rendered_again(tmp_path: Path) -> None:
    config = BankConfig(folder=tmp_path, size=16, views=20, shard=6)
    before = random_bank(SquaresSource(), config, none)
    shard = next(path for path in tmp_path.iterdir() if path.name.endswith("-000006.safetensors"))
    shard.write_bytes(shard.read_bytes()[:100])
    assert torch.equal(random_bank(SquaresSource(), config, none).rgba, before.rgba)


@pytest.mark.parametrize("edit", ["objects", "pictures", "captions"])
def test_a_run_does_not_go_on_with_other_pictures_or_captions(tmp_path: Path, edit: str) -> None:
    train_clip(tiny_config(tmp_path, steps=10), SquaresSource(), TINY)
    source = RoundSource() if edit == "objects" else SquaresSource()
    if edit == "captions":
        source.captions = [caption.replace("a red", "the red") for caption in source.captions]
    bank = tiny_config(tmp_path).bank
    if edit == "pictures":
        bank = dataclasses.replace(bank, seed=1)
    with pytest.raises(TrainingError, match=r"--bank|--objects"):
        train_clip(tiny_config(tmp_path, steps=12, bank=bank), source, TINY)


@pytest.mark.parametrize("preset", ["conditioning", "scoring"])
def test_weights_that_are_not_finite_never_become_a_file(
    tmp_path: Path, preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half precision, in which the files are, ends at 65,504; and the last look at the pictures
    writes the image tower's running statistics."""
    output = tmp_path / "out.safetensors"
    output.write_bytes(b"the last good one")
    settle = settle_batch_norms

    def spoil(clip: SmallClip, batches: Sequence[torch.Tensor]) -> None:
        settle(clip, batches)
        clip.towers.text.ln_final.bias.data.fill_(1e6)

    monkeypatch.setattr("training.clip.loop.settle_batch_norms", spoil)
    with pytest.raises(TrainingError, match=r"not finite .*ln_final.bias.*no model") as caught:
        train_clip(tiny_config(tmp_path, preset=preset, steps=4), SquaresSource(), TINY)
    assert "--learning-rate" in caught.value.remedy
    assert output.read_bytes() == b"the last good one"


def test_a_scoring_file_with_weights_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.safetensors"
    save_clip(path, build_clip(TINY, ["pig"]), {"loss": float("nan")})
    assert load_clip(path)[1] == {"loss": None}
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = file.metadata()
    tensors["text.ln_final.bias"][0] = torch.nan
    save_file(tensors, path, header)
    with pytest.raises(CheckpointError, match=r"text.ln_final.bias holds numbers"):
        load_clip(path)

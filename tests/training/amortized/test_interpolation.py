"""Mixes of prompts: Dirichlet shares with a schedule of kappa (A29), chains (A30), embeddings
interpolated for the mapping network (A27)."""

import pytest
import torch

from backend.protocol.errors import TrainingError
from tests.training.amortized.spheres import losses_of, sphere_trainer
from training.prompts import PromptMix
from training.prompts.mix import InterpolationConfig, sample_mix


def draw(count: int, seen=range(6), step=0, seed=0, **config) -> PromptMix:
    generator = torch.Generator().manual_seed(seed)
    leading = [seen[i % len(seen)] for i in range(count)]
    return sample_mix(leading, seen, InterpolationConfig(**config), step, generator)


def test_a_mix_without_interpolation_is_the_prompt_itself():
    mix = draw(5, kind="none")
    assert mix.prompts.tolist() == [[0], [1], [2], [3], [4]]
    assert mix.shares.tolist() == [[1.0]] * 5
    assert mix.leading == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("ends", [2, 3, 5])
def test_shares_are_convex_and_ends_differ(ends):
    mix = draw(200, kind="latent", ends=ends)
    assert mix.prompts.shape == mix.shares.shape == (200, ends)
    torch.testing.assert_close(mix.shares.sum(1), torch.ones(200))
    assert (mix.shares >= 0).all()
    assert all(len(set(row)) == ends for row in mix.prompts.tolist())
    assert all(i % 6 in row for i, row in enumerate(mix.prompts.tolist()))


@pytest.mark.parametrize("kappa", [0.5, 2.0, 8.0])
def test_a29_shares_of_two_prompts_are_beta_distributed(kappa):
    mix = draw(20_000, kind="latent", kappa=(kappa,), kappa_until=())
    share = mix.shares[:, 0]
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share.var() == pytest.approx(1 / (4 * (2 * kappa + 1)), rel=0.05)


def test_a29_shares_of_three_prompts_are_dirichlet_distributed():
    mix = draw(20_000, kind="latent", kappa=(2.0,), kappa_until=(), ends=3)
    torch.testing.assert_close(mix.shares.mean(0), torch.full((3,), 1 / 3), atol=0.01, rtol=0)
    variance = 2 * 4 / (36 * 7)  # a (s - a) / (s^2 (s + 1)), a = 2, s = 6
    torch.testing.assert_close(mix.shares.var(0), torch.full((3,), variance), atol=0.003, rtol=0)


def test_a29_kappa_follows_a_schedule_of_any_length():
    config = InterpolationConfig(kappa=(2.0, 0.5, 1.0), kappa_until=(5_000, 8_000))
    steps = (0, 4_999, 5_000, 7_999, 8_000, 10**6)
    assert [config.kappa_at(step) for step in steps] == [2.0, 2.0, 0.5, 0.5, 1.0, 1.0]
    assert [InterpolationConfig().kappa_at(step) for step in (4_999, 5_000)] == [2.0, 0.5]


def test_a30_neighbours_are_consecutive_prompts_of_the_chain():
    seen = [7, 3, 9, 4]
    pairs = {
        tuple(row) for row in draw(400, seen, kind="truth", pairs="neighbours").prompts.tolist()
    }
    assert pairs == {(7, 3), (3, 9), (9, 4)}


@pytest.mark.parametrize("pairs", ["any", "neighbours"])
def test_a_share_of_the_objects_lies_between_prompts_and_the_others_are_one(pairs):
    mix = draw(4000, kind="truth", share=0.25, pairs=pairs)
    assert len(mix.between) == pytest.approx(1000, abs=100)
    alone = sorted(set(range(4000)) - set(mix.between))
    assert [mix.leading[i] for i in alone] == [i % 6 for i in alone]
    assert set(mix.shares[alone].flatten().tolist()) == {0.0, 1.0}


def test_the_same_seed_gives_the_same_mixes():
    first, again, other = (draw(8, kind="loss", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.shares, again.shares) and torch.equal(first.prompts, again.prompts)
    assert not torch.equal(first.shares, other.shares)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kappa": (1.0, 2.0), "kappa_until": ()}, "need 1 steps"),
        ({"kappa": (1.0, 2.0, 3.0), "kappa_until": (9, 9)}, "do not grow"),
        ({"kappa": (0.0,), "kappa_until": ()}, "not positive"),
        ({"ends": 1}, "not between prompts"),
    ],
)
def test_wrong_configurations_are_refused(config, message):
    with pytest.raises(TrainingError, match=message):
        InterpolationConfig(kind="latent", **config)


def test_fewer_prompts_than_ends_are_refused():
    with pytest.raises(TrainingError, match="mixes of 3 prompts"):
        draw(2, seen=[0, 1], kind="latent", ends=3)


def test_a27_the_mapping_network_gets_the_interpolated_embedding(tmp_path):
    config = InterpolationConfig(kind="loss")
    trainer = sphere_trainer(tmp_path, interpolation=config)
    embedding, mix, *_ = trainer._inputs([0, 1, 2], 0, 0)
    ends = trainer.embed(mix.prompts.flatten().tolist(), torch.Generator())
    ends = ends.view(3, 2, *ends.shape[1:])
    expected = mix.shares[:, 0, None, None] * ends[:, 0] + mix.shares[:, 1, None, None] * ends[:, 1]
    torch.testing.assert_close(embedding, expected)


@pytest.mark.parametrize("kind", ["loss", "bernoulli"])
def test_a28_references_train_between_prompts(tmp_path, kind):
    config = InterpolationConfig(kind=kind)
    losses = losses_of(sphere_trainer(tmp_path, steps=10, interpolation=config))
    assert len(losses) == 10 and all(loss == loss for loss in losses)

"""Assets' own parts of v: what they add, how text comes to say them, and that a run keeps them."""

import dataclasses

import pytest
import torch

from backend.model.config import Condition
from backend.protocol.errors import TrainingError
from tests.tiny import TINY, tiny_model
from tests.training.amortized.spheres import RADII, losses_of, sphere_trainer
from training.amortized.latents import (
    Imagined,
    LatentsConfig,
    LatentTable,
    fit_mapping,
    imagine,
    say_latents_by_text,
)
from training.assets import Shown
from training.assets.toybox import ToyboxCollection
from training.prompts import PromptMix

PROMPTS = 12
FIT = LatentsConfig(own=True, hidden=64, components=128, epochs=1500, rate=3e-3)


def embeddings(count=PROMPTS):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, TINY.tokens, TINY.width, generator=generator)


def grids(model, embedding, shift=None):
    with torch.no_grad():
        return model.eval().objects(embedding, shift=shift).values


def relative_error(ours, truth):
    """Mean square error of grids in units of their spread over the prompts."""
    return ((ours - truth).square().mean() / truth.var(0).mean()).item()


def fitted(model, own, config=FIT, said=None):
    return say_latents_by_text(model, own, said or [embeddings()], torch.ones(PROMPTS), config)


def test_an_assets_own_part_is_added_to_v_before_its_silu():
    model = tiny_model()
    plain = model.mapping.plain_weights()
    shift = torch.randn(PROMPTS, TINY.latent)
    before = embeddings().flatten(1) @ plain["encode.weight"].T + plain["encode.bias"]
    expected = torch.nn.functional.silu(before + shift)
    assert torch.allclose(model.eval().latent(embeddings(), shift=shift), expected, atol=1e-5)


def test_copies_share_their_assets_part_and_mixes_have_the_mean_of_theirs():
    table = LatentTable([0, 1, 1], TINY, FIT)
    torch.nn.init.normal_(table.values)
    one, other = table.values.detach()
    assert torch.equal(table(PromptMix.plain([0, 1, 2])), torch.stack([one, other, other]))
    mix = PromptMix(torch.tensor([[0, 2]]), torch.tensor([[0.25, 0.75]]))
    assert torch.allclose(table(mix)[0], 0.25 * one + 0.75 * other)


def test_assets_without_parts_of_their_own_are_said_as_the_linear_network_says_them():
    model = tiny_model()
    start = fitted(model, torch.zeros(PROMPTS, TINY.latent), dataclasses.replace(FIT, rate=0.0))
    assert relative_error(grids(start, embeddings()), grids(model, embeddings())) < 1e-4


def test_text_says_what_the_assets_had_as_their_own():
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    truth = grids(model, embeddings(), own)
    assert relative_error(grids(model, embeddings()), truth) > 0.2
    result = fitted(model, own)
    assert relative_error(grids(result, embeddings()), truth) < 0.01
    assert result.config.mapping == "deep"


def test_a_network_that_is_as_wide_is_where_a_fit_begins():
    """Without a rate nothing changes; of a narrower one only the linear map would be left."""
    own = torch.randn(PROMPTS, TINY.latent)
    first = fitted(tiny_model(), own, dataclasses.replace(FIT, epochs=100))
    still = dataclasses.replace(FIT, epochs=1, rate=0.0)
    before = first.mapping.latent(embeddings()).detach()
    truth = torch.zeros(PROMPTS, TINY.latent)
    again = fit_mapping(first, truth, [embeddings()], torch.ones(PROMPTS), still)
    torch.testing.assert_close(again.mapping.latent(embeddings()), before, atol=1e-3, rtol=1e-3)
    wider = dataclasses.replace(still, hidden=80)
    other = fit_mapping(first, truth, [embeddings()], torch.ones(PROMPTS), wider)
    assert (other.mapping.latent(embeddings()) - before).abs().max() > 0.1


def test_a_second_hidden_layer_begins_as_the_same_linear_map_and_says_as_much():
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    truth = grids(model, embeddings(), own)
    deeper = dataclasses.replace(FIT, second=32)
    start = [fitted(model, own, dataclasses.replace(c, rate=0.0)) for c in (FIT, deeper)]
    assert relative_error(*(grids(result, embeddings()) for result in start)) < 1e-6
    result = fitted(model, own, deeper)
    assert result.config.mapping_hidden == (2 * TINY.latent + 64, 2 * TINY.latent + 32)
    assert relative_error(grids(result, embeddings()), truth) < 0.01


def test_every_wording_of_a_prompt_says_the_same():
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    other = embeddings() + 0.3 * torch.randn_like(embeddings())
    result = fitted(model, own, said=[embeddings(), other])
    for said in (embeddings(), other):
        assert relative_error(grids(result, said), grids(model, said, own)) < 0.02


def test_between_prompts_v_is_the_mix_of_theirs_before_its_silu():
    """Through few components of the text, a fit to the prompts alone is anything between them."""
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    share, other = torch.linspace(0.1, 0.9, PROMPTS)[:, None], torch.arange(PROMPTS).roll(5)
    said = torch.lerp(embeddings(), embeddings()[other], share[..., None])
    truth = grids(model, said, torch.lerp(own, own[other], share))
    few = dataclasses.replace(FIT, components=6)
    without, result = (fitted(model, own, dataclasses.replace(few, between=b)) for b in (0.0, 0.5))
    assert relative_error(grids(result, said), truth) < 0.06
    assert relative_error(grids(without, said), truth) > 0.1
    assert relative_error(grids(result, embeddings()), grids(model, embeddings(), own)) < 0.01


def guessed_from(shares, known=range(PROMPTS)):
    """Imagined captions whose texts have nothing of those that explain them."""
    generator = torch.Generator().manual_seed(5)
    told = torch.randn(len(shares), TINY.tokens, TINY.width, generator=generator)
    return Imagined(told, torch.tensor(list(known)), lambda _v, _metric: shares)


def test_imagined_captions_say_what_those_that_explain_them_lead_one_to_expect():
    """v is the mean of theirs; written captions say what they said."""
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    shares = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.75, 0.25]])
    imagined = guessed_from(shares, known=(2, 5, 7, 8))
    plain = model.mapping.plain_weights()
    before = embeddings().flatten(1) @ plain["encode.weight"].T + plain["encode.bias"] + own
    expected = model.mapping.grid(shares @ torch.nn.functional.silu(before[[2, 5, 7, 8]]))
    result = say_latents_by_text(model, own, [embeddings()], torch.ones(PROMPTS), FIT, [imagined])
    assert relative_error(grids(result, imagined.embeddings), expected) < 0.02
    assert relative_error(grids(result, embeddings()), grids(model, embeddings(), own)) < 0.01
    without = fitted(model, own)
    assert relative_error(grids(without, imagined.embeddings), expected) > 0.1


def test_imagined_captions_without_weight_change_no_written_one():
    model = tiny_model()
    own = torch.randn(PROMPTS, TINY.latent, generator=torch.Generator().manual_seed(3))
    config = dataclasses.replace(FIT, imagined_weight=0.0)
    imagined = guessed_from(torch.eye(PROMPTS))
    result = say_latents_by_text(
        model, own, [embeddings()], torch.ones(PROMPTS), config, [imagined]
    )
    assert relative_error(grids(result, embeddings()), grids(model, embeddings(), own)) < 0.01


class Letters:
    """A text encoder: how often each letter occurs, on every token."""

    name = fingerprint = "letters"
    tokens, width = TINY.tokens, TINY.width

    def encode(self, prompts):
        counts = [[text.count(chr(97 + i % 26)) for i in range(TINY.width)] for text in prompts]
        return torch.tensor(counts, dtype=torch.float32)[:, None].repeat(1, TINY.tokens, 1)


def test_what_is_imagined_is_explained_by_the_prompts_of_the_fit():
    (imagined,) = imagine(["a red tavern", "a blue tavern", "a red mill"], Letters(), FIT)
    assert torch.equal(imagined.embeddings, Letters().encode(["a blue mill"]))
    assert imagined.known.tolist() == [0, 1, 2]
    shares = imagined.expected(torch.zeros(3, 1), torch.eye(1))
    assert torch.allclose(shares.sum(1), torch.ones(1))


def test_models_explain_some_without_their_copies():
    """Captions that come more often are models'; places are those of the prompts of the fit."""
    copies = ["a tall red tavern", "a tall blue tavern"]
    models = ["a red tavern", "a blue tavern", "a red mill"]
    of_models, of_all = imagine([*copies, *models, *models], Letters(), FIT)
    assert of_models.known.tolist() == [2, 3, 4]
    assert torch.equal(of_models.embeddings, Letters().encode(["a blue mill"]))
    assert of_all.known.tolist() == [0, 1, 2, 3, 4]


class Copies(ToyboxCollection):
    """A collection of things that come in red and tall."""

    def shown(self, prompts):
        return [self._shown(prompt) for prompt in prompts]

    def copies(self, prompt):
        thing = prompt.removeprefix("a ")
        if " " in thing:
            return {}
        named = [f"a red {thing}", f"a tall {thing}", f"a tall red {thing}"]
        return {caption: self._shown(caption) for caption in named}

    def _shown(self, prompt):
        words = prompt.split()
        plain = f"a {words[-1]}"
        paint, stretch = (word if word in words else "" for word in ("red", "tall"))
        return Shown(len(words[-1]), plain, paint, stretch)


def test_copies_that_no_prompt_is_are_explained_by_what_all_prompts_show():
    captions = ["a mill", "a red mill", "a tall inn", "a inn", "a red inn", "a mill"]
    *_, copies = imagine(captions, Letters(), FIT, Copies())
    told = {"a tall mill", "a tall red mill", "a tall red inn"}
    assert {tuple(e.flatten().tolist()) for e in copies.embeddings} == {
        tuple(e.flatten().tolist()) for e in Letters().encode(sorted(told))
    }
    assert copies.known.tolist() == [0, 1, 2, 3, 4]
    v = torch.tensor([[0.0, 0.0], [1.0, 0.0], [5.0, 1.0], [5.0, 0.0], [6.0, 0.0]])
    expected = copies.expected(v, torch.eye(2)) @ v
    truth = torch.tensor([[0.0, 1.0], [1.0, 1.0], [6.0, 1.0]])
    # The assets without their last word are 1 away.
    assert torch.cdist(expected, truth).min(0).values.max() < 0.7


def test_no_more_copies_are_imagined_than_were_asked_for():
    captions = ["a mill", "a red mill", "a inn", "a hut", "a red hut"]
    few = dataclasses.replace(FIT, imagined=2)
    assert len(imagine(captions, Letters(), few, Copies())[-1].embeddings) == 2


def test_nothing_is_imagined_where_words_allow_nothing_or_it_is_switched_off():
    assert imagine(["a mill", "two inns"], Letters(), FIT) == []
    off = dataclasses.replace(FIT, imagined=0)
    assert imagine(["a red tavern", "a blue tavern", "a red mill"], Letters(), off) == []


def test_grid_and_mlp_stay_what_they_were():
    model = tiny_model()
    result = fitted(model, torch.ones(PROMPTS, TINY.latent), dataclasses.replace(FIT, epochs=1))
    before, after = model.mapping.plain_weights(), result.mapping.plain_weights()
    assert torch.equal(before["decode.weight"], after["decode.weight"])
    for name, weight in model.mlp.state_dict().items():
        assert torch.equal(weight, result.mlp.state_dict()[name])


@pytest.mark.parametrize(
    "config",
    [
        dataclasses.replace(TINY, mapping="deep"),
        dataclasses.replace(TINY, conditions=(Condition("weight", 0.0, 1.0),)),
    ],
)
def test_only_a_linear_network_without_conditions_takes_them(config):
    with pytest.raises(TrainingError, match="linear mapping network"):
        LatentTable([0], config, FIT)


def test_a_network_too_wide_for_a_checkpoint_is_refused_before_the_training():
    with pytest.raises(TrainingError, match=r"mapping_hidden.*8192"):
        LatentTable([0], TINY, dataclasses.replace(FIT, hidden=8192))


def own_trainer(folder, **changes):
    return sphere_trainer(folder, latents=FIT, **changes)


def test_a_run_with_latents_goes_on_as_if_it_had_never_stopped(tmp_path):
    whole = losses_of(own_trainer(tmp_path / "whole", steps=6))
    first = own_trainer(tmp_path / "parts", steps=6)
    with pytest.raises(KeyboardInterrupt):
        first.run(lambda _trainer, progress, _losses: stop(progress.step == 4))
    rest = losses_of(own_trainer(tmp_path / "parts", steps=6))
    assert rest == whole[-len(rest) :] and len(rest) >= 2


def stop(now):
    if now:
        raise KeyboardInterrupt


def test_the_model_by_text_makes_the_objects_of_the_run(tmp_path):
    trainer = own_trainer(tmp_path, steps=40, batch=4)
    losses_of(trainer)
    indices = list(range(len(RADII)))
    shift = trainer.latents(PromptMix.plain(indices)).detach()
    assert shift.abs().max() > 0.01
    said = trainer.embed(indices, torch.Generator())
    truth = grids(trainer.model, said, shift)
    assert relative_error(grids(trainer.by_text(), said), truth) < 0.02

"""The two models that come with the repository do what they are there for."""

from __future__ import annotations

import random

import torch

from backend.text.small_encoder import SmallEncoder
from training.clip.config import OUTPUTS
from training.clip.scoring import ScoringClip
from training.clip.toybox_source import ToyboxSource
from training.prompts import PromptSet, paraphrase, prompt_set, spec_of

PROMPTS = prompt_set("toybox")
UNSEEN = [PROMPTS.unseen[i] for i in range(0, len(PROMPTS.unseen), 101)]


def test_both_are_small_and_not_the_same() -> None:
    assert OUTPUTS["conditioning"].stat().st_size <= 4 * 2**20
    assert OUTPUTS["scoring"].stat().st_size <= 6 * 2**20
    encoder, scoring = SmallEncoder.load(OUTPUTS["conditioning"]), ScoringClip.load()
    assert encoder.tokens * encoder.width == 4096
    assert scoring.clip.text.width != encoder.width
    assert 10.0 < scoring.logit_scale <= 100.0


def test_unseen_objects_said_in_other_words_land_near_their_captions() -> None:
    encoder = SmallEncoder.load(OUTPUTS["conditioning"])
    chance = random.Random(0)
    specs = [spec_of(PROMPTS.prompts[index]) for index in UNSEEN]
    said = encoder.features([paraphrase(spec, chance) for spec in specs])
    best = (said @ encoder.features(PROMPTS.prompts).T).argmax(-1).tolist()
    found = [spec_of(PROMPTS.prompts[index]) for index in best]
    for part in ("animal", "activity", "theme", "hat"):
        right = sum(getattr(a, part) == getattr(b, part) for a, b in zip(found, specs, strict=True))
        assert right >= 0.75 * len(specs), part


def test_the_scoring_model_finds_the_toyboxs_own_pictures_among_all_captions() -> None:
    chosen = PromptSet("some", tuple(PROMPTS.prompts[i] for i in UNSEEN), (0,), ())
    source = ToyboxSource(chosen, compiled=False)
    views = source.fixed_views(torch.arange(len(UNSEEN)), 64)
    rgb = (views[:, :, :3] + 1.0 - views[:, :, 3:]).permute(0, 1, 3, 4, 2)
    scoring = ScoringClip.load()
    features = scoring.image_features(rgb.flatten(0, 1)).unflatten(0, (len(UNSEEN), 4)).mean(1)
    best = (features @ scoring.text_features(PROMPTS.prompts).T).argmax(-1)
    assert (best == torch.tensor(UNSEEN)).float().mean() >= 0.8

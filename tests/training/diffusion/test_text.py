"""The text tower with words for views."""

import itertools

import torch

from tests.training.diffusion.parts import encoder
from training.diffusion.text import with_words
from training.guidance.diffusion.views import VIEW_WORDS
from training.text import conditioning_encoder

PROMPT = "a pig wearing a tophat"


def test_it_knows_the_words_of_every_view():
    text = encoder()
    for words in VIEW_WORDS["sided"]:
        ids = text.tokenizer.ids(words)
        assert text.tokenizer.decode(ids) == words
    assert "rear" not in conditioning_encoder("small").config.words


def test_captions_without_view_words_have_the_bundled_towers_tokens():
    base = conditioning_encoder("small")
    assert torch.equal(encoder().encode([PROMPT]), base.encode([PROMPT]))


def test_every_view_has_tokens_of_its_own():
    captions = [f"{PROMPT}, {words}" for words in VIEW_WORDS["sided"]]
    tokens = encoder().encode(captions)
    unknown = encoder().encode([f"{PROMPT}, zzz zzz zzz"])[0]
    for one, other in itertools.combinations([*tokens, unknown], 2):
        assert (one - other).norm() > 5.0


def test_a_word_gets_the_same_row_whatever_others_there_are():
    base = conditioning_encoder("small")
    alone, among = with_words(base, ["rear"]), with_words(base, ["front rear", "left"])
    said = ["a pig, rear"]
    assert torch.equal(alone.encode(said), among.encode(said))


def test_nothing_new_changes_nothing():
    base = conditioning_encoder("small")
    assert with_words(base, [PROMPT]).config == base.config


def test_the_empty_caption_is_zeros():
    tokens = encoder().encode(["", PROMPT, ""])
    assert tokens.shape == (3, 32, 128)
    assert not tokens[0].any() and not tokens[2].any()
    assert torch.equal(tokens[1], encoder().encode([PROMPT])[0])
    assert encoder().encode([]).shape == (0, 32, 128)

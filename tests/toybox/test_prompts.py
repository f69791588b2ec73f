"""Prompt sets: counts, holdouts and splits of A32; captions, paraphrases and lists from files."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.errors import TrainingError
from training.clip.conditioning import conditioning_encoder
from training.prompts import (
    ACTIVITIES,
    ANIMALS,
    FAMILIES,
    HATS,
    THEMES,
    CharacterSpec,
    caption,
    chain,
    character_of,
    known_words,
    paper_caption,
    paraphrase,
    prompt_set,
    prompt_set_names,
    read_prompts,
    spec_of,
)
from training.prompts.paraphrases import (
    ACTIVITY_WORDS,
    ANIMAL_WORDS,
    HAT_WORDS,
    MATERIAL_ADJECTIVES,
    THEME_WORDS,
    synonyms,
)
from training.prompts.sets import ANIMAL_THEMES, compose96

SPECS = st.builds(
    CharacterSpec,
    st.sampled_from(ANIMALS),
    st.sampled_from((None, *ACTIVITIES)),
    st.sampled_from((None, *THEMES)),
    st.sampled_from((None, *HATS)),
)


@pytest.mark.parametrize(
    ("name", "prompts", "seen", "unseen"),
    [
        ("pig64", 64, 56, 8),
        ("pig56", 56, 49, 7),
        ("animal300", 2400, 300, 2100),
        ("animal1200", 2400, 1200, 1200),
        ("animal2400", 2400, 2400, 0),
        ("toybox-pig", 64, 56, 8),
        ("toybox-animal", 2400, 1200, 1200),
        ("plain", 220, 220, 0),
        ("toybox", 2684, 1476, 1208),
    ],
)
def test_exact_counts(name: str, prompts: int, seen: int, unseen: int) -> None:
    found = prompt_set(name)
    assert (len(found.prompts), len(found.seen), len(found.unseen)) == (prompts, seen, unseen)
    assert len(set(found.prompts)) == prompts
    assert sorted(found.seen + found.unseen) == list(range(prompts))


def test_every_set_is_registered() -> None:
    papers = {"pig64", "pig56", "animal300", "animal1200", "animal2400"}
    ours = {"toybox", "toybox-pig", "toybox-animal", "plain", "compose96", *FAMILIES}
    assert papers | ours == set(prompt_set_names())


def test_pig_holdout_is_the_printed_diagonal() -> None:
    found = prompt_set("pig64")
    assert [found.prompts[index] for index in found.unseen] == [
        "a pig riding a motorcycle made out of gold",
        "a pig sitting on a chair carved out of wood",
        "a pig playing the guitar wearing a leather jacket",
        "a pig holding a shovel wearing a tophat",
        "a pig holding a blue balloon wearing a cape",
        "a pig holding a book wearing a party hat",
        "a pig wielding a katana wearing a sombrero",
        "a pig riding a bike wearing medieval armor",
    ]


def test_pig56_is_the_list_as_printed() -> None:
    """Without the cape; the bicycle first, the bike last."""
    prompts = prompt_set("pig56").prompts
    assert prompts[0] == "a pig riding a bicycle made out of gold"
    assert prompts[-1] == "a pig riding a bike wearing medieval armor"
    assert not any("cape" in prompt or "motorcycle" in prompt for prompt in prompts)
    assert spec_of(prompts[0]) == CharacterSpec("pig", "riding a bike", "made out of gold")


def test_animal_prompts_are_the_printed_template() -> None:
    for name in ("animal300", "animal1200", "animal2400"):
        found = prompt_set(name)
        assert not any(" and " in prompt for prompt in found.prompts)
    assert "a bear wielding a katana wearing a cape wearing a sombrero" in found.prompts
    assert found.prompts[0] == (
        "a squirrel riding a motorcycle wearing medieval armor wearing a party hat"
    )


@pytest.mark.parametrize(("name", "spread"), [("animal300", 1), ("animal1200", 0)])
def test_animal_splits_see_every_part_and_pair_equally_often(name: str, spread: int) -> None:
    found = prompt_set(name)
    specs = [spec_of(found.prompts[index]) for index in found.seen]
    sizes = {"animal": ANIMALS, "activity": ACTIVITIES, "theme": ANIMAL_THEMES, "hat": HATS}
    for fields in itertools.combinations(sizes, 2):
        counts = Counter(tuple(getattr(spec, name) for name in fields) for spec in specs)
        assert len(counts) == len(sizes[fields[0]]) * len(sizes[fields[1]])
        assert max(counts.values()) - min(counts.values()) <= spread, fields


@pytest.mark.parametrize("seen", [12, 48, 72, 96])
def test_whatever_share_of_the_96_is_seen_has_every_part_equally_often(seen: int) -> None:
    """Compositions are left out, not words: what is unseen is made of what was seen."""
    found = compose96(seen)
    assert len(found.seen) == seen and len(found.unseen) == 96 - seen
    assert found.prompts == prompt_set("compose96").prompts
    specs = [spec_of(found.prompts[index]) for index in found.seen]
    for field, size in (("animal", 6), ("theme", 4), ("hat", 4)):
        counts = Counter(getattr(spec, field) for spec in specs)
        assert len(counts) == size and set(counts.values()) == {seen // size}, field
    pairs = Counter((spec.theme, spec.hat) for spec in specs)
    assert max(pairs.values()) - min(pairs.values()) <= 1


def test_toybox_never_sees_what_its_parts_hold_out() -> None:
    toybox = prompt_set("toybox")
    seen = {toybox.prompts[index] for index in toybox.seen}
    for name in ("toybox-pig", "toybox-animal"):
        part = prompt_set(name)
        assert not seen & {part.prompts[index] for index in part.unseen}
        assert {part.prompts[index] for index in part.seen} <= seen


@given(SPECS)
def test_captions_round_trip(spec: CharacterSpec) -> None:
    assert spec_of(caption(spec)) == spec
    assert spec_of(paper_caption(spec)) == spec


def test_template_as_printed_and_as_the_toybox_says_it() -> None:
    spec = CharacterSpec("lion", "holding a book", "wearing a cape", "tophat")
    assert paper_caption(spec) == "a lion holding a book wearing a cape wearing a tophat"
    assert caption(spec) == "a lion holding a book wearing a cape and wearing a tophat"
    assert caption(CharacterSpec("orangutan")) == "an orangutan"


def _says(text: str, options: dict[str, tuple[str, ...]], key: str | None) -> bool:
    return key is None or any(option in text for option in options[key])


@given(SPECS, st.integers(0, 2**32 - 1))
def test_paraphrases_leave_nothing_out_and_add_nothing(spec: CharacterSpec, seed: int) -> None:
    text = paraphrase(spec, random.Random(seed))
    assert _says(text, ANIMAL_WORDS, spec.animal)
    assert _says(text, ACTIVITY_WORDS, spec.activity)
    materials = {k: THEME_WORDS[k] + MATERIAL_ADJECTIVES.get(k, ()) for k in THEME_WORDS}
    assert _says(text, materials, spec.theme)
    assert _says(text, HAT_WORDS, spec.hat)
    if spec.hat is None:
        assert not re.search(r"\b(hat|tophat|sombrero|helmet|cap)\b", text)


@given(SPECS, st.integers(0, 2**32 - 1))
def test_every_word_of_a_paraphrase_is_known(spec: CharacterSpec, seed: int) -> None:
    words = re.findall(r"[\w'-]+", paraphrase(spec, random.Random(seed)))
    assert set(words) <= set(known_words())


def test_paraphrases_repeat_with_their_generator_and_vary_without() -> None:
    spec = CharacterSpec("pig", "riding a bike", "carved out of wood", "tophat")

    def say(seed: int) -> list[str]:
        generator = torch.Generator().manual_seed(seed)
        return [paraphrase(spec, generator) for _ in range(40)]

    assert say(3) == say(3) != say(4)
    assert len(set(say(3))) > 25


@pytest.mark.parametrize(
    "parts",
    [
        ("dragon", None, None, None),
        ("pig", "flying", None, None),
        ("pig", None, "in silk", None),
        ("pig", None, None, "fez"),
    ],
)
def test_unknown_parts_are_refused_by_name(parts: tuple[str, str, str, str]) -> None:
    with pytest.raises(TrainingError, match="the toybox has no"):
        CharacterSpec(*parts)


def test_prompts_outside_the_template_are_refused() -> None:
    with pytest.raises(TrainingError, match="no toy for 'a dragon'"):
        spec_of("a dragon")


def test_lists_from_files(tmp_path: Path) -> None:
    lines = tmp_path / "mine.txt"
    lines.write_text("a pig\n\n  a  lion \n", encoding="utf-8")
    array = tmp_path / "mine.json"
    array.write_text('["a pig", "a lion"]', encoding="utf-8")
    for path in (lines, array):
        assert prompt_set(str(path)).prompts == ("a pig", "a lion")
        assert read_prompts(path).seen == (0, 1)


def test_a_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a pig")
    assert prompt_set(str(path)).prompts == ("a pig",)
    path.write_text("a lion")
    assert prompt_set(str(path)).prompts == ("a lion",)


def test_a_published_object_of_lists(tmp_path: Path) -> None:
    one = tmp_path / "gallery.json"
    one.write_text('{"dreamfusion": ["a corgi", "a  die made out of glass"]}', encoding="utf-8")
    assert prompt_set(str(one)).prompts == ("a corgi", "a die made out of glass")
    two = tmp_path / "marked.json"
    two.write_text('{"dreamfusion": ["a corgi", "a die"], "df27": ["a die"]}', encoding="utf-8")
    assert prompt_set(f"{two}#df27").prompts == ("a die",)
    assert prompt_set(f"{two}#dreamfusion").prompts == ("a corgi", "a die")
    with pytest.raises(TrainingError, match="no list 'df28', but: dreamfusion, df27"):
        prompt_set(f"{two}#df28")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("twice.txt", b"a pig\na lion\na pig\n", "prompt 3 repeats prompt 1: 'a pig'"),
        ("case.txt", b"a pig\n\nA  PIG\n", "prompt 2 repeats prompt 1: 'A PIG'"),
        ("long.txt", b"a pig\n" + b"a" * 2001, "prompt 2 cannot be used: .* 2,001 characters"),
        ("empty.txt", b"\n \n", "has no prompts"),
        ("bytes.txt", b"\xff\xfe\x00\xd8", "cannot read prompts"),
        ("broken.json", b"[", "is not JSON"),
        ("object.json", b'{"a": 1}', "is not a list of prompts"),
        ("numbers.json", b"[1, 2]", "is not a list of prompts"),
        ("two.json", b'{"a": ["a pig"], "b": ["a lion"]}', "several lists, but: a, b"),
    ],
)
def test_bad_files_say_what_is_wrong(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=message) as caught:
        read_prompts(path)
    assert caught.value.remedy


def test_a_missing_file_and_an_unknown_name_say_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot read prompts"):
        read_prompts(tmp_path / "none.txt")
    with pytest.raises(TrainingError, match="there is no prompt set 'pigs'"):
        prompt_set("pigs")


def test_synonyms_point_to_words_of_the_templates():
    found = synonyms()
    assert found["hog"] == "pig"
    assert found["bunny"] == "rabbit"
    assert found["bicycle"] == "bike"
    assert found["spade"] == "shovel"
    assert "holding" not in found
    templates = " ".join(prompt_set("toybox").prompts).split()
    assert set(found.values()) <= set(templates)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_chain_is_its_familys_prompts_in_order_all_seen(name: str) -> None:
    found = prompt_set(name)
    assert found.prompts == tuple(caption(spec) for spec in chain(name))
    assert (len(found.seen), found.unseen) == (len(chain(name)), ())
    assert 3 <= len(found.prompts) <= 4


def test_the_chains_lead_where_they_say() -> None:
    seasons = [prompt.split()[-1] for prompt in prompt_set("tree-seasons").prompts]
    assert seasons == ["spring", "summer", "autumn", "winter"]
    assert prompt_set("cottage-tudor").prompts[0] == "a cottage with a thatched roof"
    assert prompt_set("cottage-tudor").prompts[-1] == "a tudor house"
    assert prompt_set("baby-dragon").prompts[0] == "a dragon egg hatching"
    assert prompt_set("baby-dragon").prompts[-1] == "a mighty grown dragon with large wings"


@pytest.mark.parametrize("name", FAMILIES)
def test_phrases_of_a_family_are_said_and_known(name: str) -> None:
    stages = chain(name)
    every = [phrase for spec in stages for phrase in spec.phrases]
    assert len(set(every)) == len(every) >= 4 * len(stages)
    words = set(known_words(prompt_set(name).prompts))
    for spec in stages:
        said = {paraphrase(spec, random.Random(seed)) for seed in range(60)}
        assert all(any(phrase in text for text in said) for phrase in spec.phrases)
        assert {w for text in said for w in re.findall(r"[\w'-]+", text)} <= words
    named = {word for prompt in prompt_set(name).prompts for word in prompt.split()}
    found = synonyms(prompt_set(name).prompts)
    assert set(found) <= words and set(found.values()) <= named


def test_a_sets_words_are_its_own() -> None:
    animals = set(known_words(prompt_set("toybox").prompts))
    assert animals == set(known_words())
    assert not animals & {"tree", "dragon", "cottage", "bus", "gown", "boulder"}
    tree = set(known_words(prompt_set("tree-seasons").prompts))
    assert {"springtime", "leaves"} <= tree and not tree & {"pig", "dragon", "tophat"}
    assert "pig" not in synonyms(prompt_set("tree-seasons").prompts).values()
    assert known_words(["a castle on a hill"]) == ("a", "castle", "hill", "on")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_text_tower_tells_a_chains_prompts_apart(name: str) -> None:
    prompts = prompt_set(name).prompts
    encoder = conditioning_encoder("small", words=known_words(prompts), synonyms=synonyms(prompts))
    embeddings = encoder.encode(list(prompts)).flatten(1)
    cosines = torch.nn.functional.cosine_similarity(embeddings[:, None], embeddings, dim=-1)
    assert (cosines - torch.eye(len(prompts))).max() < 0.99


def test_a_character_is_not_a_stage() -> None:
    assert character_of("a pig").animal == "pig"
    with pytest.raises(TrainingError, match="a stage of the family tree-seasons"):
        character_of("a tree in winter")

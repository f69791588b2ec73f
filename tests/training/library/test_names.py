"""Captions: from file names, assets' metadata and captions files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.protocol.errors import BadRequest
from training.library.captions import (
    CaptionsFile,
    asset_captions,
    captions_of,
    grouped,
    read_captions,
)
from training.library.names import described, readable, variant, with_word


@pytest.mark.parametrize(
    ("stem", "words"),
    [
        ("Axe_Double_Golden", "axe double golden"),
        ("BirchTree_Autumn_3", "birch tree autumn"),
        ("building_tavern_blue", "building tavern blue"),
        ("banner_patternA_green", "banner pattern a green"),
        ("ball_teamRed", "ball team red"),
        ("trunk_medium_C", "trunk medium"),
        ("TownCenter_FirstAge_Level2", "town center first age level 2"),
        ("2Story_Wide_Mat", "2 story wide"),
        ("SMGBody", "smg body"),
        ("axe_LOD0", "axe"),
        ("Chair (1)", "chair"),
        ("chair copy 2", "chair"),
        ("Cube.001", "cube"),
        ("SM_Rock_final", "rock"),
        ("椅子_3", "椅子"),
        ("Стул2", "стул"),
        ("café-table", "café table"),
    ],
)
def test_names_are_made_readable(stem, words):
    assert readable(stem) == words


@pytest.mark.parametrize(
    "stem", ["a", "mesh_001", "Mesh", "x1", "123", "__", "", "Object.004", "A_B"]
)
def test_names_that_say_nothing_are_found(stem):
    assert readable(stem) == ""


@given(st.text(max_size=40))
def test_a_readable_name_is_small_letters_with_single_spaces(stem):
    words = readable(stem)
    assert words == " ".join(words.split()) and readable(words) in (words, readable(words))


def test_a_caption_has_an_article_or_what_the_template_says():
    assert described("axe") == "an axe"
    assert described("stairs") == "stairs"
    assert described("glass") == "a glass"
    assert described("椅子") == "椅子"
    assert described("axe", "a low-poly {}") == "a low-poly axe"


def test_an_adjective_goes_before_the_noun():
    assert with_word("an axe", "golden") == "a golden axe"
    assert with_word("a barrel", "orange") == "an orange barrel"
    assert with_word("stairs", "red") == "red stairs"
    assert with_word("the king", "tall") == "the tall king"


WRITTEN = {
    "c.csv": "file,caption,caption\na.glb,a chair,a seat\nb,a table,\n",
    "plain.csv": "a.glb,a chair,a seat\nb,a table\n",
    "c.tsv": "a.glb\ta chair\ta seat\nb\ta table\n",
    "c.json": json.dumps({"a.glb": ["a chair", "a seat"], "b": "a table"}),
    "list.json": json.dumps(
        [{"file": "a.glb", "captions": ["a chair", "a seat"]}, {"file": "b", "caption": "a table"}]
    ),
    "c.txt": "a.glb: a chair\na.glb: a seat\n\nb: a table\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_kind_of_captions_file_says_the_same(tmp_path, name):
    path = tmp_path / name
    path.write_text("\ufeff" + WRITTEN[name], encoding="utf-8")
    assert read_captions(path).captions == {"a.glb": ["a chair", "a seat"], "b": ["a table"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", "{"),
        ("c.json", "3"),
        ("c.json", '{"a": 3}'),
        ("c.json", '[{"name": "a"}]'),
        ("c.txt", "no colon here"),
        ("c.csv", ""),
        ("c.csv", "file,caption\n"),
        ("gone.csv", None),
    ],
)
def test_a_captions_file_of_another_form_is_one_line_with_the_forms(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(BadRequest) as caught:
        read_captions(tmp_path / name)
    assert "\n" not in caught.value.message and "file" in caught.value.remedy


def test_the_longest_end_of_a_path_that_the_file_names_counts():
    file = CaptionsFile({"a.glb": ["any a"], "two/a": ["the second"], "gone.glb": ["nothing"]})
    assert file.of("pack/one/a.glb") == ["any a"]
    assert file.of("pack/two/a.glb") == ["the second"]
    assert file.of("pack/b.glb") == []
    assert file.unused == ["gone.glb"]


def test_a_captions_file_comes_before_metadata_and_metadata_before_the_name():
    file = CaptionsFile({"a_chair.glb": ["a throne"]})
    assert captions_of("p/a_chair.glb", "", ["a stool"], file, "") == ["a throne"]
    assert captions_of("p/b_chair.glb", "", ["a stool"], file, "") == ["a stool"]
    assert captions_of("p/RedChair.glb", "", [], file, "") == ["a red chair"]
    assert captions_of("p/all.blend", "RedChair", [], None, "") == ["a red chair"]
    assert captions_of("p/mesh_001.glb", "", [], file, "") == []


def test_an_asset_is_called_by_its_name_its_tags_and_its_description():
    said = asset_captions("WoodenChair", "A chair from a tavern", ["old", "wooden"], "")
    assert said == ["a wooden chair", "A chair from a tavern", "an old wooden chair"]
    assert asset_captions("Object.001", "A round shield", [], "") == ["A round shield"]


def test_models_of_one_caption_are_variants_in_the_order_that_people_count():
    models = {"p/tree_10.glb": ["a tree"], "p/tree_2.glb": ["A tree"], "p/rock.glb": ["a rock"]}
    assert grouped(models) == {
        "a rock": ["p/rock.glb"],
        "a tree": ["p/tree_2.glb", "p/tree_10.glb"],
    }
    assert [variant("a tree", n) for n in (1, 2)] == ["a tree", "a tree, variant 2"]

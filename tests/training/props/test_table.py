"""The hand-kept table of props: its rows are read, and they name every model of the packs."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from training.props.table import Row, TableError, name_models, read_table


def packs_folder() -> Path:
    """The folder of the packs, which is no part of the project; the test is skipped without it."""
    named = os.environ.get("ATT3D_PACKS")
    places = [Path(named)] if named else [p / "shared/data/packs" for p in Path(__file__).parents]
    for place in places:
        if (place / "packs.json").is_file():
            return place
    pytest.skip("the packs of models are not here (ATT3D_PACKS names their folder)")


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "models.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_word_in_braces_is_repeated_in_plain_english():
    row = Row("pack/flag_team{Color}", ("a {color} flag", "a flag in {color}"), 1.0, "signs")
    prop = row.prop("pack/flag_teamRed")
    assert prop is not None and prop.captions == ("a red flag", "a flag in red")
    assert row.prop("pack/flag_teamMauve") is None
    assert row.prop("pack/flag_teamRed_2") is None


def test_an_age_is_said_in_words():
    row = Row("pack/Wall_{age}_Level{n}", ("a {age} wall, level {n}",), 8.0, "buildings")
    prop = row.prop("pack/Wall_SecondAge_Level3")
    assert prop is not None and prop.captions == ("a second age wall, level 3",)


def test_the_first_row_that_fits_counts(tmp_path):
    lines = (
        "p/Tree_Snow_*\ta snowy tree\t\t5\tplants",
        "p/Tree_*\ta tree\ta green tree\t5\tplants",
    )
    rows = read_table(write(tmp_path, "# a remark", "", *lines))
    named = [prop.captions[0] for prop in name_models(["p/Tree_Snow_1", "p/Tree_1"], rows)]
    assert named == ["a snowy tree", "a tree"]


def test_a_model_may_be_left_out_with_a_reason(tmp_path):
    rows = read_table(write(tmp_path, "p/Tile*\t-\tflat"))
    (prop,) = name_models(["p/Tile_1"], rows)
    assert not prop.captions and prop.left_out == "flat"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p/a\ta thing\t\tbig\titems", "line 1: a row is"),
        ("p/a\ta thing", "line 1: a row is"),
        ("p/{shape}\ta thing\t\t1\titems", "{shape} is not known"),
        ("p/a\t-", "for no reason"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(tmp_path, line, said):
    with pytest.raises(TableError, match=said):
        read_table(write(tmp_path, line))


def test_a_model_without_a_row_is_named(tmp_path):
    with pytest.raises(TableError, match="p/Unheard"):
        list(name_models(["p/Unheard"], read_table(write(tmp_path, "p/a\ta thing\t\t1\titems"))))


def test_sizes_are_of_this_world():
    assert all(0.01 <= row.metres <= 2000 for row in read_table() if row.captions)


def test_every_model_of_the_packs_has_a_row_and_every_row_a_model():
    folder = packs_folder()
    files = [*folder.rglob("*.glb"), *folder.rglob("*.gltf")]
    models = sorted(f"{path.relative_to(folder).parts[0]}/{path.stem}" for path in files)
    rows = read_table()
    assert len(list(name_models(models, rows))) == len(models)
    used = {next(r.pattern for r in rows if r.prop(model) is not None) for model in models}
    assert {row.pattern for row in rows} == used


def test_no_phrase_means_two_things():
    folder = packs_folder()
    files = [*folder.rglob("*.glb"), *folder.rglob("*.gltf")]
    meanings = defaultdict(set)
    for prop in name_models(f"{p.relative_to(folder).parts[0]}/{p.stem}" for p in files):
        for caption in prop.captions:
            meanings[caption].add(prop.captions[0])
    assert {said: of for said, of in meanings.items() if len(of) > 1} == {}

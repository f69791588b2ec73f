"""A library as reference assets: one more kind that training compares its objects with."""

import json

import numpy as np
import pytest
import torch

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import orbit
from tests.training.library.models import box, write_box
from training.assets import LibraryConfig, lit_on_white
from training.assets.library import short_licence
from training.assets.protocol import AssetCollection, AssetsConfig, ReferenceAssets, ReferenceBatch
from training.library.assets import texel_index
from training.library.attributes import TINTS
from training.library.build import LibraryOptions, build
from training.library.grid import lookup
from training.library.mesh import texel_of
from training.library.names import with_word
from training.library.storage import read_model
from training.prompts import PromptMix

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("library")
    colors = {"Chair": (220, 40, 40, 255), "Table": (40, 40, 220, 255)}
    for number, (name, color) in enumerate(colors.items()):
        mesh = box((1.0, 1.0 + number, 2.0 - number))
        mesh.visual.vertex_colors = color
        (root / "pack").mkdir(exist_ok=True)
        (root / "pack" / f"{name}.ply").write_bytes(mesh.export(file_type="ply"))
    write_box(root / "pack" / "Crate.glb", size=(2.0, 2.0, 2.0))
    options = LibraryOptions(
        inputs=(root / "pack",), output=root / "lib", workers=1, licence="CC0-1.0", author="Ann"
    )
    build(options)
    return root / "lib"


@pytest.fixture(scope="module")
def collection(folder):
    return LibraryConfig(folder=str(folder)).open()


def batch(collection, *prompts):
    assets = collection.references(prompts, CPU, compiled=False)
    return assets.assets_at(PromptMix.plain(range(len(prompts))))


def points(assets, seed=0, count=3000):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(assets, count, 3, generator=generator) * 1.8 - 0.9


def test_a_library_gives_all_that_training_asks_for(folder, collection):
    assert isinstance(LibraryConfig(folder=str(folder)), AssetsConfig)
    assert isinstance(collection, AssetCollection)
    assets = collection.references(["a chair"], CPU, compiled=False)
    assert isinstance(assets, ReferenceAssets)
    assert isinstance(assets.assets_at(PromptMix.plain([0])), ReferenceBatch)


def test_distance_and_color_are_those_of_the_grids_one_by_one(folder, collection):
    prompts = ["a chair", "a table", "a crate"]
    asked = points(3)
    distance, color = batch(collection, *prompts).query(asked)
    for row, prompt in enumerate(prompts):
        key = next(e.key for e in collection.index.entries if e.prompt == prompt)
        slow, painted = lookup(read_model(folder, key).grid, asked[row].numpy().astype(float))
        # Distances are the slope's length apart, which is 1 but at edges.
        close = np.abs(distance[row].numpy() - slow) < 2e-3
        assert close.mean() > 0.99
        near = np.abs(slow) < 0.05
        np.testing.assert_allclose(color[row].numpy()[near], painted[near], atol=1e-3)


def test_points_on_the_surface_are_at_distance_nothing(collection):
    assets = batch(collection, "a chair", "a tall table", "a small crate")
    on = assets.near_points(2000, 0.0, torch.Generator().manual_seed(0))
    distance, _ = assets.query(on)
    assert distance.abs().mean() < 0.004
    off = assets.near_points(2000, 0.02, torch.Generator().manual_seed(0))
    assert 0.012 < (off - on).norm(dim=-1).mean() < 0.05


def test_pictures_show_what_is_inside(collection):
    assets = batch(collection, "a chair", "a wide table")
    color, alpha = assets.pictures(orbit(2), 48)
    assert color.shape == (2, 48, 48, 3) and set(alpha.unique().tolist()) == {0.0, 1.0}
    assert (color[alpha == 0] == 0).all()
    origins, directions = orbit(2).rays(48)
    steps = torch.linspace(1.8, 4.2, 200)
    along = origins[:, None, None] + directions[:, :, None] * steps[:, None]
    distance, _ = assets.query(along.flatten(1, 2))
    hit = (distance.unflatten(1, (48 * 48, 200)).amin(-1) < 0).float().unflatten(1, (48, 48))
    assert (hit - alpha).abs().mean() < 0.02


def test_the_front_of_the_file_is_our_front(tmp_path):
    """glTF's +z, where a camera at -y sees it."""
    from tests.training.library.models import Gltf, quad

    gltf = Gltf()
    gltf.node(mesh=quad(gltf, gltf.material((1.0, 0.0, 0.0, 1.0))), translation=[0, 0, 0.5])
    gltf.node(mesh=quad(gltf, gltf.material((0.0, 0.0, 1.0, 1.0))), translation=[0, 0, -0.5])
    gltf.write(tmp_path / "sign.glb")
    build(LibraryOptions(inputs=(tmp_path / "sign.glb",), output=tmp_path / "lib", workers=1))
    assets = batch(LibraryConfig(folder=str(tmp_path / "lib")).open(), "a sign")
    front, alpha = assets.pictures(orbit(1, elevation=0.0), 32)
    assert front[alpha > 0].mean(0).tolist() == pytest.approx([1.0, 0.0, 0.0])


@pytest.mark.parametrize("word", TINTS)
def test_a_recolored_copy_has_the_color_of_its_word_and_the_shape_of_its_model(collection, word):
    plain, tinted = batch(collection, "a crate"), batch(collection, with_word("a crate", word))
    (_, alpha), (color, same) = plain.pictures(orbit(1), 32), tinted.pictures(orbit(1), 32)
    assert torch.equal(alpha, same)
    mean = color[0][same[0] > 0].mean(0)
    middle = torch.tensor(TINTS[word].middle)
    assert (mean - middle).abs().max() < 0.15
    near = tinted.near_points(500, 0.0, torch.Generator().manual_seed(0))
    assert (tinted.query(near)[1].mean((0, 1)) - middle).abs().max() < 0.15


def test_a_stretched_copy_is_stretched_and_stands_in_the_ball(collection):
    def extent(prompt):
        on = batch(collection, prompt).near_points(4000, 0.0, torch.Generator().manual_seed(0))[0]
        assert on[:, 2].min() == pytest.approx(-0.6, abs=0.02) and on.norm(dim=-1).max() < 0.96
        return (on.amax(0) - on.amin(0)).tolist()

    x, _, z = extent("a crate")
    tall, wide, small = extent("a tall crate"), extent("a wide crate"), extent("a small crate")
    assert tall[2] / tall[0] == pytest.approx(1.6 * z / x, rel=0.03)
    assert wide[0] / wide[2] == pytest.approx(1.6 * x / z, rel=0.03)
    assert small[0] == pytest.approx(0.6 * x, rel=0.03)


def test_distances_of_a_stretched_copy_are_metres_near_its_surface(collection):
    assets = batch(collection, "a tall crate")
    on = assets.near_points(6000, 0.0, torch.Generator().manual_seed(0))[0]
    low, high = on.amin(0), on.amax(0)
    asked = points(1, seed=1, count=8000)
    outside = (low - asked[0]).maximum(asked[0] - high)
    exact = outside.clamp_min(0).norm(dim=-1) + outside.amax(-1).clamp_max(0)
    near = exact.abs() < 0.04
    distance, _ = assets.query(asked)
    assert (distance[0] - exact)[near].abs().mean() < 0.004


def test_prompts_are_found_in_any_case_and_without_their_article(collection):
    assert collection.has("A Chair") and collection.has("chair") and collection.has("golden chair")
    assert not collection.has("a zeppelin")
    with pytest.raises(TrainingError, match="zeppelin"):
        collection.references(["a zeppelin"], CPU, compiled=False)


def test_paraphrases_name_the_same_model_and_their_words_are_known(collection):
    generator = torch.Generator().manual_seed(0)
    said = {collection.paraphrase("a red crate", generator) for _ in range(20)}
    assert said == {"a red crate", "red crate"}
    assert set(collection.known_words(["a red crate"])) >= {"a", "red", "crate"}


def test_other_captions_name_a_thing_in_other_words(folder, collection, tmp_path):
    index = json.loads((folder / "library.json").read_text())
    for model in index["models"]:
        if model["prompt"] == "a chair":
            model["captions"] = ["a chair", "an old seat", "a perch with a back", "a table"]
    (tmp_path / "library.json").write_text(json.dumps(index))
    named = LibraryConfig(folder=str(tmp_path)).open()
    assert named.synonyms(["a chair", "a table", "a red chair"]) == {"seat": "chair"}
    assert collection.synonyms(["a chair"]) == {}


def test_provenance_names_file_hash_author_and_licence(collection):
    found = collection.provenance(["a red chair", "a chair"])
    (model,) = found["models"]
    assert model["source"] == "pack/Chair.ply" and len(model["sha256"]) == 64
    assert (model["author"], model["licence"]) == ("Ann", "CC0-1.0")
    assert collection.licence == "CC0-1.0"


def test_a_fingerprint_changes_with_model_and_look(collection):
    prints = {collection.fingerprint([p]) for p in ("a chair", "a table", "a red chair")}
    assert len(prints) == 3


def test_lit_pictures_are_darker_where_light_does_not_come(collection):
    assets = collection.references(["a chair"], CPU, compiled=False)
    lit = lit_on_white(assets, 0, orbit(1), 32)
    flat = lit_on_white(assets, 0, orbit(1), 32, "albedo")
    shown = (flat < 0.999).any(-1)
    assert (
        lit[shown].mean() < flat[shown].mean() + 1e-3
        and lit[shown][:, 0].std() > flat[shown][:, 0].std()
    )


def test_a_library_or_a_set_that_is_not_there_is_one_line(tmp_path, collection):
    with pytest.raises(TrainingError, match="no library"):
        LibraryConfig(folder=str(tmp_path)).open()
    with pytest.raises(TrainingError, match="no prompt set"):
        collection.prompt_set("animal1200")


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("License: (Creative Commons Zero, CC0) http://x", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("MIT", "MIT"),
        ("", "LicenseRef-unknown"),
    ],
)
def test_licences_that_are_clear_have_their_short_name(text, short):
    assert short_licence(text) == short


def test_texels_are_found_in_torch_as_in_numpy():
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), 3000)
    side = np.random.default_rng(1).integers(1, 9, 3000)
    ours = texel_index(torch.from_numpy(side), torch.from_numpy(weights))
    np.testing.assert_array_equal(ours.numpy(), texel_of(side, weights))

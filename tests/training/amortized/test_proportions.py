"""What words say of proportions: the fit, and that a run shows assets in their own."""

from random import Random

import pytest
import torch

from backend.model.proportions import Proportions
from backend.prompts.attributes import AS_IT_IS
from backend.protocol.errors import TrainingError
from tests.training.library.models import box
from training.amortized.proportions import fit_proportions, teach_proportions
from training.assets import LibraryConfig
from training.assets.toybox import ToyboxCollection
from training.cli import main
from training.clip.conditioning import conditioning_encoder
from training.library.attributes import STRETCHES
from training.prompts import PromptSet

NAMES = ["Chair", "Table", "Lamp", "Barrel", "TallTower"]
TALL, WIDE = STRETCHES["tall"], STRETCHES["wide"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    root = tmp_path_factory.mktemp("proportions")
    (root / "pack").mkdir()
    for number, name in enumerate(NAMES):
        mesh = box((1.0, 1.0 + number, 2.0))
        mesh.visual.vertex_colors = (40 * number, 100, 100, 255)
        (root / "pack" / f"{name}.ply").write_bytes(mesh.export(file_type="ply"))
    command = ["library", str(root / "pack"), "-o", str(root / "lib"), "--licence", "CC0-1.0"]
    assert main([*command, "--workers", "1", "--author", "Ann"]) == 0
    return root / "lib"


def test_what_is_said_of_assets_is_never_what_is_held_back(library):
    collection = LibraryConfig(str(library)).open()
    prompts = collection.prompt_set("library")
    held = {prompts.prompts[i] for i in prompts.unseen}
    said = collection.proportions(prompts.prompts, 200, Random(0))
    assert held and not held & {caption for caption, _ in said}
    assert {factors for _, factors in said} == {AS_IT_IS, *STRETCHES.values()}


def test_a_word_of_a_models_own_caption_stretches_nothing(library):
    collection = LibraryConfig(str(library)).open()
    said = dict(collection.proportions(["a tall tower"], 200, Random(0)))
    assert said["a tall tower"] == AS_IT_IS
    assert said["a wide tall tower"] == WIDE


def test_without_attributes_nothing_is_said(library):
    collection = LibraryConfig(str(library), attributes=False).open()
    assert collection.proportions(["a chair"], 20, Random(0)) == []


def test_words_are_understood_of_assets_and_colors_that_they_were_not_said_of():
    """Each embedding is a sum of what a thing, a color and a word of proportion add."""
    generator = torch.Generator().manual_seed(0)
    things, colors = (torch.randn(count, 4, 12, generator=generator) for count in (40, 6))
    words = {TALL: torch.randn(4, 12, generator=generator), AS_IT_IS: torch.zeros(4, 12)}
    words[WIDE] = torch.randn(4, 12, generator=generator)
    cases = [
        (thing + color + word, factors)
        for thing in things
        for color in colors
        for factors, word in words.items()
    ]
    Random(0).shuffle(cases)
    known, others = cases[:400], cases[400:]
    network = Proportions(48, 16)
    fit_proportions(network, torch.stack([c for c, _ in known]), [f for _, f in known])
    answer = network(torch.stack([c for c, _ in others])).log()
    wanted = torch.tensor([f for _, f in others]).log()
    assert (answer - wanted).square().mean().sqrt() < 0.05


def test_a_network_knows_the_librarys_captions(library):
    collection = LibraryConfig(str(library)).open()
    prompts = collection.prompt_set("library")
    encoder = conditioning_encoder("small", words=collection.known_words(prompts.prompts))
    network = Proportions(encoder.tokens * encoder.width, 32)
    teach_proportions(network, prompts, collection, encoder)
    tall, plain = network(encoder.encode(["a tall barrel", "a barrel"]))
    torch.testing.assert_close(tall, torch.tensor(TALL), atol=0.03, rtol=0)
    torch.testing.assert_close(plain, torch.ones(3), atol=0.03, rtol=0)


def test_toys_have_no_words_of_proportion():
    prompts = PromptSet("one", ("a pig",), (0,), ())
    encoder = conditioning_encoder("small")
    network = Proportions(encoder.tokens * encoder.width, 4)
    with pytest.raises(TrainingError, match="no word stretches the assets of toybox"):
        teach_proportions(network, prompts, ToyboxCollection(), encoder)


def test_references_of_a_stretched_copy_are_stretched_about_the_ground(library):
    from training.library.placing import FEET
    from training.prompts import PromptMix

    collection = LibraryConfig(str(library)).open()
    prompts = ["a chair", "a tall chair"]
    assets = collection.references(prompts, torch.device("cpu"), compiled=False)
    mix = PromptMix.plain([0, 1])
    plain, tall = assets.assets_at(mix).near_points(2000, 0.0, torch.Generator().manual_seed(0))
    feet = torch.tensor(FEET, dtype=torch.float32)
    low, high = (feet + torch.tensor(TALL) * (bound(plain) - feet) for bound in (lowest, highest))
    torch.testing.assert_close(lowest(tall), low, atol=0.02, rtol=0)
    torch.testing.assert_close(highest(tall), high, atol=0.02, rtol=0)
    own = assets.unstretched().assets_at(mix)
    distance, _ = own.query(tall[None].expand(2, -1, -1))
    torch.testing.assert_close(distance[0], distance[1])


def lowest(points):
    return points.amin(0)


def highest(points):
    return points.amax(0)

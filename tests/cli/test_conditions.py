"""What a checkpoint amortizes over beside the text is chosen after training (A31)."""

import dataclasses
import json

import numpy as np
import pytest

from backend import cli
from backend.conditions import check_conditions, parse_conditions
from backend.engine import Engine
from backend.model.checkpoint import save_checkpoint
from backend.model.checkpoint_file import read_metadata
from backend.model.config import Condition
from backend.paths import root
from backend.protocol.errors import BadRequest
from backend.protocol.messages import GenerateParams
from backend.protocol.schema import decode
from backend.rendering.turntable import Turntable
from backend.server.checkpoint_list import list_checkpoints
from tests.tiny import TINY, tiny_checkpoint, tiny_model

WEIGHT = Condition("guidance_weight", 5.0, 100.0, 20.0, logarithmic=True)
PROMPT = "a pig on a chair"


@pytest.fixture(scope="module")
def conditioned(tmp_path_factory):
    """A checkpoint with random weights and one condition."""
    folder = tmp_path_factory.mktemp("conditioned")
    plain = tiny_checkpoint(folder / "plain.safetensors")
    config = dataclasses.replace(TINY, conditions=(WEIGHT,))
    metadata = dataclasses.replace(read_metadata(plain), config=config, name="conditioned")
    from backend.model.checkpoint import load_checkpoint

    text = load_checkpoint(plain).text_tensors
    path = folder / "conditioned.safetensors"
    save_checkpoint(path, tiny_model(config=config), metadata, text, storage="float32")
    return path


def test_a_value_changes_the_object_and_the_default_is_what_is_not_given(conditioned):
    engine = Engine(conditioned, device="cpu")
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 3)).astype(np.float32)

    def heights(conditions):
        field, _ = engine.field(PROMPT, conditions)
        return np.asarray(field.pre_density(points))

    plain = heights(None)
    np.testing.assert_allclose(heights({"guidance_weight": 20.0}), plain, atol=1e-4)
    assert np.abs(heights({"guidance_weight": 100.0}) - plain).max() > 1e-3


def test_a_chain_has_them_at_every_place(conditioned):
    engine = Engine(conditioned, device="cpu")
    prompts = [PROMPT, "a pig wearing a tophat"]
    first = engine.preview(prompts, 0.5, 24).vertices
    again = engine.preview(prompts, 0.5, 24, {"guidance_weight": 100.0}).vertices
    assert first.shape != again.shape or np.abs(first - again).max() > 1e-6


def test_the_command_line_takes_them(conditioned, tmp_path, capsys):
    pictures = []
    for value in (5, 100):
        output = tmp_path / f"{value}.png"
        arguments = ["render", PROMPT, "-o", str(output), "--checkpoint", str(conditioned)]
        arguments += ["--size", "32", "--condition", f"guidance_weight={value}"]
        assert cli.main(arguments) == 0, capsys.readouterr().err
        pictures.append(output.read_bytes())
    assert pictures[0] != pictures[1]
    assert cli.main(["info", str(conditioned)]) == 0
    assert "guidance_weight=20 (from 5 to 100)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("guidance_weight=101", "from 5 to 100"),
        ("guidance_wait=20", "no condition 'guidance_wait'; it has: guidance_weight"),
        ("guidance_weight", "not NAME=VALUE"),
        ("guidance_weight=high", "not NAME=VALUE"),
        ("guidance_weight=nan", "not NAME=VALUE"),
    ],
)
def test_what_cannot_be_is_one_clear_line(conditioned, tmp_path, capsys, said, message):
    arguments = ["render", PROMPT, "-o", str(tmp_path / "x.png"), "--checkpoint", str(conditioned)]
    assert cli.main([*arguments, "--condition", said]) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


@pytest.mark.parametrize("command", [["generate"], ["render"], ["interpolate", "a pig"]])
@pytest.mark.parametrize("value", ["4.9", "100.1", "1e300"])
def test_every_command_refuses_a_value_out_of_range(conditioned, tmp_path, capsys, command, value):
    output = tmp_path / ("x.png" if command == ["render"] else "x.glb")
    arguments = [*command, PROMPT, "-o", str(output), "--checkpoint", str(conditioned)]
    assert cli.main([*arguments, "--condition", f"guidance_weight={value}"]) == 2
    error = capsys.readouterr().err
    assert "from 5 to 100" in error and error.count("\n") == 2
    assert not output.exists()


def test_the_engine_refuses_it_whoever_asks(conditioned):
    engine, wrong = Engine(conditioned, device="cpu"), {"guidance_weight": 101.0}
    for ask in (
        lambda: engine.field(PROMPT, wrong),
        lambda: engine.generate(PROMPT, conditions=wrong),
        lambda: engine.preview([PROMPT, "a pig"], 0.5, 24, wrong),
        lambda: engine.interpolate([PROMPT, "a pig"], conditions=wrong),
    ):
        with pytest.raises(BadRequest, match="from 5 to 100"):
            ask()


def test_given_twice_is_refused():
    with pytest.raises(BadRequest, match="twice"):
        parse_conditions(["a=1", "a=2"])
    assert parse_conditions(["a=1", "b=-2e3"]) == {"a": 1.0, "b": -2000.0}


def test_a_checkpoint_without_conditions_says_so():
    with pytest.raises(BadRequest, match="it has: none"):
        check_conditions((), {"guidance_weight": 5.0})


def test_the_wire_carries_them_and_the_list_describes_them(conditioned):
    sent = {"prompt": PROMPT, "conditions": {"guidance_weight": 30}}
    assert decode(GenerateParams, sent).conditions == {"guidance_weight": 30.0}
    with pytest.raises(BadRequest):
        decode(GenerateParams, {"prompt": PROMPT, "conditions": {"guidance_weight": "much"}})
    entries = list_checkpoints([str(conditioned.parent)])
    (entry,) = [entry for entry in entries if entry.name == "conditioned"]
    assert json.loads(json.dumps(dataclasses.asdict(entry)))["conditions"] == [
        {
            "name": "guidance_weight",
            "minimum": 5.0,
            "maximum": 100.0,
            "default": 20.0,
            "logarithmic": True,
        }
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "a pig wearing a tophat",
        "a rabbit wearing a cape",
        "a robot wearing a sombrero",
        "a raccoon wearing a suit",
    ],
)
def test_a31_the_published_model_has_stronger_colors_and_less_haze_with_more_weight(prompt):
    engine = Engine(root() / "docs" / "paper" / "guidance-weight.safetensors", device="cpu")
    color, haze = [], []
    for weight in (1.0, 5.0, 15.0, 40.0):
        field, _ = engine.field(prompt, {"guidance_weight": weight})
        rgb, opacity = Turntable(field).view(0.0, 64, "albedo")
        color.append(np.ptp(rgb, axis=-1).mean())
        haze.append(np.mean((opacity > 0.1) & (opacity < 0.9)))
    assert color == sorted(color) and color[-1] > 1.2 * color[0]
    assert haze[-1] < haze[0]

"""Command lines: values that are more than a number or a word."""

import pytest

from backend.model.att3d import ATT3D
from backend.model.config import Condition
from backend.protocol.errors import TrainingError
from training.amortized.config import TrainConfig
from training.options import parse_options


def test_a31_conditions_on_the_command_line():
    said = ["--model.conditions", "guidance_weight:5:100:20", "opacity_weight:0.001:0.1:0.01:log"]
    config = parse_options(TrainConfig, said)
    assert config.model.conditions == (
        Condition("guidance_weight", 5.0, 100.0, 20.0),
        Condition("opacity_weight", 0.001, 0.1, 0.01, logarithmic=True),
    )
    assert parse_options(TrainConfig, ["--steps", "7"], default=config).model == config.model


def test_what_is_no_condition_is_refused(capsys):
    with pytest.raises(SystemExit) as info:
        parse_options(TrainConfig, ["--model.conditions", "guidance_weight:5"])
    assert info.value.code == 2
    assert "NAME:LOW:HIGH:DEFAULT" in capsys.readouterr().err


def test_a_condition_that_cannot_be_is_named_before_training():
    config = parse_options(TrainConfig, ["--model.conditions", "guidance_weight:5:1:20"])
    with pytest.raises(TrainingError, match="guidance_weight needs low < high"):
        ATT3D(config.model)

"""Every number of every configuration has a range, said in one line."""

import dataclasses
import math

import pytest

from backend.protocol.errors import TrainingError
from training.amortized.config import TrainConfig
from training.clip.config import ClipTrainConfig
from training.diffusion.config import PRESETS as DIFFUSION_PRESETS
from training.diffusion.config import DiffusionConfig
from training.presets import FINETUNE, PRESETS, REFINE
from training.refinement.config import RefineConfig
from training.runs.ranges import check_ranges

CONFIGS = (TrainConfig(), RefineConfig(), DiffusionConfig(), ClipTrainConfig())


def numbers(config, path=()):
    """Every number in a configuration: its path of names, and its value."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from numbers(value, (*path, field.name))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, field.name), value


def replaced(config, path, value):
    """``config`` with another value, past the checks of its own classes."""
    changed = object.__new__(type(config))
    for field in dataclasses.fields(config):
        inner = getattr(config, field.name)
        if field.name == path[0]:
            inner = replaced(inner, path[1:], value) if path[1:] else value
        object.__setattr__(changed, field.name, inner)
    return changed


ALL = [(config, path, value) for config in CONFIGS for path, value in numbers(config)]


@pytest.mark.parametrize(("config", "path", "value"), ALL)
def test_a_number_that_cannot_be_is_named(config, path, value):
    option = "--" + ".".join(name.replace("_", "-") for name in path)
    for wrong in (math.nan, math.inf, -math.inf) if isinstance(value, float) else (-5,):
        with pytest.raises(TrainingError) as info:
            check_ranges(replaced(config, path, wrong))
        assert option in info.value.message and "must be" in info.value.message
        assert "\n" not in info.value.message


@pytest.mark.parametrize("config", [*PRESETS.values(), FINETUNE, REFINE])
def test_presets_are_within_their_ranges(config):
    check_ranges(config)


@pytest.mark.parametrize("config", [*CONFIGS, *DIFFUSION_PRESETS.values()])
def test_defaults_are_within_their_ranges(config):
    check_ranges(config)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("batch",), 0),
        (("save_every",), 0),
        (("sheet_every",), 0),
        (("steps",), -5),
        (("steps",), 0),
        (("paraphrase",), 1.5),
        (("optimizer", "beta1"), 1.0),
    ],
)
def test_values_that_ended_in_a_traceback(path, value):
    with pytest.raises(TrainingError, match=path[-1].replace("_", "-")):
        check_ranges(replaced(TrainConfig(), path, value))


@pytest.mark.parametrize("name", ["warmup", "scored", "save_every"])
@pytest.mark.parametrize("value", [10**13, 10**400])
def test_no_whole_number_is_endless(name, value):
    config = next(config for config in CONFIGS if hasattr(config, name))
    with pytest.raises(TrainingError, match="to 1099511627776") as info:
        check_ranges(replaced(config, (name,), value))
    assert len(info.value.message) < 100


def test_a_bank_that_no_memory_holds_is_refused():
    bank = dataclasses.replace(ClipTrainConfig().bank, views=10**9, size=1024)
    with pytest.raises(TrainingError, match=r"--bank\.\* does not fit: .* 3,815 TiB"):
        check_ranges(dataclasses.replace(ClipTrainConfig(), bank=bank))


def test_a_pair_is_ordered():
    cameras = dataclasses.replace(TrainConfig().cameras, distance=(3.0, 2.0))
    with pytest.raises(TrainingError, match=r"--cameras\.distance is 3 2") as info:
        check_ranges(dataclasses.replace(TrainConfig(), cameras=cameras))
    assert info.value.remedy == "write --cameras.distance 2 3"

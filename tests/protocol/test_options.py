"""What may be asked of a mesh and of a chain: one declaration, checked in one place."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from backend.protocol import messages as m
from backend.protocol.errors import BadRequest
from backend.protocol.options import (
    ChainOptions,
    MeshOptions,
    PreviewOptions,
    options_of,
)
from backend.protocol.schema import decode, encode

DECLARED = (MeshOptions, ChainOptions, PreviewOptions)
NUMBERS = [
    (cls, option.name, option.minimum, option.maximum)
    for cls in DECLARED
    for option in options_of(cls)
    if option.minimum is not None
]


def test_the_defaults_are_those_of_the_panel():
    assert MeshOptions() == MeshOptions(8000, 1024, 128, False)


def test_ranges_are_those_that_were_promised():
    promised = {"faces": (100, 200_000), "texture_size": (64, 8192), "resolution": (32, 512)}
    for option in options_of(MeshOptions):
        assert (option.minimum, option.maximum) == promised.get(option.name, (None, None))
    chain = {option.name: option for option in options_of(ChainOptions)}
    assert (chain["keys"].minimum, chain["keys"].maximum) == (2, 96)
    assert chain["resolution"].maximum == 256


@pytest.mark.parametrize(("cls", "name", "low", "high"), NUMBERS)
def test_ranges_are_inclusive_and_named_in_the_error(cls: Any, name: str, low: int, high: int):
    cls(**{name: low})
    cls(**{name: high})
    for value in (low - 1, high + 1, -1, 0, 1.5, "8", None, True, float("nan"), 10**400):
        with pytest.raises(BadRequest, match=f"{name} .* from {low} to {high}") as caught:
            cls(**{name: value})
        assert f"from {low} to {high}" in caught.value.remedy


def test_a_normal_map_is_wanted_or_not():
    with pytest.raises(BadRequest, match="true or false"):
        MeshOptions(normal_map=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [MeshOptions, ChainOptions])
def test_the_unwrapper_is_one_of_two(cls: Any):
    assert cls().unwrap == "own"
    assert cls(unwrap="xatlas").unwrap == "xatlas"
    with pytest.raises(BadRequest, match="unwrap must be one of own, xatlas, not"):
        cls(unwrap="blender")


@pytest.mark.parametrize("cls", DECLARED)
def test_every_option_has_what_a_panel_needs(cls: type):
    options = options_of(cls)
    assert [option.name for option in options] == [f.name for f in dataclasses.fields(cls)]
    for option in options:
        assert option.label.istitle()
        assert option.help
        assert not option.help.endswith(".")
        assert type(option.default) is option.type
        if option.minimum is not None:
            assert option.minimum <= option.usual_minimum < option.usual_maximum <= option.maximum
            assert option.usual_minimum <= option.default <= option.usual_maximum


@pytest.mark.parametrize(
    ("params", "declared"),
    [
        (m.GenerateParams, MeshOptions),
        (m.InterpolateParams, ChainOptions),
        (m.PreviewParams, PreviewOptions),
    ],
)
def test_the_wire_offers_what_is_declared(params: Any, declared: type):
    asked = {"prompt": "a pig"} if params is m.GenerateParams else {"prompts": ["a pig"]}
    assert options_of(params) == options_of(declared)
    made = params(**asked)
    assert decode(params, encode(made)) == made
    for option in options_of(declared):
        if option.minimum is not None:
            with pytest.raises(BadRequest, match=option.name):
                decode(params, asked | {option.name: option.minimum - 1}, "generate")

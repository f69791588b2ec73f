"""What may be asked of a mesh."""

from __future__ import annotations

import pytest

from backend.protocol.errors import BadRequest
from backend.protocol.options import MeshOptions


def test_the_defaults_are_those_of_the_panel():
    assert MeshOptions() == MeshOptions(8000, 1024, 128, False)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("faces", 100, 200_000), ("texture_size", 64, 8192), ("resolution", 32, 512)],
)
def test_ranges_are_inclusive_and_named_in_the_error(name: str, low: int, high: int):
    MeshOptions(**{name: low})
    MeshOptions(**{name: high})
    for value in (low - 1, high + 1, -1, 0, 1.5, "8", None, True, float("nan")):
        with pytest.raises(BadRequest, match=f"{name} .* from {low} to {high}") as caught:
            MeshOptions(**{name: value})
        assert f"from {low} to {high}" in caught.value.remedy


def test_a_normal_map_is_wanted_or_not():
    with pytest.raises(BadRequest, match="true or false"):
        MeshOptions(normal_map=1)  # type: ignore[arg-type]

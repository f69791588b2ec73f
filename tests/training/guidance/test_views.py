"""View words by camera (A16)."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.rendering.cameras import CameraConfig, Cameras, orbit, sample_cameras
from training.prompts.views import (
    VIEW_WORDS,
    perp_negatives,
    view_index,
    view_prompt,
    view_weights,
    view_words,
)


def degrees(*angles: float) -> torch.Tensor:
    return torch.deg2rad(torch.tensor(angles))


def seen(azimuth: torch.Tensor, elevation: torch.Tensor, frame=2.2, height=0.0) -> Cameras:
    """Cameras at these angles, radians, whose pictures are ``frame`` metres wide."""
    full = torch.full_like(azimuth, 3.0)
    focal = full / frame
    return Cameras(azimuth, elevation.expand_as(azimuth), full, focal, full * height / 3.0)


def words(azimuth: float, elevation: float, scheme, **options) -> str:
    return view_words(seen(degrees(azimuth), degrees(elevation), **options), scheme)[0]


@pytest.mark.parametrize(
    ("azimuth", "paper", "sided"),
    [
        (0, "front view", "front view"),
        (44, "front view", "front view"),
        (46, "side view", "left side view"),
        (134, "side view", "left side view"),
        (136, "rear view", "rear view"),
        (224, "rear view", "rear view"),
        (226, "side view", "right side view"),
        (314, "side view", "right side view"),
        (316, "front view", "front view"),
        (-44, "front view", "front view"),
        (-90, "side view", "right side view"),
        (720 + 90, "side view", "left side view"),
    ],
)
def test_words_by_quarter(azimuth, paper, sided):
    assert words(azimuth, 10, "paper") == paper
    assert words(azimuth, 10, "sided") == sided


def test_overhead_is_above_sixty_degrees_in_the_sided_scheme_only():
    assert words(0, 59, "sided") == "front view"
    assert words(0, 61, "sided") == "overhead view"
    assert words(180, 80, "paper") == "rear view"


@pytest.mark.parametrize(
    ("azimuth", "elevation", "said"),
    [
        (0, 0, "azimuth 0 elevation 0"),
        (14, 9, "azimuth 0 elevation 0"),
        (16, 11, "azimuth 30 elevation 20"),
        (-16, 29, "azimuth 330 elevation 20"),
        (179, 31, "azimuth 180 elevation 40"),
        (360 + 90, 80, "azimuth 90 elevation 40"),
        (45.1, -40, "azimuth 60 elevation 0"),
    ],
)
def test_words_by_angles(azimuth, elevation, said):
    assert words(azimuth, elevation, "angles") == said


@pytest.mark.parametrize(
    ("azimuth", "elevation", "frame", "height", "said"),
    [
        (0, 0, 2.2, 0.0, "front view"),
        (0, 70, 2.2, 0.5, "overhead view"),
        (0, 0, 1.1, 0.3, "front view close-up of the top"),
        (90, 0, 1.1, -0.1, "left side view close-up of the middle"),
        (180, 0, 1.1, -0.6, "rear view close-up of the bottom"),
    ],
)
def test_words_of_close_ups(azimuth, elevation, frame, height, said):
    assert words(azimuth, elevation, "close", frame=frame, height=height) == said


def test_close_ups_are_weighed_and_negated_among_themselves():
    """As whole pictures are, with the words of their own height."""
    azimuth = degrees(*range(0, 360, 7))
    whole, close = seen(azimuth, degrees(20)), seen(azimuth, degrees(20), 1.1, 0.4)
    sided = view_weights(whole, "sided", blended=True)
    for cameras, start in ((whole, 0), (close, 15)):
        weights = view_weights(cameras, "close", blended=True)
        assert torch.equal(weights[:, start : start + 5], sided)
        assert weights.sum().item() == pytest.approx(len(azimuth))
        index, pushes = perp_negatives(cameras, "close")
        expected, expected_pushes = perp_negatives(whole, "sided")
        assert torch.equal(index, start + expected)
        assert torch.equal(pushes, expected_pushes)


def test_the_left_side_is_seen_from_plus_x():
    camera = orbit(1, start=90.0)
    assert camera.position[0, 0] > 2.0
    assert view_words(camera, "sided") == ["left side view"]


@settings(max_examples=30)
@given(
    st.floats(-20, 20),
    st.floats(-1.5, 1.5),
    st.floats(0.5, 4.0),
    st.floats(-1.0, 1.0),
    st.sampled_from(["paper", "sided", "angles", "close"]),
    st.booleans(),
)
def test_weights_are_shares(azimuth, elevation, frame, height, scheme, blended):
    cameras = seen(torch.tensor([azimuth]), torch.tensor([elevation]), frame, height)
    weights = view_weights(cameras, scheme, blended=blended)
    assert weights.shape == (1, len(VIEW_WORDS[scheme]))
    assert (weights >= 0).all()
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("scheme", ["paper", "sided", "angles", "close"])
def test_unblended_weights_pick_the_words(scheme):
    cameras = sample_cameras(52, CameraConfig(close=0.5), torch.Generator().manual_seed(0))
    weights = view_weights(cameras, scheme, blended=False)
    assert torch.equal(weights.argmax(1), view_index(cameras, scheme))
    assert torch.equal(weights.max(1).values, torch.ones(52))


def test_blended_weights_are_linear_between_neighbours():
    weights = view_weights(seen(degrees(0, 30, 90, 225, 330), degrees(0)), "sided", blended=True)
    expected = torch.tensor(
        [
            [1, 0, 0, 0, 0],
            [2 / 3, 1 / 3, 0, 0, 0],
            [0, 1, 0, 0, 0],
            [0, 0, 0.5, 0.5, 0],
            [2 / 3, 0, 0, 1 / 3, 0],
        ]
    )
    torch.testing.assert_close(weights, expected, atol=1e-5, rtol=0)


def test_blended_weights_do_not_jump():
    azimuth = torch.linspace(-math.pi, 3 * math.pi, 4001)
    for scheme in ("paper", "sided"):
        around = view_weights(seen(azimuth, torch.zeros(())), scheme, blended=True)
        up = view_weights(
            seen(torch.full((901,), 0.3), torch.linspace(0, math.pi / 2, 901)),
            scheme,
            blended=True,
        )
        assert around.diff(dim=0).abs().max() < 0.005
        assert up.diff(dim=0).abs().max() < 0.006
    assert up[-1].argmax() == VIEW_WORDS["sided"].index("overhead view")


def test_the_prompt_ends_with_the_words():
    assert view_prompt("a pig", "front view") == "a pig, front view"
    assert view_prompt("a pig", "") == "a pig"


def shifted(scale: float, shift: float, r: float) -> float:
    return -(scale * math.exp(-0.5 * r) + shift)


@pytest.mark.parametrize("sign", [1, -1])
def test_perp_neg_has_the_neighbouring_views_as_negatives(sign):
    """threestudio's weights; whichever side it is."""
    index, weights = perp_negatives(seen(degrees(0, 30 * sign, 120 * sign), degrees(0)), "sided")
    side = "left side view" if sign > 0 else "right side view"
    said = [[VIEW_WORDS["sided"][i] for i in row] for row in index.tolist()]
    assert said[1] == ["front view", side]
    assert said[2] == [side, "front view"]
    # In front, nothing pushes away from the front itself, and all of the side's weight is there.
    assert weights[0].tolist() == pytest.approx([0.0, shifted(4, -2.426, 0.0)], abs=1e-3)
    r = 1 - 30 / 90
    expected = [shifted(4, -2.426, r), shifted(4, -2.426, 1 - r)]
    assert weights[1].tolist() == pytest.approx(expected, abs=1e-4)
    r = 2 - 120 / 90
    expected = [shifted(1, -0.606, r), shifted(1, 0.967, r)]
    assert weights[2].tolist() == pytest.approx(expected, abs=1e-4)


def test_perp_neg_weights_never_pull_and_vanish_overhead():
    around = torch.linspace(0, 2 * math.pi, 361)
    for scheme in ("paper", "sided"):
        _, weights = perp_negatives(seen(around, torch.zeros(())), scheme)
        assert (weights <= 0).all()
        # At the rear the front is the strongest negative.
        assert weights[180].argmin() == 1
    assert perp_negatives(seen(around, torch.tensor(1.2)), "sided")[1].abs().max() == 0

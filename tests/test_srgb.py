"""sRGB and linear light are each other's inverse, and the table of bytes is the function's."""

from __future__ import annotations

import numpy as np
import pytest

from backend.srgb import LINEAR_LIGHT, linear_to_srgb, srgb_to_linear, to_bytes


def test_each_is_the_other_s_inverse() -> None:
    values = np.linspace(0.0, 1.0, 1001)
    assert linear_to_srgb(srgb_to_linear(values)) == pytest.approx(values, abs=2e-7)
    assert srgb_to_linear(linear_to_srgb(values)) == pytest.approx(values, abs=2e-7)


def test_known_values() -> None:
    """Of the standard (IEC 61966-2-1): its ends, the end of its straight piece, middle grey."""
    known = {0.0: 0.0, 0.04045: 0.0031308, 0.5: 0.2140411, 1.0: 1.0}
    assert srgb_to_linear(np.array(list(known))) == pytest.approx(list(known.values()), abs=1e-7)


def test_what_is_outside_is_clipped() -> None:
    outside = np.array([-0.5, 1.5])
    for function in (linear_to_srgb, srgb_to_linear):
        assert function(outside) == pytest.approx([0.0, 1.0])
    assert to_bytes(outside).tolist() == [0, 255]


def test_every_byte_comes_back_from_its_light() -> None:
    assert LINEAR_LIGHT.dtype == np.float32
    assert to_bytes(linear_to_srgb(LINEAR_LIGHT)).tolist() == list(range(256))
    assert srgb_to_linear(np.arange(256) / 255) == pytest.approx(LINEAR_LIGHT, abs=1e-6)

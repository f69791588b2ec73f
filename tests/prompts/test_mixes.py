"""Mixes of several prompts: what is refused, and what they are called."""

from __future__ import annotations

import pytest

from backend.prompts.mixes import check_mix, check_path, mix_name
from backend.protocol.errors import BadPrompt, BadRequest

THREE = ["a pig", "a  lion", "a bear"]


def test_shares_add_up_to_one_exactly():
    prompts, shares = check_mix(THREE, [0.3333, 0.3333, 0.3333])
    assert prompts == ["a pig", "a lion", "a bear"]
    assert sum(shares) == pytest.approx(1.0, abs=1e-15) and shares[0] == shares[2]


@pytest.mark.parametrize(
    ("prompts", "weights", "words"),
    [
        (THREE, [0.5, 0.5], "2 weights"),
        (THREE, [0.5, 0.3, 0.1], "add up to 1"),
        (THREE, [1.2, -0.2, 0.0], "add up to 1"),
        (THREE, [float("nan"), 0.5, 0.5], "add up to 1"),
        (THREE, [float("inf"), float("-inf"), 1.0], "add up to 1"),
        (THREE, [1e308, 1e308, -1e308], "add up to 1"),
        (["a pig", "a lion", "A pig "], [0.2, 0.3, 0.5], "1 and 3"),
        (["a pig"], [1.0], "2 to 16"),
        ([f"a pig {n}" for n in range(17)], [1.0] + [0.0] * 16, "2 to 16"),
    ],
)
def test_bad_mixes_are_refused(prompts: list[str], weights: list[float], words: str):
    with pytest.raises(BadRequest, match=words) as refused:
        check_mix(prompts, weights)
    assert refused.value.remedy


def test_a_prompt_of_a_mix_must_draw_something():
    with pytest.raises(BadPrompt):
        check_mix(["a pig", " "], [0.5, 0.5])


def test_a_path_moves_at_every_stop():
    assert len(check_path(THREE, [[1, 0, 0], [0, 0, 1], [1, 0, 0]])[1]) == 3
    with pytest.raises(BadRequest, match="1 and 2"):
        check_path(THREE, [[1, 0, 0], [1, 0, 0], [0, 1, 0]])
    with pytest.raises(BadRequest, match="2 to 16 stops"):
        check_path(THREE, [[1, 0, 0]])


def test_names_say_the_shares():
    assert mix_name(["a pig", "a lion"], [0.6, 0.4]) == "60% a pig, 40% a lion"
    assert mix_name(["a pig", "a lion", "a bear"], [0.0, 0.999, 0.001]) == "a lion"

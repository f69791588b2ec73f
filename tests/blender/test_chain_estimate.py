"""How long a chain is said to take, before it begins and while it is made; no Blender needed."""

# The extension's package is made up while the tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest

from backend.protocol.options import ChainOptions

from ..wire import extension  # noqa: F401 makes the package importable without bpy

from att3d_extension.blender_addon.chain.estimate import (  # isort: skip
    Experience,
    remaining_seconds,
    usual_seconds,
)

OPTIONS = {"resolution": 128, "faces": 8000, "texture_size": 1024, "keys": 48}
FEW = OPTIONS | {"keys": 7}
SLOW = 4.0
"""A machine that takes four times as long as the usual one."""
NEEDED = 11
"""Keys that two prompts need on it, where the usual ones need 15."""


def timings(prompts: int, options: Mapping[str, float], keys: int = NEEDED) -> dict[str, float]:
    """Seconds by stage on the slow machine."""
    usual = usual_seconds(prompts, options, min(keys, options["keys"]))
    return {stage: SLOW * seconds for stage, seconds in usual.items()} | {"total": 1.0}


def taken(prompts: int, options: Mapping[str, float], keys: int = NEEDED) -> float:
    return sum(timings(prompts, options, keys).values()) - 1.0


@pytest.fixture(scope="module")
def experienced() -> Experience:
    """After one chain of two prompts."""
    return Experience().after(2, OPTIONS, NEEDED, timings(2, OPTIONS))


def middle(experience: Experience, prompts: int, options: Mapping[str, float]) -> float:
    least, most = experience.range(prompts, options)
    return (least * most) ** 0.5


def test_figures_are_of_the_options_that_chains_begin_with() -> None:
    options = ChainOptions()
    assert {name: getattr(options, name) for name in OPTIONS} == OPTIONS


def test_before_any_chain_the_machine_is_not_known_and_the_range_says_so() -> None:
    least, most = Experience().range(2, OPTIONS)
    assert most > 5 * least
    assert least < sum(usual_seconds(2, OPTIONS, 15).values()) < most


def test_forty_eight_keys_at_most_are_not_forty_eight_keys() -> None:
    """Prompts need as many as they need; a limit above that changes nothing."""
    new = Experience()
    assert new.range(2, OPTIONS) == new.range(2, OPTIONS | {"keys": 96})
    assert middle(new, 2, FEW) < middle(new, 2, OPTIONS) < 2 * middle(new, 2, FEW)


def test_one_chain_is_enough_to_know_the_machine(experienced: Experience) -> None:
    for prompts, options in ((2, OPTIONS), (4, OPTIONS), (3, FEW), (2, OPTIONS | {"faces": 2000})):
        least, most = experienced.range(prompts, options)
        assert least < taken(prompts, options) < most < 3 * least


def test_keys_are_learned_from_what_was_made(experienced: Experience) -> None:
    assert experienced.keys == NEEDED
    limited = experienced.after(2, FEW, 7, timings(2, FEW))
    assert limited.keys == NEEDED, "seven were all that it could have"
    more = experienced.after(3, OPTIONS, 2 * 20 + 1, timings(3, OPTIONS, 21))
    assert NEEDED < more.keys < 21


def test_a_machine_that_has_become_quicker_is_believed_step_by_step(
    experienced: Experience,
) -> None:
    usual = usual_seconds(2, OPTIONS, NEEDED)
    once = experienced.after(2, OPTIONS, NEEDED, usual)
    twice = once.after(2, OPTIONS, NEEDED, usual)
    said = [middle(e, 2, OPTIONS) for e in (experienced, once, twice)]
    assert said[0] > said[1] > said[2] > sum(usual.values())


def test_measuring_and_detail_cost_time() -> None:
    new = Experience()
    assert middle(new, 2, OPTIONS | {"quality": True}) > middle(new, 2, OPTIONS) + 5
    assert middle(new, 2, OPTIONS | {"resolution": 256}) > 2 * middle(new, 2, OPTIONS)


def test_experience_is_kept_as_text(experienced: Experience) -> None:
    assert Experience.from_json(experienced.to_json()) == experienced
    for damaged in ("", "{", "[]", '{"keys": "many", "paces": {}}', '{"keys": 9, "paces": 3}'):
        assert Experience.from_json(damaged) == Experience()


def moments(real: Mapping[str, float]) -> Iterator[tuple[str, float, dict[str, float], float]]:
    """A chain that takes this long, looked at often: stage, time, when stages began, truth."""
    total = sum(real.values())
    began: dict[str, float] = {}
    passed = 0.0
    for stage, seconds in real.items():
        began = began | {stage: passed}
        for step in range(10):
            now = passed + step / 10 * seconds
            yield stage, now, began, total - now
        passed += seconds


@pytest.mark.parametrize("slower", [0.5, 1.0, 2.0, 5.0])
def test_what_is_left_is_nearly_true_once_the_fields_are_read(slower: float) -> None:
    """Also where this chain, or the machine today, is much slower than what was expected."""
    expected = {s: t for s, t in usual_seconds(2, OPTIONS, 15).items() if t}
    for stage, now, began, truth in moments({s: slower * t for s, t in expected.items()}):
        said = remaining_seconds(expected, began, now)
        assert said > 0.0
        if stage not in ("text", "fields"):
            assert abs(said - truth) < 0.5 * truth + 3.0, (stage, now)


def test_what_is_left_goes_down_where_all_goes_as_expected() -> None:
    expected = {s: t for s, t in usual_seconds(3, OPTIONS, 15).items() if t}
    assert remaining_seconds(expected, {"load": 0.0}, 9.0) == sum(expected.values())
    said = [remaining_seconds(expected, b, now) for _, now, b, _ in moments(expected)]
    rises = [later - before for before, later in pairwise(said) if later > before]
    assert sum(rises) < 0.2 * said[0]


def test_a_stage_that_takes_longer_never_says_that_nothing_is_left() -> None:
    expected = usual_seconds(2, OPTIONS, 15)
    began = {"text": 0.0, "fields": 0.5, "template": 4.0, "keys": 5.0}
    said = [remaining_seconds(expected, began, elapsed) for elapsed in (20.0, 60.0, 200.0)]
    assert min(said) > 2.0
    assert said[2] > 20.0, "what has taken three minutes is not done in a moment"


def test_objects_that_are_unlike_take_longer_and_say_nothing_of_others(
    experienced: Experience,
) -> None:
    """That they are is known when their stage begins; from then on what is left is that long."""
    real = {s: SLOW * t for s, t in usual_seconds(2, OPTIONS, NEEDED, unlike=True).items() if t}
    for experience, apart in ((Experience(), 2.5), (experienced, 2.0)):
        for stage, now, began, truth in moments(real):
            if stage in ("segments", "uv", "bake"):
                expected = experience.expected(2, OPTIONS, unlike="segments" in began)
                said = remaining_seconds(expected, began, now)
                assert truth / apart - 3.0 < said < apart * truth + 3.0, (stage, now)
    after = experienced.after(2, OPTIONS, 45, real)
    assert after.range(2, OPTIONS) == experienced.range(2, OPTIONS)
    slower = {stage: 3 * seconds for stage, seconds in real.items()}
    twice = after.after(2, OPTIONS, 45, slower)
    said = [e.expected(2, OPTIONS, unlike=True)["segments"] for e in (after, twice)]
    assert real["segments"] == pytest.approx(said[0]) and said[1] > 1.5 * said[0]

"""Which alphas become keys: on a ball whose radius is known at every alpha."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.surface.geometry import normalise
from backend.tracking import keys
from backend.tracking.chain_reader import ChainReader
from backend.tracking.islands import Islands
from backend.tracking.keys import choose_keys
from backend.tracking.vertex_tracker import STEPS, Tracker, make_template
from tests.tracking.worlds import BallsChain


def tracked(radius: Callable[[float], float], prompts: int = 2) -> Tracker:
    """A ball, tracked exactly at every eighth."""
    chain = BallsChain(
        lambda alpha: [(0.0, 0.0, 0.0, radius(alpha))], [f"prompt {k}" for k in range(prompts)]
    )
    source = ChainReader(chain, 40, CancelToken())
    largest = max((radius(a), a) for a in np.linspace(0.0, prompts - 1.0, 9))[1]
    whole = source.solid(float(largest))
    islands = Islands(whole, [], source.solid)
    tracker = Tracker(source, islands, make_template(whole, islands, 600, source.cancel))
    sphere = normalise(tracker.vertices.astype(np.float64))
    for step in range(STEPS * (prompts - 1) + 1):
        alpha = step / STEPS
        tracker.positions[alpha] = (radius(alpha) * sphere).astype(np.float32)
    return tracker


def bending(alpha: float) -> float:
    """A radius that stays, and from .75 on grows."""
    return 0.3 + 0.3 * max(0.0, 4.0 * alpha - 3.0)


def test_a_straight_way_needs_its_ends_only() -> None:
    assert choose_keys(tracked(lambda alpha: 0.3 + 0.3 * alpha), 9) == [0.0, 1.0]


def test_a_bend_gets_a_key() -> None:
    assert choose_keys(tracked(bending), 9) == [0.0, 0.75, 1.0]


def test_every_prompt_is_a_key() -> None:
    assert choose_keys(tracked(lambda alpha: 0.3 + 0.1 * alpha, prompts=3), 2) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("most", [2, 3, 4])
def test_there_are_no_more_than_asked_for(most: int) -> None:
    def wave(alpha: float) -> float:
        return 0.4 + 0.1 * np.sin(2 * np.pi * alpha)

    chosen = choose_keys(tracked(wave), most)
    assert len(chosen) == most
    assert chosen == sorted(set(chosen))


def test_no_other_choice_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equality with the slow reference: all choices of four keys, one after the other."""
    monkeypatch.setattr(keys, "ENOUGH", 0.0)

    def curve(alpha: float) -> float:
        return 0.3 + 0.3 * alpha**3

    tracker = tracked(curve)
    alphas = [step / STEPS for step in range(STEPS + 1)]

    def cost(chosen: tuple[float, ...]) -> float:
        """Sum of the squared errors of the radius."""
        shown = np.interp(alphas, chosen, [curve(alpha) for alpha in chosen])
        return float(((shown - [curve(alpha) for alpha in alphas]) ** 2).sum())

    choices = [(0.0, *middle, 1.0) for middle in itertools.combinations(alphas[1:-1], 2)]
    found = tuple(choose_keys(tracker, 4))
    assert cost(found) <= 1.2 * min(cost(choice) for choice in choices)


def test_a_cancel_is_heard() -> None:
    tracker = tracked(bending)
    tracker.source.cancel.cancel()
    with pytest.raises(Cancelled):
        choose_keys(tracker, 3)

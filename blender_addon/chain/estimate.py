"""How long a chain takes: before it begins, and while it is made. No bpy.

The work of each stage is known for a usual pair of prompts; how fast this machine does it, and how
many keys prompts really need, the chains tell that were made on it before. Prompts differ, so what
is said before is from one time to another; while a chain is made, the stages that are over tell
whether this one is slower than the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

USUAL = {"resolution": 128, "faces": 8000, "texture_size": 1024}
"""The options that the figures below hold for."""
USUAL_KEYS = 15.0
"""Keys from one prompt to the next that two prompts of the bundled models need (10 to 20)."""
APART = 1.5
"""How far, as a factor, prompts on one machine are from their mean ..."""
UNKNOWN = 2.5
"""... and how far a machine may be on which no chain was made."""
TRUST = 0.5
"""How much of the pace of a new chain counts against those before."""


@dataclass(frozen=True)
class Experience:
    """What the chains that were made on this machine tell."""

    keys: float = USUAL_KEYS
    """Keys that two prompts needed."""
    paces: Mapping[str, float] = field(default_factory=dict)
    """Seconds of a stage, as a multiple of the usual ones; empty before there was a chain."""

    @classmethod
    def from_json(cls, text: str) -> Experience:
        """What :meth:`to_json` wrote; nothing where it is not that."""
        try:
            known = json.loads(text)
            paces = {str(stage): float(pace) for stage, pace in known["paces"].items()}
            return cls(float(known["keys"]), paces)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def expected(
        self, prompts: int, options: Mapping[str, float], *, unlike: bool = False
    ) -> dict[str, float]:
        """Seconds of each stage of a chain, in their order.

        Args:
            prompts: how many.
            options: the chain's, by name.
            unlike: whether its objects turned out to be too unlike for one surface.
        """
        keys = min(self.keys, options["keys"])
        # Before there was such a chain, all of it is as slow as fitting the shape is.
        paces = {"segments": self.paces.get("keys", 1.0), **self.paces}
        return {
            stage: seconds * paces.get(stage, 1.0)
            for stage, seconds in usual_seconds(prompts, options, keys, unlike=unlike).items()
        }

    def range(self, prompts: int, options: Mapping[str, float]) -> tuple[float, float]:
        """The least and the most seconds that a chain is likely to take."""
        total = sum(self.expected(prompts, options).values())
        apart = APART if self.paces else UNKNOWN
        return total / apart, total * apart

    def after(
        self, prompts: int, options: Mapping[str, float], keys: int, timings: Mapping[str, float]
    ) -> Experience:
        """The experience with one more chain.

        Args:
            keys: of the whole chain, as it was made.
            timings: seconds by stage, as the engine measured them.
        """
        if timings.get("segments"):  # says nothing of other chains
            usual = usual_seconds(prompts, options, self.keys, unlike=True)["segments"]
            return replace(self, paces=self._with(self.paces, "segments", timings, usual))
        made = max((keys - 1) / max(prompts - 1, 1) + 1, 2.0)
        if made >= options["keys"]:  # it would have liked more
            made = max(made, self.keys)
        paces = dict(self.paces)
        for stage, usual in usual_seconds(prompts, options, min(made, options["keys"])).items():
            if stage in timings and usual:
                paces = self._with(paces, stage, timings, usual)
        trust = TRUST if self.paces else 1.0
        return replace(self, keys=(1.0 - trust) * self.keys + trust * made, paces=paces)

    @staticmethod
    def _with(
        paces: Mapping[str, float], stage: str, timings: Mapping[str, float], usual: float
    ) -> dict[str, float]:
        """The paces with a stage's new one."""
        pace = min(max(timings[stage] / usual, 0.01), 100.0)
        before = paces.get(stage, pace)
        return {**paces, stage: before ** (1.0 - TRUST) * pace**TRUST}


def usual_seconds(
    prompts: int, options: Mapping[str, float], keys: float, *, unlike: bool = False
) -> dict[str, float]:
    """Seconds of each stage on two processor cores; in ``benchmarks/tracking.py`` are chains to
    compare them with.

    Args:
        keys: from one prompt to the next, both included.
        unlike: whether the objects are too unlike for one surface.
    """
    pairs = max(prompts - 1, 1)
    detail, faces, texture = (options[name] / usual for name, usual in USUAL.items())
    if unlike:
        return {
            "text": 0.5,
            "fields": 9.0 * pairs * detail**2,
            "template": 1.5 * detail**2,
            "keys": 6.0 * pairs * detail**2,
            "segments": 80.0 * pairs * (0.6 * detail**2 + 0.4 * faces),
            "uv": 0.7 * faces,
            "bake": 3.5 * pairs * texture**2,
            "quality": (45.0 * pairs if options.get("quality") else 0.0) * detail**2,
        }
    return {
        "text": 0.5,
        "fields": 3.3 * pairs * detail**2,
        "template": 1.0 * detail**2,
        "keys": pairs * (7.5 + 0.5 * keys) * (0.6 * detail**2 + 0.4 * faces),
        "segments": 0.0,
        "uv": 0.3 * faces,
        "bake": 0.35 * (pairs * (min(keys, 9.0) - 1.0) + 1.0) * texture**2,
        "quality": (pairs * keys if options.get("quality") else 0.0) * detail**2,
    }


def remaining_seconds(
    expected: Mapping[str, float], began: Mapping[str, float], elapsed: float
) -> float:
    """How long the chain that is being made still takes.

    Args:
        expected: seconds of each stage, as they were expected before it began.
        began: when each stage began that has begun, in seconds since the request.
        elapsed: seconds since the request.
    """
    stages = [stage for stage in expected if stage in began]
    if not stages:
        return sum(expected.values())
    now = stages[-1]
    over = sum(expected[stage] for stage in stages[:-1])
    took = began[now] - began[stages[0]]
    # What is over says how much slower this chain is, the more the more of it there is.
    weight = over / (over + 0.04 * sum(expected.values()))
    slower = (took / over) ** weight if over > 0.0 and took > 0.0 else 1.0
    here = slower * expected[now]
    inside = elapsed - began[now]
    # A stage that takes longer than expected is about to end, and the later the less it is known.
    left = here - inside if inside < 0.8 * here else 0.2 * here + 0.25 * (inside - 0.8 * here)
    stages = list(expected)
    return left + slower * sum(expected[stage] for stage in stages[stages.index(now) + 1 :])

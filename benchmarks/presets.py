"""What each preset of mesh options takes, stage by stage, and against Standard.

    python benchmarks/presets.py [--rounds N] [--json docs/performance/presets.json]

The presets take turns, prompt by prompt, so that what else the machine does weighs on all of them
alike. Seconds are those that the processor worked, children included: on a machine that is busy
they are what a person waits on a calm one, with one core.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # see backend/process_tuning.py

from backend.engine import Engine
from backend.protocol.presets import PRESETS

PROMPTS = [
    "a pig wearing a tophat",
    "a raccoon holding a book wearing a sweater",
    "a lion riding a motorcycle wearing a sombrero",
]


def worked() -> float:
    """Seconds that this process and its children kept the processor busy."""
    return sum(os.times()[:4])


def measure(rounds: int) -> dict[str, dict[str, object]]:
    """Seconds and the share of Standard's of every preset."""
    engine = Engine()
    engine.warm_up()
    seconds: dict[str, list[float]] = {name: [] for name in PRESETS}
    stages: dict[str, list[dict[str, float]]] = {name: [] for name in PRESETS}
    for _ in range(rounds):
        for prompt in PROMPTS:
            for name, preset in PRESETS.items():
                before = worked()
                made = engine.generate(prompt, preset.options)
                seconds[name].append(worked() - before)
                stages[name].append(made.timings)
    found: dict[str, dict[str, object]] = {}
    for name in PRESETS:
        pairs = zip(seconds[name], seconds["STANDARD"], strict=True)
        found[name] = {
            "seconds": round(statistics.median(seconds[name]), 2),
            "of_standard": round(statistics.median(one / other for one, other in pairs), 2),
            "stages_of_total": {
                stage: round(statistics.median(t[stage] / sum(t.values()) for t in stages[name]), 3)
                for stage in stages[name][0]
            },
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of each preset of mesh options.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    for name, row in found.items():
        print(f"{name:10} {row['seconds']:6} s  {row['of_standard']:5} of Standard")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

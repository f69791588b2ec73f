"""From Generate to the object, in a Blender that has only just got the extension.

    python benchmarks/first_object.py [--rounds N] [--json FILE]

Builds this machine's zip with wheels and installs it into a profile that is thrown away
(``scripts/fresh_blender.py``), so the backend runs in Blender's own Python, without torch. Every
round is a new Blender. In it: the first prompt, for which the backend's process starts and the
model is loaded; then others, none of them made before. Seconds are those that a person waits:
from ``bpy.ops.att3d.generate`` to the object in the scene, at the panel's usual settings. Memory is
the most that the backend's processes have had in use, added (Linux only). The round in which the
extension was installed comes first and is shown apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

PROMPTS = (
    "a raccoon holding a book wearing a sweater and wearing a tophat",
    "a pig riding a motorcycle wearing a sombrero",
    "a tiger playing the guitar",
    "a rabbit holding a book",
)
TARGETS = {"first": 4.0, "next": 1.2, "memory_mb": 350.0}


def measure(rounds: int) -> dict[str, object]:
    """The round that installs, then ``rounds`` more, each in a new Blender."""
    from fresh_blender import build_for_this_machine, fresh_blender

    zip_file = str(build_for_this_machine())
    script, log = Path(__file__).with_name("first_object_blender.py"), ROOT / "out" / "blender.log"
    jobs = [{"zip": zip_file}, *[{"zip": ""}] * rounds]
    with fresh_blender() as blender:
        made = [blender.run(script, job | {"prompts": PROMPTS}, log) for job in jobs]
    return {
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "backend": made[0]["backend"],
        "installed": made[0],
        "rounds": made[1:],
    }


def show(result: dict) -> None:
    rounds = result["rounds"]
    memory = [r["memory_mb"] for r in (result["installed"], *rounds) if r["memory_mb"] is not None]
    figures = {
        "first": [r["first"] for r in rounds],
        "next": [second for r in rounds for second in r["next"]],
        "memory_mb": memory,
    }
    load = "unknown" if result["load"] is None else f"{result['load']:.1f}"
    print(f"{result['backend']}; {result['processors']} processors, load {load}")
    print(f"just installed: first {result['installed']['first']:.2f} s")
    for name, values in figures.items():
        if values:
            middle, target = statistics.median(values), TARGETS[name]
            print(
                f"{name:<10} median {middle:7.2f}  best {min(values):7.2f}  "
                f"worst {max(values):7.2f}  target {target:g}"
            )


def main() -> int:
    from extension_wheels import BuildFailed
    from fresh_blender import BlenderFailed

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="every figure")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds must be 1 or more")
    try:
        result = measure(arguments.rounds)
    except (BuildFailed, BlenderFailed) as error:
        print(error, file=sys.stderr)
        return 2
    show(result)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

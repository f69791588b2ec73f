"""The job of ``make demo``: two prompts become Blender files, GLBs and pictures in ``out/demo/``.

Builds this machine's extension with its wheels, installs it into a Blender that has nothing else
(``fresh_blender.py``), and asks for both prompts as a person's script would:
``bpy.ops.att3d.generate``. The backend is the process that the extension starts with Blender's own
Python; no torch is there.

    python scripts/demo.py
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from extension_wheels import CACHE, BuildFailed
from fresh_blender import BlenderFailed, build_for_this_machine, fresh_blender

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = {
    "seen": "a pig riding a motorcycle wearing a sombrero",
    "unseen": "a raccoon holding a book wearing a sweater and wearing a tophat",
}
"""The first was in the training set; the second composition was not, though its words were."""

WITHOUT_WHEELS = (
    "Try again with the network, or put the wheels of the extra `extension` (pyproject.toml) "
    f"below {CACHE}: the message says which one is missing."
)


def run(output: Path, prompts: dict[str, str], samples: int, checkpoint: str) -> int:
    """Do everything; returns the exit code."""
    started = time.monotonic()
    try:
        zip_file = build_for_this_machine()
        print(f"{zip_file}  built in {time.monotonic() - started:.1f} s", flush=True)
        output.mkdir(parents=True, exist_ok=True)
        job = {
            "zip": str(zip_file),
            "output": str(output),
            "prompts": prompts,
            "samples": samples,
            "checkpoint": checkpoint,
        }
        with fresh_blender() as blender:
            script = ROOT / "scripts" / "demo_blender.py"
            show(blender.run(script, job, output / "blender.log"))
    except BuildFailed as error:
        print(f"demo: no extension with wheels was built. {error}", file=sys.stderr)
        print(f"demo: {WITHOUT_WHEELS}", file=sys.stderr)
        return 2
    except BlenderFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"total  {time.monotonic() - started:.1f} s")
    return 0


def show(report: dict) -> None:
    """Print what ran, what was made, and how long each stage took."""
    generate = [entry["seconds"]["generate"] for entry in report["prompts"]]
    print(f"backend: {report['backend']}")
    print(
        f"first object {generate[0]:.1f} s after Generate (the backend starts and loads the model)"
    )
    if generate[1:]:
        print(f"next {'  '.join(f'{seconds:.1f} s' for seconds in generate[1:])}")
    for entry in report["prompts"]:
        print(f"\n“{entry['prompt']}” ({entry['kind']}): {entry['faces']:,} faces")
        for path in entry["files"]:
            print(f"  {path}  {Path(path).stat().st_size / 2**20:.1f} MiB")
        stages = "  ".join(f"{name} {seconds:.1f} s" for name, seconds in entry["seconds"].items())
        print(f"  {stages}")
        for note in entry["notes"]:
            print(f"  note: {note}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Two prompts through Blender, into out/demo/.")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "demo")
    parser.add_argument("--prompt", action="append", help="instead of the two (repeat for more)")
    parser.add_argument("--checkpoint", default="", help="a file, instead of the bundled one")
    parser.add_argument("--samples", type=int, default=24, help="of the rendered pictures")
    arguments = parser.parse_args()
    prompts = PROMPTS
    if arguments.prompt:
        prompts = {f"prompt {n}": text for n, text in enumerate(arguments.prompt, 1)}
    return run(arguments.output.resolve(), prompts, arguments.samples, arguments.checkpoint)


if __name__ == "__main__":
    sys.exit(main())

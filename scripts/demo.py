"""The job of ``make demo``: two prompts become Blender files, GLBs and pictures in ``out/demo/``.

Builds the extension, installs it into Blender (as the bpy module, with a profile of its own that is
thrown away), and asks for both prompts as a person's script would: ``bpy.ops.att3d.generate``. The
backend is the process that the extension starts, with this Python.

    python scripts/demo.py
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from build_extension import BuildFailed, build

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = {
    "seen": "a pig riding a motorcycle wearing a sombrero",
    "unseen": "a raccoon holding a book wearing a sweater and wearing a tophat",
}
"""The first was in the training set; the second composition was not, though its words were."""


def run(output: Path, prompts: dict[str, str], samples: int, checkpoint: str) -> int:
    """Do everything; returns the exit code."""
    started = time.monotonic()
    try:
        zip_file = build()
    except BuildFailed as error:
        print(f"demo: building the extension failed. {error}", file=sys.stderr)
        return 1
    print(f"{zip_file}  built in {time.monotonic() - started:.1f} s", flush=True)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="att3d-demo-") as profile:
        job = Path(profile) / "job.json"
        job.write_text(
            json.dumps(
                {
                    "zip": str(zip_file),
                    "output": str(output),
                    "prompts": prompts,
                    "samples": samples,
                    "checkpoint": checkpoint,
                    "report": str(Path(profile) / "report.json"),
                }
            ),
            encoding="utf-8",
        )
        log = output / "blender.log"
        with log.open("w", encoding="utf-8") as stream:
            done = subprocess.run(
                [sys.executable, str(ROOT / "scripts" / "demo_blender.py"), str(job)],
                env=environment(Path(profile)),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        report = Path(profile) / "report.json"
        if done.returncode or not report.is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            said = next((line for line in lines if line.startswith("demo: ")), "")
            print(said or f"demo: Blender ended with code {done.returncode}", file=sys.stderr)
            print(f"demo: everything it said is in {log}", file=sys.stderr)
            return 1
        show(json.loads(report.read_text(encoding="utf-8")))
    print(f"total  {time.monotonic() - started:.1f} s")
    return 0


def environment(profile: Path) -> dict[str, str]:
    """Blender's settings go into the profile, and the backend runs in this Python."""
    return os.environ | {
        "BLENDER_USER_RESOURCES": str(profile / "blender"),
        "ATT3D_PYTHON": os.environ.get("ATT3D_PYTHON", sys.executable),
        "PYTHONUNBUFFERED": "1",
    }


def show(report: dict) -> None:
    """Print what was made, and how long each stage took."""
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

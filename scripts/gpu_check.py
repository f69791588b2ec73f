"""What works, and how fast, on a machine with one GPU: see ``gpu_check.sh``.

    python scripts/gpu_check.py [--output FILE] [--minutes M] [--dry-run]

Each part runs in a process of its own with its share of the minutes; one that fails or is cut off
says so in the JSON, and the others run. ``--dry-run``: the same parts on the CPU at tiny sizes.
"""

from __future__ import annotations

import argparse
import json
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROMPT = "a raccoon holding a book and wearing a sombrero"


@dataclass(frozen=True)
class Part:
    """One thing that is looked at."""

    name: str
    share: float
    """Share of the minutes."""
    command: list[str]
    read: Callable[[str], Any]
    """What the JSON says of its stdout."""
    unlimited: bool = False
    """Whether it is stopped when its time is over, as planned; what it did by then counts."""


class Check:
    """The parts at full size on a GPU, or tiny ones on the CPU."""

    def __init__(self, dry: bool, scratch: Path) -> None:
        self.dry = dry
        self.scratch = scratch
        self.device = "cpu" if dry else "cuda"

    def parts(self) -> list[Part]:
        meshes = [
            self._python(
                f"prompt to mesh, {device}",
                0.05,
                [
                    *("-m", "backend", "generate", PROMPT, "--device", device, "--json"),
                    *("-o", str(self.scratch / f"{device}.glb")),
                ],
                lambda out: json.loads(out)["timings"],
            )
            for device in dict.fromkeys((self.device, "cpu"))
        ]
        return [self._tests(), *meshes, self._step_cost(), *self._training()]

    def _python(
        self, name: str, share: float, arguments: list[str], read: Any, **more: Any
    ) -> Part:
        return Part(name, share, [sys.executable, *arguments], read, **more)

    def _tests(self) -> Part:
        chosen = ["-m", "gpu", "tests"]
        if self.dry:
            chosen = ["-m", "not gpu", "tests/model/test_fused.py", "-k", "boundary"]
        return self._python("gpu tests", 0.2, ["-m", "pytest", "-q", *chosen], last_line)

    def _step_cost(self) -> Part:
        sizes = ["--batch", "32", "--unet", "if", "--repeats", "3", "--views", "30"]
        if self.dry:
            sizes = ["--batch", "1", "--size", "8", "--samples", "4", "--large", "8"]
            sizes += ["--repeats", "1", "--views", "2", "--model", "tiny"]
        arguments = ["benchmarks/step_cost.py", "--device", self.device, *sizes, "--json"]
        arguments += ["--accelerator", "torch", *self._fused()]
        return self._python("step cost", 0.2, arguments, json.loads)

    def _fused(self) -> list[str]:
        """tinycudann, where it can be used."""
        if self.dry:
            return []
        code = "import tinycudann"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        return ["tinycudann"] if found.returncode == 0 else []

    def _training(self) -> list[Part]:
        diffusion, distilled = self.scratch / "diffusion", self.scratch / "distilled"
        preset, sheets = ("tiny", "4") if self.dry else ("gpu64", "100")
        teach = ["-m", "training", "diffusion", "--preset", preset, "--run", str(diffusion)]
        teach += ["--device", self.device, "--save-every", sheets, "--sheet-every", sheets]
        preset, size = ("toybox-sds", 8) if self.dry else ("toybox-sds-gpu", 64)
        learn = ["-m", "training", "train", "--preset", preset, "--run", str(distilled)]
        learn += ["--device", self.device, "--diffusion-model", str(diffusion / "model")]
        learn += ["--save-every", sheets, "--sheet-every", sheets, "--watched", "2"]
        learn += ["--rendering.negligible", "0", "--rendering.fixed-shapes"]
        if self.dry:
            learn += ["--rendering.size", str(size), "--rendering.samples", "4", "--batch", "2"]
            learn += ["--steps", "4", "--no-compiled", "--scoring", "none", "--watched", "1"]
        return [
            self._python("diffusion gpu64", 0.25, teach, lambda _: ran(diffusion), unlimited=True),
            self._python("distillation", 0.25, learn, lambda _: ran(distilled), unlimited=True),
        ]


def run(part: Part, seconds: float) -> dict[str, Any]:
    """Run a part for at most so many seconds; what came of it."""
    started = time.monotonic()
    process = subprocess.Popen(
        part.command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    cut = False
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        cut = True
        process.send_signal(signal.SIGINT)
        try:
            out, errors = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate()
    took = {"seconds": round(time.monotonic() - started, 1), "stopped": cut}
    if process.returncode and not (cut and part.unlimited):
        said = [line for line in errors.splitlines() if line.strip()]
        return {"ok": False, **took, "error": said[-8:], "output": last_line(out)}
    try:
        return {"ok": True, **took, "result": part.read(out)}
    except (ValueError, KeyError, IndexError, OSError) as error:
        return {"ok": False, **took, "error": [f"{type(error).__name__}: {error}"]}


def last_line(out: str) -> str:
    """The last line that says something."""
    return next((line for line in reversed(out.splitlines()) if line.strip()), "")


def ran(folder: Path) -> dict[str, Any]:
    """How far a run came, and what it measured last."""
    from safetensors import safe_open

    with safe_open(folder / "state.safetensors", framework="numpy") as file:
        progress = json.loads((file.metadata() or {})["progress"])
    curve = folder / "curve.jsonl"
    points = curve.read_text().splitlines() if curve.exists() else []
    return {**progress, "figures": [json.loads(line) for line in points]}


def machine() -> dict[str, Any]:
    """What computed it."""
    import torch

    found = {"python": platform.python_version(), "torch": torch.__version__}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(0)
        found["gpu_gib"] = str(round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("out/gpu_check.json"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU")
    options = parser.parse_args()
    import torch

    if not options.dry_run and not torch.cuda.is_available():
        print("error: there is no CUDA GPU here", file=sys.stderr)
        print("try: --dry-run, or a machine with one", file=sys.stderr)
        return 2
    report: dict[str, Any] = {"machine": machine(), "dry_run": options.dry_run}
    with tempfile.TemporaryDirectory(prefix="att3d-gpu-") as scratch:
        for part in Check(options.dry_run, Path(scratch)).parts():
            print(f"{part.name} ...", flush=True)
            report[part.name] = run(part, 60.0 * options.minutes * part.share)
            print(json.dumps(report[part.name])[:400], flush=True)
            options.output.parent.mkdir(parents=True, exist_ok=True)
            options.output.write_text(json.dumps(report, indent=1) + "\n")
    print(options.output)
    return 0 if all(p["ok"] for p in report.values() if isinstance(p, dict) and "ok" in p) else 1


if __name__ == "__main__":
    sys.exit(main())

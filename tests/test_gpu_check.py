"""``scripts/gpu_check.sh``: every part in a dry run on the CPU at tiny sizes, and wrong use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "gpu_check.sh"), *arguments],
        env=os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def test_a_dry_run_does_every_part(tmp_path):
    output = tmp_path / "check.json"
    done = check("--dry-run", "--minutes", "60", "--output", str(output))
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(output.read_text())
    assert report["dry_run"] and "torch" in report["machine"]
    assert "1 passed" in report["gpu tests"]["result"]
    assert report["prompt to mesh, cpu"]["result"]["total"] > 0
    cost = report["step cost"]["result"]
    assert (cost["batch"], cost["views"], cost["unet"]) == (1, 2, "own")
    assert "modulation_many_views_pct" in cost["all samples"]
    assert report["diffusion gpu64"]["result"]["step"] == 8
    assert report["distillation"]["result"]["step"] == 4
    assert report["distillation"]["result"]["figures"][-1]["step"] == 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(tmp_path):
    done = check("--output", str(tmp_path / "check.json"))
    assert done.returncode == 2 and not list(tmp_path.iterdir())
    first, second = done.stderr.splitlines()
    assert first == "error: there is no CUDA GPU here" and "--dry-run" in second


def test_the_unet_of_the_papers_size_has_its_parameters():
    code = (
        "import sys; sys.path.insert(0, '.'); import torch;"
        "from benchmarks.step_cost import if_unet;"
        "print(sum(p.numel() for p in if_unet(torch.device('meta')).parameters()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 4.2e9 < int(done.stdout) < 4.4e9

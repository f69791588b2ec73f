"""What the process tells the libraries below numpy, in processes of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from tests.wire.pipes import ROOT

PROGRAM = """
import resource, sys
from backend.process_tuning import tune
if sys.argv[1] == "tuned":
    tune()
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(60):
    if turn == 10:
        before = faults()
    arrays = [np.ones(1 << 21, dtype=np.uint8) for _ in range(8)]
    del arrays
print(faults() - before)
"""
PAGES = 50 * 8 * (1 << 21) // os.sysconf("SC_PAGESIZE") if hasattr(os, "sysconf") else 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again_and_not_fetched_anew() -> None:
    tuned, asked = faults("tuned"), faults("tuned", MALLOC_TRIM_THRESHOLD_="131072")
    assert tuned < 0.02 * PAGES
    assert asked > 0.5 * PAGES, "what the user has chosen stands"


def faults(how: str, **chosen: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | chosen,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def test_products_run_in_one_thread_unless_the_user_says_otherwise() -> None:
    ask = "from backend.process_tuning import tune; import os; tune(); "
    ask += "print(os.environ['OPENBLAS_NUM_THREADS'])"
    for given, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")):
        environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
        done = subprocess.run(
            [sys.executable, "-c", ask],
            env=environment | {"PYTHONPATH": str(ROOT)} | given,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == wanted

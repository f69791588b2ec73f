"""The suite is shut off from the machine's settings, and itself holds no clock."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .machine import is_machine_setting, shut_off

TESTS = Path(__file__).parent
ROOT = TESTS.parent
ALLOWED = {"PIP_CONFIG_FILE", "PIP_DISABLE_PIP_VERSION_CHECK", "UV_NO_CONFIG", "LANG"}


@pytest.mark.parametrize(
    "name",
    [
        "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "HTTPS_PROXY", "https_proxy",
        "no_proxy", "ALL_PROXY", "LC_ALL", "LANGUAGE", "XDG_CACHE_HOME", "SSL_CERT_FILE",
        "ATT3D_PYTHON", "ATT3D_CACHE",
    ],
)  # fmt: skip
def test_settings_of_the_machine_are_taken_away(name: str) -> None:
    environ = {name: "/somewhere", "PATH": "/bin"}
    shut_off(environ, Path("/home/nobody"), "posix")
    assert name not in environ
    assert environ["PATH"] == "/bin" and environ["HOME"] == "/home/nobody"


def test_what_a_person_says_to_the_suite_is_kept() -> None:
    environ = {"ATT3D_BLENDERS": "5.2", "ATT3D_TIMED": "1", "HF_HUB_OFFLINE": "1"}
    kept = dict(environ)
    shut_off(environ, Path("/home/nobody"), "nt")
    assert kept.items() <= environ.items() and "HOME" not in environ


def test_no_test_sees_the_machine() -> None:
    """Nor does any process that a test starts: they inherit this environment."""
    seen = {name for name in os.environ if is_machine_setting(name)}
    assert seen <= ALLOWED | {"ATT3D_LOG"}, seen
    if os.name == "posix":
        # Libraries may have written there since the suite began (matplotlib does); pip and uv not.
        assert not any((Path.home() / ".config" / tool).exists() for tool in ("pip", "uv"))


RUNNERS = {"blender/inside/run.py", "wire/pipes.py"}
"""They measure, and compare nothing."""


def test_no_test_compares_seconds_by_itself() -> None:
    """A promised time goes through ``timed.within``; a wait for an event may have a deadline."""
    measures = re.compile(r"(?:monotonic|perf_counter)\(\) - |time\.time\(\) - [a-z]")
    asserted = re.compile(r"assert[^\n]*(?:monotonic|perf_counter)\(\) - ")
    seen = 0
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.relative_to(TESTS).as_posix() in RUNNERS or not measures.search(text):
            continue
        seen += 1
        assert "timed import within" in text, f"{path.relative_to(TESTS)} measures by itself"
        for line in text.splitlines():
            assert not asserted.search(line) or "within(" in line, f"{path}: {line.strip()}"
    assert seen > 5


@pytest.mark.parametrize("name", ["backend", "training", "numpy", "att3d"])
def test_a_clone_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """The root is a package of the folder's name to pytest, and so are the tests below it."""
    clone = tmp_path / name
    (clone / "tests" / "training").mkdir(parents=True)
    for shared in ("backend", "training", "pyproject.toml"):
        (clone / shared).symlink_to(ROOT / shared)
    for copied in ("__init__.py", "tests/__init__.py", "tests/conftest.py", "tests/machine.py",
                   "tests/shapes.py", "tests/training/__init__.py"):  # fmt: skip
        shutil.copyfile(ROOT / copied, clone / copied)
    (clone / "tests" / "training" / "test_it.py").write_text(
        "from backend.prompts.chain import check_chain\n"
        "from numpy.linalg import norm\n"
        "from training.runs.ranges import within\n"
        "from ..machine import shut_off\n"
        "from tests.machine import shut_off as same\n"
        "def test_it(): assert within and check_chain and norm and shut_off and same\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=clone, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout

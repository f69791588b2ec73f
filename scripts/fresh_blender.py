"""A Blender as a person has it who has just got the extension: nothing else is installed.

Its Python has bpy and what bpy needs, and no torch; its profile is new and is thrown away; the zip
is the one for this machine, with wheels. So the backend runs in Blender's own Python, whatever this
checkout's environment has.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_extension import ROOT, build_with_wheels, this_platform
from extension_wheels import GENERATIONS, BuildFailed, Target
from packaging.requirements import Requirement
from setup_blenders import BLENDERS, environment_python, installed


class BlenderFailed(Exception):
    """What a script in Blender said before it failed."""


@dataclass(frozen=True)
class FreshBlender:
    """A Python with bpy alone, and a profile."""

    python: Path
    profile: Path

    def run(self, script: Path, job: dict[str, Any], log: Path) -> Any:
        """Run a script that takes a file with ``job`` and writes its answer to ``job["report"]``.

        Raises:
            BlenderFailed: it did not; the message is its last line that begins with "failed: ".
        """
        file, report = self.profile / "job.json", self.profile / "report.json"
        report.unlink(missing_ok=True)
        job = job | {"profile": str(self.profile), "report": str(report)}
        file.write_text(json.dumps(job), encoding="utf-8")
        with log.open("w", encoding="utf-8") as stream:
            done = subprocess.run(
                [str(self.python), str(script), str(file)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode or not report.is_file():
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            said = [line for line in lines if line.startswith("failed: ")]
            why = said[-1] if said else f"Blender ended with code {done.returncode}"
            raise BlenderFailed(f"{why.removeprefix('failed: ')} Everything it said: {log}")
        return json.loads(report.read_text(encoding="utf-8"))

    def _environment(self) -> dict[str, str]:
        """This one without what names another Python."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name != "ATT3D_PYTHON"
        }
        return kept | {
            "BLENDER_USER_RESOURCES": str(self.profile / "blender"),
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
        }


@contextmanager
def fresh_blender(version: str = "") -> Iterator[FreshBlender]:
    """A bpy in an environment and a profile of their own, deleted at the end.

    Args:
        version: of Blender, as ``setup_blenders.py`` has set it up; empty: this Python's bpy.

    Raises:
        BlenderFailed: there is no such bpy.
    """
    if version and (bpy_python := installed(version)) is None:
        raise BlenderFailed(f"Blender {version}: run scripts/setup_blenders.py {version} first.")
    with tempfile.TemporaryDirectory(prefix="att3d-blender-") as folder:
        environment, profile = Path(folder) / "environment", Path(folder) / "profile"
        profile.mkdir()
        if version and not os.path.samefile(bpy_python.parent, Path(sys.executable).parent):
            # An environment that setup_blenders.py has made holds nothing but its bpy.
            yield FreshBlender(bpy_python, profile)
            return
        venv.create(environment, with_pip=False)
        _link("bpy", next(environment.glob("[Ll]ib*/**/site-packages")), set())
        yield FreshBlender(environment_python(environment), profile)


def _link(name: str, packages: Path, done: set[str]) -> None:
    """Make a distribution of this Python and those that it requires visible in another one."""
    if name in done:
        return
    done.add(name)
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise BlenderFailed(f"{sys.executable} has no {name}: run `make demo` first.") from error
    for top in sorted({file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}):
        (packages / top).symlink_to(Path(str(found.locate_file(top))))
    for text in found.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _link(requirement.name, packages, done)


def build_for_this_machine(version: str = "", output: Path | None = None) -> Path:
    """The zip with wheels for this system and a Blender; without a version, for this Python's bpy.

    Raises:
        BuildFailed: there are no wheels for it, or the registry cannot give them.
    """
    python = BLENDERS[version].python if version else sys.version_info[:2]
    here = ".".join(map(str, python))
    system = this_platform()
    if not system or here not in GENERATIONS:
        raise BuildFailed(
            f"There are no wheels for {platform.platform()} with Python {here}, so Blender's own "
            "Python cannot run the backend. Build a zip without wheels "
            f"(python {ROOT.name}/scripts/build_extension.py) and set the backend up in Blender."
        )
    return build_with_wheels(Target(system, GENERATIONS[here]), output)

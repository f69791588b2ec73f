"""Carrying out a plan, step by step. Standard library only: runs in the worker, not in Blender.

uv does the work: it finds or fetches a Python, makes the environment, and installs into it. Every
step can be repeated: what is there already is kept, so a set-up that was cancelled or broke off
continues where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ...backend.files import expanded
from ...backend.protocol.errors import (
    Att3dError,
    InternalError,
    MissingDependency,
    NotDownloaded,
    OutputError,
)
from . import folders, pins, uv
from .builds import BUILDS
from .failures import explain
from .plan import Plan, check_index

Say = Callable[[float, str, str], None]
"""Takes a fraction in [0, 1], the step's name, and what is in hand."""

_STEPS = {"python": 0.02, "environment": 0.05, "packages": 0.30, "torch": 0.93, "check": 1.0}
"""Where each step ends on the bar."""
_OTHERS_MB = 500
"""Size of everything but torch when it is unpacked, roughly, MB."""
_TAIL = 200
"""Lines of a command's output that are kept to explain its failure."""
_LOOK_SECONDS = 0.5
_NOT_COPIED = ("__pycache__", "test", "tests", "idlelib", "turtledemo", "tkinter", "site-packages")
_ASK_VERSION = "import ssl, sys; print('.'.join(map(str, sys.version_info[:3])))"


class Installer:
    """See the module.

    Args:
        plan: what to do.
        say: is told how far it is.
    """

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self.folder = Path(plan.folder)
        self.downloads = self.folder / folders.DOWNLOADS
        self.python = folders.environment_python(self.folder)
        self.pins = pins.read(Path(plan.pins)) if plan.pins else pins.read()
        self.child: subprocess.Popen[bytes] | None = None
        """The command that runs now."""
        self._say = say
        self._log: BinaryIO | None = None
        self._uv = Path()
        self._environment = uv.environment(os.environ, self.downloads, bool(plan.wheels))

    def run(self) -> None:
        """Do everything. Raises Att3dError; the folder is then still marked as incomplete."""
        if not self.plan.wheels:
            for index in filter(None, (self.plan.torch_index, self.plan.index)):
                check_index(index)
        elif not Path(self.plan.wheels).is_dir():
            raise NotDownloaded(
                f"There is no folder {self.plan.wheels}.",
                "Choose the folder that has the packages.",
            )
        before = folders.read_marker(self.folder)
        self._check_space()
        marker = folders.Marker(
            "incomplete", self.plan.build, self.pins.fingerprint, self.plan.extension
        )
        if before is None:
            folders.begin(self.folder, marker)
        with folders.locked(self.folder), self._logging():
            folders.begin(self.folder, before or marker)
            self._say(0.0, "python", "")
            self._uv = uv.obtain(
                self.plan.uv,
                self.downloads / "uv",
                self.plan.wheels,
                self._command,
                self._proxy,
            )
            if not self.plan.wheels:
                self._environment |= uv.pip_settings(self._environment, self._command)
            marker = replace(marker, python=self._make_environment(before))
            folders.write_marker(self.folder, marker)
            self._install()
            self._check()
            self._say(0.99, "check", "")
            shutil.rmtree(self.downloads, ignore_errors=True)
            size = folders.size_mb(self.folder)
            folders.write_marker(self.folder, replace(marker, state="complete", size_mb=size))
        self._say(1.0, "check", "")

    # --- steps ---

    def _check_space(self) -> None:
        free = folders.free_mb(self.folder)
        there = folders.size_mb(self.folder)
        if free is not None and free + there < self.plan.needed_mb:
            raise OutputError(
                f"Setting up takes {self.plan.needed_mb / 1000:.1f} GB, and {free / 1000:.1f} GB "
                f"are free in {self.folder}.",
                "Free some space, choose another folder, or a smaller build of PyTorch.",
            )

    def _make_environment(self, before: folders.Marker | None) -> str:
        """The version of its Python: of the one that is there, if it is as wanted, or a new one."""
        there = self._version(self.python)
        if there and before is not None and before.build == self.plan.build:
            if not self.plan.python or self._version(Path(self.plan.python)) == there:
                return there
        env = self.folder / folders.ENVIRONMENT
        shutil.rmtree(env, ignore_errors=True)
        self._say(_STEPS["python"], "environment", self.plan.python)
        if self.plan.python:
            self._venv(self._named(), env)
        elif found := self._found():
            self._venv(found, env)
        elif not self._fetched(env):
            self._copied(env)
        version = self._version(self.python)
        if not version:
            raise MissingDependency(
                "The environment's Python does not start, or lacks the module ssl.",
                "Choose another Python in the advanced options.",
            )
        self._say(_STEPS["environment"], "packages", f"Python {version}")
        return version

    def _named(self) -> str:
        """The Python that the person chose, if it will do."""
        path = str(expanded(self.plan.python))
        version = self._version(Path(path))
        if not version or not (3, 11) <= tuple(map(int, version.split(".")))[:2] < (3, 15):
            why = f"it is Python {version}" if version else "it does not start"
            raise MissingDependency(
                f"{self.plan.python} cannot be the engine's Python: {why}.",
                "Choose another Python 3.11 to 3.14, or leave the field empty.",
            )
        return path

    def _found(self) -> str:
        """A Python that is installed, but not Blender's own; empty: there is none."""
        for wanted in (uv.PREFERRED, uv.PYTHONS):
            ask = ["python", "find", "--system", "--no-python-downloads", wanted]
            code, said = self._command([str(self._uv), *ask])
            path = Path(said.strip().splitlines()[-1]) if not code and said.strip() else Path()
            own = self.plan.blender_prefix and Path(self.plan.blender_prefix) in path.parents
            if path.is_file() and not own and self._version(path):
                return str(path)
        return ""

    def _venv(self, python: str, env: Path) -> None:
        words = ["venv", "--python", python, "--no-python-downloads", "--no-project", str(env)]
        code, said = self._command([str(self._uv), *words])
        if code:
            raise explain(said, self.plan.wheels, self._proxy)

    def _fetched(self, env: Path) -> bool:
        """An environment with a Python that uv fetches; false where Blender's can be copied."""
        words = ["venv", "--managed-python", "--python", uv.PREFERRED, "--no-project", str(env)]
        code, said = self._command([str(self._uv), *words])
        if code and not self.plan.blender_prefix:
            if self.plan.wheels:
                raise MissingDependency(
                    "No Python 3.11 to 3.14 was found on this machine.",
                    "Install one from python.org (on Debian and Ubuntu: apt install python3), or "
                    "choose one as Python in the advanced options.",
                )
            raise explain(said, "", self._proxy)
        return not code

    def _copied(self, env: Path) -> None:
        """Copy Blender's own Python, without what add-ons have installed into it.

        Never used where it is: the environment would break with the Blender that it belongs to.
        """
        try:
            prefix = Path(self.plan.blender_prefix)
            skipped = shutil.ignore_patterns(*_NOT_COPIED)
            shutil.copytree(prefix, env, symlinks=True, ignore=skipped)
            if sys.platform != "win32":
                (env / "bin" / "python").unlink(missing_ok=True)
                newest = sorted((env / "bin").glob("python3.[0-9]*[0-9]"))[-1]
                (env / "bin" / "python").symlink_to(newest.name)
        except (OSError, IndexError) as error:
            raise OutputError(f"The environment could not be made: {error}.") from error

    def _version(self, python: Path) -> str:
        """``3.11.7``; empty: it does not start, or cannot speak TLS."""
        if not python.is_file():
            return ""
        code, said = self._command([str(python), "-I", "-c", _ASK_VERSION])
        found = re.search(r"^(\d+\.\d+\.\d+)$", said, re.MULTILINE)
        return found[1] if found and not code else ""

    def _install(self) -> None:
        """Everything that is pinned: looked for first, so that what lacks is said at once."""
        start = _STEPS["environment"]
        torch_mb = BUILDS[self.plan.build].disk_mb if self.plan.build in BUILDS else 0
        others = ["--no-deps", *self._sources(torch=False), *self.pins.others]
        torch = [*self._sources(torch=True), *self.pins.torch]
        self._say(start, "packages", "")
        for words in (others, torch):
            code, said = self._uv_pip("--dry-run", *words)
            if code:
                raise self._lacking(said)
        end = _STEPS["packages"]
        self._installed(others, "packages", start, end, _OTHERS_MB)
        self._installed(torch, "torch", end, _STEPS["torch"], max(torch_mb - _OTHERS_MB, 1))

    def _sources(self, *, torch: bool) -> list[str]:
        """Where packages come from; what is not said is as uv or pip is configured here."""
        if self.plan.wheels:
            return ["--no-index", "--find-links", self.plan.wheels]
        default = ["--default-index", self.plan.index] if self.plan.index else []
        first = ["--index", self.plan.torch_index] if torch and self.plan.torch_index else []
        return [*default, *first]

    def _uv_pip(self, *words: str, listen: Callable[[str], None] | None = None) -> tuple[int, str]:
        target = ["--python", str(self.python), "--only-binary", ":all:"]
        return self._command([str(self._uv), "pip", "install", *target, *words], listen)

    def _lacking(self, said: str) -> Att3dError:
        """What cannot be installed: all of it, where that can be told without the network."""
        if not self.plan.wheels:
            return explain(said, "", self._proxy)
        missing = []
        for pin in (*self.pins.torch, *self.pins.others):
            code, why = self._uv_pip("--dry-run", "--no-deps", *self._sources(torch=False), pin)
            if code:
                other = " (for another system)" if "no wheels with a matching" in why else ""
                missing.append(pin.partition(";")[0] + other)
        if not missing:
            return explain(said, self.plan.wheels)
        more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
        return NotDownloaded(
            f"The folder of packages lacks {', '.join(missing[:12])}{more}.",
            f"On a machine with the network, with the same system and Python: pip download "
            f"--no-deps -d FOLDER {uv.REQUIREMENT} -r {pins.FILE}",
        )

    def _installed(
        self, words: Sequence[str], step: str, start: float, end: float, megabytes: int
    ) -> None:
        """Install, and tell how far it is by what has arrived on the disk."""
        before, done = folders.size_mb(self.downloads), threading.Event()
        text = ""

        def listen(line: str) -> None:
            nonlocal text
            if line.lstrip().startswith(("Downloading ", "Downloaded ", "Prepared ", "Installed ")):
                text = line.strip().removeprefix("Downloading ").removeprefix("Downloaded ")
                look()

        def look() -> None:
            fraction = min((folders.size_mb(self.downloads) - before) / megabytes, 1.0)
            self._say(start + (end - start) * max(fraction, 0.0), step, text)

        def watch() -> None:
            while not done.wait(_LOOK_SECONDS):
                look()

        watcher = threading.Thread(target=watch, name="att3d size", daemon=True)
        watcher.start()
        try:
            self._say(start, step, "")
            code, said = self._uv_pip(*words, listen=listen)
        finally:
            done.set()
            watcher.join()
        if code:
            raise explain(said, self.plan.wheels, self._proxy)

    def _check(self) -> None:
        """Whether the backend works there; a package may be installed and yet not load."""
        self._say(_STEPS["torch"], "check", "")
        command = [str(self.python), *self.plan.check]
        code, said = self._command(command, environment=self.plan.environment)
        if code:
            raise _unwell(said)

    # --- running commands ---

    @property
    def _proxy(self) -> str:
        names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        return next(filter(None, (self._environment.get(name) for name in names)), "")

    def _command(
        self,
        command: Sequence[str],
        listen: Callable[[str], None] | None = None,
        environment: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a command to its end; its exit code and the end of what it said."""
        self._note("$ " + " ".join(command))
        flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
        try:
            self.child = subprocess.Popen(
                list(command),
                cwd=self.folder,
                env=self._environment if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                creationflags=flags,
            )
        except OSError as error:
            self._note(str(error))
            return 127, str(error)
        lines: list[str] = []
        with self.child as child:
            for raw in child.stdout or ():
                line = raw.decode(errors="replace").rstrip()
                self._note(line)
                lines.append(line)
                del lines[:-_TAIL]
                if listen is not None:
                    listen(line)
        self.child = None
        return child.returncode, "\n".join(lines)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            self._log = (self.folder / folders.LOG).open("ab", buffering=0)
        try:
            yield
        except Att3dError as error:
            self._note(f"FAILED: {error.message} {error.remedy}")
            raise
        finally:
            if self._log is not None:
                self._log.close()
                self._log = None

    def _note(self, line: str) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.write(line.encode(errors="replace") + b"\n")


def _unwell(output: str) -> Att3dError:
    """What the backend's own examination found wrong."""
    try:
        findings = json.loads(output[output.index("{") :])["findings"]
        bad = next(one for one in findings if one["status"] == "missing")
        what, why = f"{bad['what']} does not work", bad["detail"]
    except (ValueError, KeyError, TypeError, StopIteration):
        last = (output.strip().splitlines() or ["it said nothing"])[-1][:300]
        what, why = "the engine does not start", last
    return InternalError(
        f"Everything was installed, but {what}: {why}",
        "Open the log. Set up again, perhaps with another build of PyTorch.",
    )

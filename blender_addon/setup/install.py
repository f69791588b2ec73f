"""Carrying out a plan, step by step. Standard library only: runs in the worker, not in Blender.

Every step can be repeated: what is there already is kept, so a set-up that was cancelled or broke
off continues where it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ...backend.protocol.errors import (
    Att3dError,
    InternalError,
    MissingDependency,
    NotDownloaded,
    OutputError,
)
from . import folders, interpreters, pins, pip
from .builds import BUILDS
from .plan import Plan, check_index

Say = Callable[[float, str, str], None]
"""Takes a fraction in [0, 1], the step's name, and what is in hand."""

_STEPS = {"python": 0.02, "environment": 0.05, "packages": 0.30, "torch": 0.93, "check": 1.0}
"""Where each step ends on the bar."""
_TAIL = 200
"""Lines of a command's output that are kept to explain its failure."""


class Installer:
    """See the module.

    Args:
        plan: what to do.
        say: is told how far it is.
    """

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan = plan
        self.folder = Path(plan.folder)
        self.pins = pins.read(Path(plan.pins)) if plan.pins else pins.read()
        self._say = say
        self._log: BinaryIO | None = None
        self._pip_found: tuple[int, int] | None = None
        self.child: subprocess.Popen[bytes] | None = None
        """The command that runs now."""

    def run(self) -> None:
        """Do everything. Raises Att3dError; the folder is then still marked as incomplete."""
        if not self.plan.wheels:
            for index in filter(None, (self.plan.torch_index, self.plan.index)):
                check_index(index)
        before = folders.read_marker(self.folder)
        self._check_space()
        marker = folders.Marker(
            "incomplete", self.plan.build, self.pins.fingerprint, self.plan.extension
        )
        if before is None:
            folders.begin(self.folder, marker)
        with _locked(self.folder), self._logging():
            folders.begin(self.folder, before or marker)
            python = self._environment(before)
            marker = replace(marker, python=python.number)
            folders.write_marker(self.folder, marker)
            scratch = self.folder / folders.SCRATCH
            scratch.mkdir(exist_ok=True)
            self._packages()
            self._check()
            self._say(0.99, "check", "")
            for name in (folders.SCRATCH, folders.DOWNLOADS):
                shutil.rmtree(self.folder / name, ignore_errors=True)
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

    def _environment(self, before: folders.Marker | None) -> interpreters.Interpreter:
        """An environment with pip: the one that is there, if it is what is wanted, or a new one."""
        self._say(0.0, "python", "")
        python = folders.environment_python(self.folder)
        env = self.folder / folders.ENVIRONMENT
        named = interpreters.find(self.plan.python, None) if self.plan.python else None
        there = interpreters.probe(python) if python.is_file() else None
        if there is not None and before is not None and before.build == self.plan.build:
            same = named is None or named.version == there.version
            if same and not there.problem and self._pip_version() is not None:
                return there
        prefix = Path(self.plan.blender_prefix) if self.plan.blender_prefix else None
        base = named or interpreters.find("", prefix)
        self._say(_STEPS["python"], "environment", f"Python {base.number}")
        self._note(f"Python: {base.path} ({base.number})")
        shutil.rmtree(env, ignore_errors=True)
        try:
            if prefix is not None and prefix in base.path.parents:
                interpreters.copy(prefix, env)
            else:
                self._venv(base, env)
        except OSError as error:
            raise OutputError(f"The environment could not be made: {error}.") from error
        if self._pip_version() is None:
            self._give_pip()
        return base

    def _venv(self, base: interpreters.Interpreter, env: Path) -> None:
        code, output = self._run([str(base.path), "-I", "-m", "venv", "--without-pip", str(env)])
        if code:
            last = (output.strip().splitlines() or ["no reason given"])[-1]
            raise MissingDependency(
                f"Python {base.number} at {base.path} could not make an environment: {last}.",
                "Choose another Python in the advanced options.",
            )

    def _give_pip(self) -> None:
        """pip from ensurepip: the environment's own, or (Debian splits it off) the worker's."""
        python = str(folders.environment_python(self.folder))
        self._run([python, "-I", "-m", "ensurepip", "--default-pip"])
        if self._pip_version() is not None:
            return
        for wheel in self._pip_wheels():
            words = [str(wheel), "install", "--no-index", "--no-deps", str(wheel)]
            self._run([python, "-I", "-c", pip.FROM_WHEEL, *words])
            if self._pip_version() is not None:
                return
        raise MissingDependency(
            "There is no pip: this Python lacks ensurepip.",
            "Install it (on Debian and Ubuntu: apt install python3-venv), or choose another Python "
            "in the advanced options.",
        )

    def _pip_wheels(self) -> Iterator[Path]:
        import ensurepip  # of the Python that runs the worker: Blender's

        yield from Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
        if self.plan.wheels:
            yield from sorted(Path(self.plan.wheels).glob("pip-*.whl"), reverse=True)

    def _packages(self) -> None:
        if self.plan.wheels:
            self._check_wheels()
        start = _STEPS["environment"]
        self._say(start, "packages", "")
        if not self.plan.wheels or list(Path(self.plan.wheels).glob("pip-*.whl")):
            # Without it all goes on: only resuming and the count of bytes are lost.
            self._pip([pip.VERSION] if not self.plan.wheels else ["pip"], self.plan.index)
            self._pip_version()
        others, size = self.pins.others, self.plan.batch
        end, width = start, _STEPS["packages"] - start
        for first in range(0, len(others), size):
            batch = others[first : first + size]
            start, end = end, end + width * len(batch) / len(others)
            done = f"{first + len(batch)} / {len(others)}"
            index = self.plan.index
            self._install(batch, index, "packages", start, end, len(batch), installing=done)
        build = BUILDS.get(self.plan.build)
        rest = max(build.download_mb - 200, 0) if build is not None else 0
        count = 20 if rest > 1000 else 2
        self._install(
            self.pins.torch,
            self.plan.torch_index,
            "torch",
            _STEPS["packages"],
            _STEPS["torch"],
            count,
            rest,
            resolve=True,
        )

    def _check_wheels(self) -> None:
        """Say exactly what a folder of wheels lacks before anything is installed from it."""
        if not Path(self.plan.wheels).is_dir():
            raise NotDownloaded(
                f"There is no folder {self.plan.wheels}.", "Choose the folder that has the wheels."
            )
        wanted = json.dumps([self.plan.wheels, [*self.pins.torch, *self.pins.others]])
        python = str(folders.environment_python(self.folder))
        code, output = self._run([python, "-I", "-c", pip.MISSING, wanted])
        try:
            missing = json.loads(output.strip().splitlines()[-1])
        except (ValueError, IndexError):
            raise InternalError(
                "The folder of wheels could not be read.", "Open the log."
            ) from None
        if code or missing:
            more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
            raise NotDownloaded(
                f"The folder of wheels lacks {', '.join(missing[:12])}{more}.",
                f"On a machine with the network, with the same system and Python: pip download "
                f"--no-deps -d FOLDER -r {pins.FILE}",
            )

    def _install(
        self,
        packages: Sequence[str],
        index: str,
        step: str,
        start: float,
        end: float,
        count: int,
        megabytes: int = 0,
        installing: str = "",
        resolve: bool = False,
    ) -> None:
        follow = pip.Progress(count, megabytes, installing)

        def listen(line: str) -> None:
            if follow.line(line):
                self._say(start + (end - start) * follow.fraction, step, follow.text)

        code, output = self._pip(packages, index, listen, resolve)
        if code:
            raise pip.explain(output, self.plan.wheels)

    def _pip(
        self,
        packages: Sequence[str],
        index: str,
        listen: Callable[[str], None] = lambda _: None,
        resolve: bool = False,
    ) -> tuple[int, str]:
        words = pip.install(
            packages,
            version=self._pip_found or (0, 0),
            cache=str(self.folder / folders.DOWNLOADS),
            wheels=self.plan.wheels,
            index=index,
            resolve=resolve,
        )
        return self._run([str(folders.environment_python(self.folder)), *words], listen)

    def _pip_version(self) -> tuple[int, int] | None:
        ask = "import pip; print(pip.__version__)"
        python = folders.environment_python(self.folder)
        code, output = self._run([str(python), "-I", "-c", ask])
        self._pip_found = None
        with contextlib.suppress(ValueError, IndexError):
            major, minor = output.strip().splitlines()[-1].split(".")[:2]
            self._pip_found = None if code else (int(major), int(minor))
        return self._pip_found

    def _check(self) -> None:
        """Whether the backend works there; a package may be installed and yet not load."""
        self._say(_STEPS["torch"], "check", "")
        python = str(folders.environment_python(self.folder))
        code, output = self._run([python, *self.plan.check], environment=self.plan.environment)
        if code:
            raise _unwell(output)

    # --- running commands ---

    def _run(
        self,
        command: Sequence[str],
        listen: Callable[[str], None] = lambda _: None,
        environment: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run a command to its end; its exit code and the end of what it said."""
        scratch = str(self.folder / folders.SCRATCH)
        if environment is None:
            environment = pip.environment(os.environ, scratch, bool(self.plan.wheels))
            os.makedirs(scratch, exist_ok=True)
        self._note("$ " + " ".join(command))
        flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
        try:
            self.child = subprocess.Popen(
                list(command),
                cwd=self.folder,
                env=environment,
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
                if not line.startswith("Progress "):
                    self._note(line)
                    lines.append(line)
                    del lines[:-_TAIL]
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
        return InternalError(
            f"Everything was installed, but {bad['what']} does not work: {bad['detail']}",
            "Open the log. Set up again, perhaps with another build of PyTorch.",
        )
    except (ValueError, KeyError, TypeError, StopIteration):
        last = (output.strip().splitlines() or ["it said nothing"])[-1][:300]
        return InternalError(
            f"Everything was installed, but the backend does not start: {last}",
            "Open the log. Set up again, perhaps with another build of PyTorch.",
        )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system lets go of when the process ends, however it ends.

    Raises:
        OutputError: another Blender is setting up this folder.
    """
    with (folder / folders.LOCK).open("a+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"Another Blender is setting up {folder}.", "Wait for it, or choose another folder."
            ) from error
        yield

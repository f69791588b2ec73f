"""What the checks share. Everything in this folder runs inside Blender, without pytest.

A check is a function in a ``checks_*.py`` whose name begins with ``check_``; its name and docstring
are the specification. ``run.py`` installs the extension and calls each with a :class:`Bench`.
"""

from __future__ import annotations

import importlib
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import bpy

PACKAGE = "bl_ext.user_default.att3d"
PROMPT = "a pig wearing a tophat"

SCRIPTED = Path(__file__).resolve().parents[2] / "wire" / "scripted_backend.py"
"""A backend that starts and answers at once; prompts say what it does."""

COLLECTIONS = (
    "objects", "meshes", "materials", "images", "collections", "node_groups", "textures", "actions"
)  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """What a check works with."""

    zip: Path
    python: str
    """Of the backend."""
    checkpoint: Path
    """The tiny one, in a folder of its own."""
    folder: Path
    """For files; removed afterwards."""
    seeds: tuple[int, ...] = ()
    """Of the random sequences that this Blender goes through."""

    def module(self, name: str) -> ModuleType:
        """A module of the installed extension's ``blender_addon``."""
        return importlib.import_module(f"{PACKAGE}.blender_addon.{name}")

    @property
    def session(self):
        return self.module("process.session").session

    @property
    def preferences(self):
        return bpy.context.preferences.addons[PACKAGE].preferences

    @property
    def quick_python(self) -> str:
        """A Python whose backend is the scripted one; see :func:`quick`."""
        script = self.folder / "quick" / "python"
        if not script.exists():
            script.parent.mkdir(exist_ok=True)
            script.write_text(f"#!/bin/sh\nexec {self.scripted}\n")
            script.chmod(0o755)
        return str(script)

    @property
    def scripted(self) -> str:
        """The command line of the scripted backend."""
        return shlex.join([self.python, str(SCRIPTED)])

    def reset(self, *, quick: bool = False) -> None:
        """An empty scene and the settings every check starts with."""
        os.environ["ATT3D_PYTHON"] = self.quick_python if quick else self.python
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        if PACKAGE not in bpy.context.preferences.addons:
            self.install()
        self.session.error = None
        self.preferences.backend_python = ""
        self.preferences.backend_command = ""
        self.preferences.remembered_python = ""
        self.preferences.log_folder = str(self.folder / "logs")
        self.preferences.keep_history = True
        self.preferences.history_folder = str(self.folder / "history")
        self.preferences.checkpoint_folder = str(self.checkpoint.parent)
        bpy.context.scene.att3d.checkpoint = str(self.checkpoint)
        bpy.context.scene.att3d.faces = 1000
        bpy.context.scene.att3d.texture_size = 128
        bpy.context.scene.att3d.resolution = 48

    def install(self) -> None:
        bpy.ops.extensions.package_install_files(
            filepath=str(self.zip), repo="user_default", enable_on_install=True
        )

    def generate(self, prompt: str = PROMPT, **options: object) -> bpy.types.Object:
        """Run the operator and return the new object."""
        assert bpy.ops.att3d.generate(prompt=prompt, **options) == {"FINISHED"}
        return bpy.context.object

    def fails(self, prompt: str = PROMPT, **options: object) -> Exception:
        """Run the operator, which must fail: reported, in the panel, scene unchanged.

        Returns the error that the panel shows.
        """
        with unchanged():
            try:
                bpy.ops.att3d.generate(prompt=prompt, **options)
            except RuntimeError as reported:
                text = str(reported)
            else:
                raise AssertionError("no error was reported")
        error = self.session.error
        assert error is not None, "the panel shows nothing"
        assert error.message and error.remedy, (error.message, error.remedy)
        assert error.message in text and error.remedy in text, text
        assert "Traceback" not in text and "\n" not in error.message, text
        assert not self.session.busy
        return error


def quick(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
    """Marks a check about the process, not about what it makes: it gets the scripted backend,
    because the real one takes seconds to start."""
    check.quick = True  # type: ignore[attr-defined]
    return check


def refused(operator: Callable[..., object], **options: object) -> str:
    """Call an operator that must report an error, and return what it says."""
    try:
        operator(**options)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(f"{operator} reported no error")


def contents() -> dict[str, list[str]]:
    """The names of all data-blocks that the extension could make."""
    return {name: sorted(block.name for block in getattr(bpy.data, name)) for name in COLLECTIONS}


@contextmanager
def unchanged() -> Iterator[None]:
    """No data-block appears or goes, and the active object stays."""
    before, active = contents(), bpy.context.object
    yield
    assert contents() == before, (before, contents())
    assert bpy.context.object == active


def alive(pid: int) -> bool:
    """Whether a process runs (one that has ended but was not waited for does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

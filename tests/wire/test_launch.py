"""Which Python the backend gets: a named one, one that was set up, else Blender's own."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from .extension import errors

launch = importlib.import_module("att3d_extension.blender_addon.process.launch")


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Any:
    return launch.OwnPython(executable(tmp_path / "blender" / "python3"), tmp_path / "packages")


def planned(tmp_path: Path, own: Any, **choices: str) -> Any:
    given = {"python": "", "command": "", "remembered": ""} | choices
    return launch.plan(**given, log_folder=tmp_path, online=False, own=lambda: own, environ={})


def test_blenders_own_python_sees_the_extensions_wheels(tmp_path: Path, own: Any) -> None:
    plan = planned(tmp_path, own, remembered=sys.executable)
    assert plan.source == "blender"
    assert plan.command == (str(own.python), "-m", "backend", "serve")
    paths = plan.environment["PYTHONPATH"].split(os.pathsep)
    assert paths == [str(launch.EXTENSION_ROOT), str(own.packages)]


@pytest.mark.parametrize("choice", ["python", "managed"])
def test_a_python_that_is_named_or_set_up_comes_first_without_the_wheels(
    tmp_path: Path, own: Any, choice: str
) -> None:
    plan = planned(tmp_path, own, **{choice: sys.executable})
    assert plan.command[0] == sys.executable
    assert plan.environment["PYTHONPATH"] == str(launch.EXTENSION_ROOT)


def test_of_several_backends_the_first_in_the_order_works(tmp_path: Path, own: Any) -> None:
    """Whoever has set up two finds in the panel which one it is."""
    pythons = {name: str(executable(tmp_path / name)) for name in ("named", "set_up", "last")}
    everything = {
        "command": f"{sys.executable} -m backend serve",
        "python": pythons["named"],
        "managed": pythons["set_up"],
        "remembered": pythons["last"],
    }
    order = [
        ("command", sys.executable, "command"),
        ("python", pythons["named"], "preference"),
        ("managed", pythons["set_up"], "accelerator"),
    ]
    for choice, python, source in order:
        plan = planned(tmp_path, own, **everything)
        assert (plan.command[0], plan.source) == (python, source)
        del everything[choice]
    assert planned(tmp_path, own, **everything).source == "blender"
    assert planned(tmp_path, None, **everything).source == "remembered"
    environ = {launch.VARIABLE: pythons["named"]}
    plan = launch.plan(
        python="", command="", remembered="", managed=pythons["set_up"],
        log_folder=tmp_path, online=False, own=lambda: own, environ=environ,
    )  # fmt: skip
    assert (plan.command[0], plan.source) == (pythons["named"], "variable")


def test_without_wheels_the_backend_must_be_set_up(tmp_path: Path) -> None:
    with pytest.raises(errors.MissingDependency, match="not set up"):
        planned(tmp_path, None)
    assert planned(tmp_path, None, remembered=sys.executable).command[0] == sys.executable


def test_an_extension_without_wheels_has_no_python_of_its_own() -> None:
    assert launch.own_python() is None


def test_wheels_are_found_where_blender_has_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "manifest", lambda: {"wheels": ["./wheels/a.whl"]})
    origin = str(tmp_path / "safetensors" / "__init__.py")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: ModuleSpec(name, None, origin=origin)
    )
    found = launch.own_python()
    assert found == launch.OwnPython(Path(sys.executable), tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.MissingDependency, match="not installed the packages"):
        launch.own_python()


def test_a_blender_without_its_python_is_told_to_set_one_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "manifest", lambda: {"wheels": ["./wheels/a.whl"]})
    monkeypatch.setattr(launch, "CARRIED", "pytest")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "blender"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(errors.MissingDependency, match="This Blender has no Python") as failure:
        launch.own_python()
    assert "Set it up with the button" in failure.value.remedy


def test_a_blender_that_calls_itself_python_has_one_below(tmp_path: Path) -> None:
    below = executable(tmp_path / "python" / "bin" / "python3")
    blender = executable(tmp_path / "blender")
    assert launch.blender_python(blender, tmp_path / "python") == below
    assert launch.blender_python(below, tmp_path) == below
    assert launch.blender_python(blender, tmp_path / "elsewhere") is None

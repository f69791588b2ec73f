"""open_clip imports beside a torchvision whose compiled operators cannot load."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

import pytest

from backend.protocol.errors import MissingDependency
from backend.text import open_clip_import


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Errors that ``import torchvision`` raises one after the other before it succeeds."""
    errors: list[Exception] = []

    def import_module(name: str) -> ModuleType:
        if errors:
            raise errors.pop(0)
        return ModuleType(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(open_clip_import, "_declared", {})
    return errors


def undeclared(operator: str) -> RuntimeError:
    return RuntimeError(f"operator torchvision::{operator} does not exist")


def test_each_missing_operator_is_declared_once(
    failing: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    declared: list[str] = []

    def declare(operator: str) -> None:
        declared.append(operator)
        open_clip_import._declared[operator] = object()

    monkeypatch.setattr(open_clip_import, "_declare", declare)
    failing += [undeclared("nms"), undeclared("qnms")]
    assert open_clip_import.import_torchvision().__name__ == "torchvision"
    assert declared == ["nms", "qnms"]
    failing += [undeclared("nms")]
    with pytest.raises(RuntimeError, match="nms does not exist"):
        open_clip_import.import_torchvision()


@pytest.mark.parametrize("text", ["operator torchvision::other does not exist", "bad torch"])
def test_any_other_error_is_not_touched(failing: list[Exception], text: str) -> None:
    failing.append(RuntimeError(text))
    with pytest.raises(RuntimeError, match=text):
        open_clip_import.import_torchvision()


def test_a_missing_package_is_a_missing_dependency(
    failing: list[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.append(ModuleNotFoundError("No module named 'torchvision'"))
    with pytest.raises(MissingDependency, match="torchvision"):
        open_clip_import.import_torchvision()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match="open_clip_torch is not installed"):
        open_clip_import.open_clip_folder()


def test_open_clip_imports_in_a_fresh_process_without_warnings() -> None:
    script = """
from backend.text.open_clip_import import import_open_clip
whole = import_open_clip()
assert whole.ClipLoss and whole.CustomTextCLIP
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr

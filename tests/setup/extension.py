"""The extension's own modules without Blender, below the package that the wire's tests made."""

from __future__ import annotations

import importlib
from typing import Any

from tests.wire import extension

errors = extension.errors


def _module(name: str) -> Any:
    return importlib.import_module(f"att3d_extension.blender_addon.{name}")


builds = _module("setup.builds")
failures = _module("setup.failures")
folders = _module("setup.folders")
install = _module("setup.install")
pins = _module("setup.pins")
plan = _module("setup.plan")
run = _module("setup.run")
uv = _module("setup.uv")

"""The extension's own modules without Blender, below the package that the wire's tests made."""

from __future__ import annotations

import importlib
from typing import Any

from tests.wire import extension

errors = extension.errors


def _module(name: str) -> Any:
    return importlib.import_module(f"att3d_extension.blender_addon.{name}")


builds = _module("setup.builds")
folders = _module("setup.folders")
install = _module("setup.install")
interpreters = _module("setup.interpreters")
pins = _module("setup.pins")
pip = _module("setup.pip")
plan = _module("setup.plan")
run = _module("setup.run")

"""Importing open_clip where torchvision's compiled operators cannot load.

open_clip imports torchvision. When torch and torchvision come from different builds (a CPU torch
beside PyPI's CUDA torchvision is the common case), torchvision's extension does not load, and then
``import torchvision`` itself fails with "operator torchvision::nms does not exist": it attaches
shape functions to operators that nobody has declared. Declaring the operators' schemas is enough
for the import. We call none of them; whoever does gets torch's "not implemented".
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from ..protocol.errors import MissingDependency

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_UNDECLARED = re.compile(r"operator torchvision::(q?nms) does not exist")
_declared: dict[str, object] = {}
"""Operators declared by us; torch forgets a declaration when its library object is collected."""


def import_torchvision() -> ModuleType:
    """``import torchvision``, declaring its operators first where its extension cannot load.

    Raises:
        MissingDependency: torchvision is not installed.
    """
    while True:
        try:
            return importlib.import_module("torchvision")
        except ModuleNotFoundError as error:
            raise MissingDependency(f"open_clip needs torchvision: {error}.") from error
        except RuntimeError as error:
            missing = _UNDECLARED.search(str(error))
            if missing is None or missing[1] in _declared:
                raise
            _declare(missing[1])


def import_open_clip() -> ModuleType:
    """The whole of open_clip.

    Raises:
        MissingDependency: open_clip or torchvision is not installed.
    """
    if "open_clip" not in sys.modules:
        open_clip_folder()
        import_torchvision()
    return importlib.import_module("open_clip")


def open_clip_folder() -> Path:
    """Where open_clip is installed, without importing it.

    Raises:
        MissingDependency: open_clip is not installed.
    """
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise MissingDependency("The Python package open_clip_torch is not installed.")
    return Path(spec.origin).parent


def _declare(operator: str) -> None:
    from torch.library import Library

    library = Library("torchvision", "FRAGMENT")
    library.define(operator + _SCHEMA)
    _declared[operator] = library

"""Shared by the whole suite: shapes are checked, the machine's settings are shut out."""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from jaxtyping import install_import_hook

from tests import shapes
from tests.machine import shut_off

if TYPE_CHECKING:
    from backend.textured_mesh import GeneratedMesh
    from tests.surface.analytic import AnalyticField

# Before any test's module is imported, and for every process that a test starts.
_home = Path(tempfile.mkdtemp(prefix="att3d-home-"))
atexit.register(shutil.rmtree, _home, ignore_errors=True)
shut_off(os.environ, _home)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Started in the background of a script, the suite inherits an ignored SIGINT, and so would every
# process whose Ctrl-C it tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")
# Every annotated shape in these packages is checked at every call of the suite.
_hook = install_import_hook(shapes.CHECKED, f"{shapes.__name__}.check")
# The root of the repository is a package (the extension), and pytest imports it by its folder's
# name. In a folder called "training" it would stand in the place of the package of that name.
_root = Path(__file__).parents[1]
if getattr(sys.modules.get(_root.name), "__file__", None) == str(_root / "__init__.py"):
    _extension = sys.modules.pop(_root.name)
    try:
        importlib.import_module(_root.name)
    except ImportError:
        sys.modules[_root.name] = _extension


@pytest.fixture(scope="session")
def tiny_checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real checkpoint with random weights (a colored ball)."""
    from tests.tiny import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors")


@pytest.fixture(scope="session")
def toy() -> AnalyticField:
    """A bear with a balloon beside it, a speck of dirt, and a hollow belly."""
    from tests.surface.analytic import BALLOON, SPECK, TOY, AnalyticField

    return AnalyticField(balls=(*TOY, BALLOON, SPECK), cavities=((0.0, 0.0, -0.25, 0.2),))


@pytest.fixture(scope="session")
def mesh(toy: AnalyticField) -> GeneratedMesh:
    """One mesh of the analytic toy, made once for all tests that only look at it."""
    from backend.mesh_pipeline import field_to_mesh
    from backend.protocol.options import MeshOptions

    result = field_to_mesh(toy, MeshOptions(6000, 512, 96, normal_map=True))
    result.prompt, result.checkpoint_hash = "a bear – with a balloon", "0123abcd"
    return result


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import torch

    torch.manual_seed(0)

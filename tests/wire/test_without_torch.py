"""The process that Blender's own Python runs: everything, with what an extension may carry.

Torch and whatever else does not ship in the extension cannot be imported in it: in this Python it
is hidden, in the others (``scripts/setup_pythons.py``) it is not there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from tests.model.test_variants import VARIANTS, loud, round_trip

from .pipes import ROOT, Pipes

sys.path.insert(0, str(ROOT / "scripts"))

from setup_pythons import installed

SERVE = ["-m", "backend", "serve"]
HERE = "here"
SHUT_OUT = ("torch", "torchvision", "open_clip", "jaxtyping", "beartype", "tyro", "mcubes")
SITE = f"""
import sys

class Hiding:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {SHUT_OUT!r}:
            return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Hiding, sys.meta_path)
"""
SMALL = {"faces": 500, "texture_size": 64, "resolution": 48}
PROMPT = "a pig wearing a tophat"


@pytest.fixture(scope="module")
def extra(python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Makes this Python run ``SITE`` first, in the processes that it starts as well."""
    if python != sys.executable:
        return {"PYTHONPATH": str(ROOT)}
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE)
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


@pytest.fixture(scope="module", params=[HERE, "3.12", "3.13", "3.14"])
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter in which only what the extension carries can be imported."""
    if request.param == HERE:
        return sys.executable
    found = installed(request.param)
    if found is None:
        pytest.skip(f"no wheels for Python {request.param}: scripts/setup_pythons.py")
    return str(found)


@pytest.fixture(scope="module")
def backend(python: str, extra: dict[str, str]) -> Iterator[Pipes]:
    with Pipes([python, *SERVE], extra=extra) as pipes:
        pipes.shake()
        yield pipes


def test_the_shut_out_cannot_be_imported(python: str, extra: dict[str, str]) -> None:
    with Pipes([python, "-c", "import torch"], extra=extra) as pipes:
        assert pipes.process.wait(60) != 0


def test_a_prompt_becomes_a_textured_mesh(backend: Pipes) -> None:
    backend.request(1, "generate", prompt=PROMPT, normal_map=True, **SMALL)
    result = backend.result(1)
    mesh = load_file(result["mesh"])
    assert 0 < len(mesh["faces"]) == result["faces"] <= 500
    assert mesh["texture"].shape == mesh["normal_map"].shape == (64, 64, 3)


def test_the_slider_shows_what_lies_between(backend: Pipes) -> None:
    backend.request(2, "preview", prompts=[PROMPT, "a rabbit"], alpha=0.5, resolution=32)
    assert backend.result(2)["faces"] > 0


def test_a_chain_becomes_one_mesh(backend: Pipes) -> None:
    backend.request(3, "interpolate", prompts=["a rabbit", PROMPT], **SMALL, keys=3)
    assert len(backend.result(3)["keys"]) >= 2


def test_a_thumbnail_is_rendered(backend: Pipes) -> None:
    backend.request(4, "render", prompt=PROMPT, views=2, size=32)
    with Image.open(backend.result(4)["image"]) as image:
        assert image.size == (64, 32)
        assert np.ptp(np.asarray(image)) > 100


def test_a_checkpoint_that_needs_torch_says_so(
    python: str, extra: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "attention.safetensors"
    round_trip(loud(VARIANTS["attention"]), path)
    with Pipes([python, *SERVE], extra=extra) as pipes:
        pipes.shake(checkpoint=str(path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        error = pipes.error(1)
    assert "torch" in error.message
    assert "set up the accelerator" in error.remedy


def test_xatlas_charts_are_made_or_refused_with_the_way_out(python: str, backend: Pipes) -> None:
    """No wheels of xatlas are published for Python 3.14."""
    backend.request(5, "generate", prompt=PROMPT, unwrap="xatlas", **SMALL)
    found = subprocess.run([python, "-c", "import xatlas"], stderr=subprocess.DEVNULL, check=False)
    if found.returncode == 0:
        assert backend.result(5)["faces"] > 0
    else:
        assert "xatlas" in backend.error(5).message

"""Nothing to set up: the zip for this system, a new profile, a prompt, the object.

The zip is built of the published wheels, in the cache where ``scripts/setup_pythons.py`` keeps
them. Blender is offline, as it is by default, and what goes round that meets a dead proxy.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import INSIDE, ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from build_extension import this_platform
from extension_wheels import CACHE, GENERATIONS, Target
from fresh_blender import build_for_this_machine, fresh_blender
from setup_blenders import BLENDERS

PROMPT = "a pig wearing a tophat"
FACES = 700


@pytest.fixture(scope="module")
def carrying(blender: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip for a Blender on this system."""
    python, system = BLENDERS[blender].python, this_platform()
    generation = GENERATIONS[".".join(map(str, python))]
    if not system or not (CACHE / Target(system, generation).suffix).is_dir():
        pytest.skip("the wheels are not here: scripts/setup_pythons.py")
    return build_for_this_machine(blender, tmp_path_factory.mktemp("zip") / "att3d.zip")


def test_the_first_prompt_is_an_object(
    blender: str, carrying: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    job = {"zip": str(carrying), "prompt": PROMPT, "faces": FACES}
    with fresh_blender(blender) as fresh:
        said = fresh.run(INSIDE / "carried.py", job, tmp_path / "blender.log")
    assert said["blender"].startswith(blender)
    assert not said["online"]
    assert said["object"] == PROMPT
    assert 0 < said["faces"] <= FACES
    assert said["texture"] == [1024, 1024]
    assert "numpy on cpu in Blender's own Python" in said["backend"], said["backend"]
    assert "no torch" in said["backend"]

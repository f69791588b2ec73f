"""What must agree before a release."""

import tomllib
from pathlib import Path

import pytest

from backend import VERSION

ROOT = Path(__file__).resolve().parent.parent


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert project["project"]["version"] == VERSION
    assert manifest["version"] == VERSION
    assert f"## {VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_who_installs_it_finds_a_website_and_why_it_wants_the_network():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["website"].startswith("https://")
    assert "PyTorch" in manifest["permissions"]["network"]


def test_every_dependency_has_its_reason():
    """In the extras, each requirement's line ends with a comment that says why it is there."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start = lines.index("[project.optional-dependencies]")
    end = lines.index("[tool.setuptools]")
    for line in lines[start:end]:
        if line.startswith('  "') and not line.startswith('  "att3d['):
            assert "# " in line, line


@pytest.mark.parametrize(
    ("folder", "mebibytes"),
    [("checkpoints", 112), ("training/weights", 8), ("tests", 28)],
    ids=["bundled with the extension", "text towers", "for the tests"],
)
def test_weights_stay_small(folder, mebibytes):
    sizes = [file.stat().st_size for file in (ROOT / folder).rglob("*.safetensors")]
    assert 0 < sum(sizes) < mebibytes << 20

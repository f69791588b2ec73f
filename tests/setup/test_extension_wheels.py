"""Zips that carry wheels: what goes in, what is refused, what Blender does with them.

The wheels are tiny and made here, with the names, versions and tags of the real ones.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name, parse_wheel_filename

from .wheels import Index, make_wheel

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import build_extension as packaging_script  # noqa: E402
from extension_wheels import (  # noqa: E402
    GENERATIONS,
    PLATFORMS,
    BuildFailed,
    Target,
    check,
    gather,
    license_of,
    pinned,
)

TARGETS = [Target(name, generation) for name in PLATFORMS for generation in GENERATIONS.values()]
LINUX = Target("linux-x64", GENERATIONS["3.11"])
HERE = packaging_script.this_platform()


def fill(folder: Path, target: Target) -> list[Path]:
    """A cache with every wheel that a target needs."""
    generation = f"cp{target.generation.python[0]}{target.generation.python[1]}"
    made = []
    for pin in target.requirements():
        version = next(iter(pin.specifier)).version
        tag = f"{generation}-{generation}-{PLATFORMS[target.platform][-1]}"
        classifier = "License :: OSI Approved :: BSD License"
        made.append(
            make_wheel(
                folder / target.suffix,
                pin.name,
                version,
                tag=tag,
                about=f"Classifier: {classifier}\n",
            )
        )
    return made


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_every_target_gets_what_it_needs(target: Target, tmp_path: Path) -> None:
    made = fill(tmp_path, target)
    assert sorted(gather(target, tmp_path)) == sorted(made)
    check(made, target)
    names = {parse_wheel_filename(wheel.name)[0] for wheel in made}
    assert {"scipy", "safetensors", "pillow", "fast-simplification"} <= names
    new = target.generation.python >= (3, 13)
    assert ("scikit-image" in names) == new and ("pymcubes" in names) == (not new)
    assert "numpy" not in names, "Blender brings it"


NOT_CARRIED = {
    "numpy",  # Blender's
    "torch", "huggingface_hub", "open_clip",  # the accelerator's
    "tyro", "imageio", "bpy",  # the command line's
    "jaxtyping",  # only where shapes are checked
}  # fmt: skip
DISTRIBUTIONS = {"PIL": "pillow", "mcubes": "pymcubes", "skimage": "scikit-image"}


def test_everything_that_the_backend_imports_is_carried() -> None:
    """Whatever is not is named above, with its reason."""
    imported = set()
    for path in ROOT.glob("backend/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported.add(node.module.partition(".")[0])
    outside = imported - sys.stdlib_module_names - NOT_CARRIED
    carried = {canonicalize_name(pin.name) for pin in pinned()}
    wanted = {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in outside}
    assert {"scipy", "pillow", "pymcubes", "scikit-image"} <= wanted <= carried, wanted - carried


def test_versions_are_those_that_the_suite_runs_with() -> None:
    assert all(str(pin.specifier).startswith("==") for pin in pinned())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda wheel: wheel.unlink(), "is missing for linux-x64, Python 3.11"),
        (lambda wheel: wheel.write_bytes(b"PK"), "is no wheel"),
        (
            lambda wheel: wheel.write_bytes(wheel.read_bytes().replace(b"VERSION", b"VERSIOM", 1)),
            "is damaged",
        ),
        (
            lambda wheel: wheel.rename(
                wheel.with_name(wheel.name.replace("manylinux2014_x86_64", "win_amd64"))
            ),
            "does not run on linux-x64",
        ),
        (
            lambda wheel: wheel.rename(wheel.with_name(wheel.name.replace("cp311", "cp39"))),
            "does not run on linux-x64",
        ),
        (
            lambda wheel: make_wheel(wheel.parent, "stranger", "1.0"),
            "stranger is not wanted",
        ),
    ],
)
def test_a_wrong_wheel_is_named(spoil, said: str, tmp_path: Path) -> None:
    made = fill(tmp_path, LINUX)
    spoil(made[0])
    with pytest.raises(BuildFailed, match=said):
        check(sorted((tmp_path / LINUX.suffix).glob("*.whl")), LINUX)


def test_wheels_are_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(tmp_path / "published", LINUX)
    make_wheel(made[0].parent, "scipy", "0.1", tag="cp311-cp311-win_amd64")
    with Index(made[0].parent) as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        got = gather(LINUX, tmp_path / "cache")
        assert sorted(wheel.name for wheel in got) == sorted(wheel.name for wheel in made)
        before = list(index.served)
        assert gather(LINUX, tmp_path / "cache") == got and index.served == before
        foreign = Target("windows-x64", GENERATIONS["3.11"])
        with pytest.raises(
            BuildFailed, match=r"no wheel of scipy==\S+ for windows-x64, Python 3.11"
        ):
            gather(foreign, tmp_path / "cache")


def test_license_is_the_expression_or_the_classifier_or_the_text(tmp_path: Path) -> None:
    said = make_wheel(tmp_path, "a", "1", about="License-Expression: MIT AND Apache-2.0\n")
    assert license_of(said) == "MIT AND Apache-2.0"
    classified = "Classifier: License :: OSI Approved :: Apache Software License\n"
    assert license_of(make_wheel(tmp_path, "b", "1", about=classified)) == "Apache-2.0"
    text = "License: MIT License\n         \n         Copyright (c) 2021 Somebody\n"
    assert license_of(make_wheel(tmp_path, "d", "1", about=text)) == "MIT"
    with pytest.raises(BuildFailed, match="under which license"):
        license_of(make_wheel(tmp_path, "c", "1"))


def test_manifest_names_platform_blenders_wheels_and_licenses(tmp_path: Path) -> None:
    text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    wheels = fill(tmp_path, LINUX)
    before, about = (
        tomllib.loads(text),
        tomllib.loads(packaging_script.with_wheels(text, LINUX, wheels)),
    )
    assert about["platforms"] == ["linux-x64"]
    assert about["wheels"] == [f"./wheels/{wheel.name}" for wheel in wheels]
    assert (about["blender_version_min"], about["blender_version_max"]) == ("4.2.0", "5.1.0")
    assert about["license"] == ["SPDX:GPL-3.0-or-later", "SPDX:BSD-3-Clause"]
    new = Target("linux-x64", GENERATIONS["3.13"])
    later = tomllib.loads(packaging_script.with_wheels(text, new, fill(tmp_path, new)))
    assert later["blender_version_min"] == "5.1.0" and "blender_version_max" not in later
    for key in ("id", "version", "name", "permissions", "tags"):
        assert about[key] == before[key]


INSTALL = """
import sys, bpy
bpy.ops.extensions.package_install_files(
    filepath=sys.argv[1], repo="user_default", enable_on_install=True
)
print("enabled:", "bl_ext.user_default.att3d" in bpy.context.preferences.addons)
"""


@pytest.mark.skipif(not HERE, reason="no wheels are carried for this system")
def test_blender_installs_what_the_zip_carries(tmp_path: Path) -> None:
    """Built and validated by Blender's own tool, installed into a fresh profile, offline."""
    name = ".".join(map(str, sys.version_info[:2]))
    target = Target(HERE, GENERATIONS[name])
    fill(tmp_path / "cache", target)
    made = packaging_script.build_with_wheels(target, tmp_path / "att3d.zip", tmp_path / "cache")
    with zipfile.ZipFile(made) as archive:
        assert "backend/__init__.py" in archive.namelist()
        assert not any(part.startswith(("training/", "tests/")) for part in archive.namelist())
    profile = tmp_path / "profile"
    done = subprocess.run(
        [sys.executable, "-c", INSTALL, str(made)],
        env=os.environ | {"BLENDER_USER_RESOURCES": str(profile)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "enabled: True" in done.stdout, done.stdout
    carried = profile.glob("extensions/.local/lib/python*/site-packages/*.dist-info")
    assert {path.name.split("-")[0].lower() for path in carried} == {
        str(parse_wheel_filename(wheel.name)[0]).replace("-", "_")
        for wheel in (tmp_path / "cache" / target.suffix).glob("*.whl")
    }


def test_a_bundled_model_can_be_left_out(tmp_path: Path) -> None:
    """What is left is the same zip; a model that is not bundled is named with those that are."""
    whole = packaging_script.build(tmp_path / "whole.zip")
    small = packaging_script.build(tmp_path / "small.zip", without=["props"])
    with zipfile.ZipFile(whole) as every, zipfile.ZipFile(small) as fewer:
        left_out = {"checkpoints/props.safetensors", "checkpoints/props.png"}
        assert set(every.namelist()) - set(fewer.namelist()) == left_out
        assert set(fewer.namelist()) <= set(every.namelist())
        assert "checkpoints/toybox.safetensors" in fewer.namelist()
    with pytest.raises(BuildFailed, match=r"'nothing'.*toybox"):
        packaging_script.build(tmp_path / "none.zip", without=["nothing"])


REFUSE = """
import sys, bpy
for zip_file in sys.argv[1:]:
    print("trying:", zip_file, flush=True)
    bpy.ops.extensions.package_install_files(
        filepath=zip_file, repo="user_default", enable_on_install=True
    )
    print("enabled:", "bl_ext.user_default.att3d" in bpy.context.preferences.addons, flush=True)
"""


@pytest.mark.skipif(not HERE, reason="no wheels are carried for this system")
def test_blender_refuses_a_zip_that_is_damaged_or_not_for_it(tmp_path: Path) -> None:
    """Each is refused in one line of Blender's, and nothing of it is left in the profile."""
    target = Target(HERE, GENERATIONS[".".join(map(str, sys.version_info[:2]))])
    fill(tmp_path / "cache", target)
    made = packaging_script.build_with_wheels(target, tmp_path / "whole.zip", tmp_path / "cache")
    other = next(name for name in PLATFORMS if name.partition("-")[0] != HERE.partition("-")[0])
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(made.read_bytes()[: made.stat().st_size // 2])
    zips = {
        changed(made, tmp_path / "platform.zip", f'"{HERE}"', f'"{other}"'): other,
        changed(made, tmp_path / "old.zip", '_min = "4.2.0"', '_min = "9.9.0"'): "9.9.0",
        damaged: "not a zip file",
    }
    profile = tmp_path / "profile"
    done = subprocess.run(
        [sys.executable, "-c", REFUSE, *map(str, zips)],
        env=os.environ | {"BLENDER_USER_RESOURCES": str(profile)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for path, words in zips.items():
        about = done.stdout.partition(f"trying: {path}\n")[2].partition("trying:")[0]
        assert "enabled: False" in about, done.stdout
        assert any("ERROR" in line and words in line for line in about.splitlines()), about
    assert not list(profile.glob("extensions/user_default/att3d/*"))
    assert not list(profile.glob("extensions/.local/lib/python*/site-packages/*.dist-info"))


def changed(whole: Path, target: Path, old: str, new: str) -> Path:
    """A copy of a zip with other words in its manifest."""
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name == "blender_manifest.toml":
                assert data.count(old.encode()) == 1
                data = data.replace(old.encode(), new.encode())
            copy.writestr(name, data)
    return target


def test_another_zips_wheels_are_refused(tmp_path: Path) -> None:
    """What is checked is the finished zip, not what it should have been made of."""
    fill(tmp_path, LINUX)
    with zipfile.ZipFile(tmp_path / "att3d.zip", "w") as archive:
        wheels = sorted((tmp_path / LINUX.suffix).glob("*.whl"))
        for wheel in wheels[1:]:
            archive.write(wheel, f"wheels/{wheel.name}")
        text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
        manifest = packaging_script.with_wheels(text, LINUX, wheels)
        archive.writestr("blender_manifest.toml", manifest)
    with pytest.raises(BuildFailed, match="the manifest and the wheels differ"):
        packaging_script.check_zip(tmp_path / "att3d.zip", LINUX)

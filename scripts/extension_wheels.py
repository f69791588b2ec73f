"""The wheels that an extension carries, so that the backend runs in Blender's own Python.

What they are is said in ``pyproject.toml`` (the extra ``extension``), which versions in
``blender_addon/setup/requirements.txt``; numpy comes with Blender. pip downloads them into a cache,
from which any number of zips is built.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "blender_addon" / "setup" / "requirements.txt"
CACHE = ROOT / "build" / "wheels"
_GLIBC = (28, 27, 24, 17)
"""Newest first; Blender 4.2 and newer need glibc 2.28."""
_LICENSES = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
    "MIT License": "MIT",
}
"""What wheels declare that have no SPDX expression."""


class BuildFailed(Exception):
    """Why there is no zip, with what to do about it."""


@dataclass(frozen=True)
class Generation:
    """Blenders with one version of Python."""

    python: tuple[int, int]
    oldest: str
    """The first Blender that has it."""
    before: str
    """The first that has a newer one; empty: none yet."""

    @property
    def name(self) -> str:
        return f"py{self.python[0]}{self.python[1]}"


GENERATIONS = {
    "3.11": Generation((3, 11), "4.2.0", "5.1.0"),
    "3.13": Generation((3, 13), "5.1.0", ""),
    # Blenders that a Linux distribution builds with the Python that it has.
    "3.14": Generation((3, 14), "5.1.0", ""),
}
PLATFORMS = {
    "linux-x64": [
        *(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC),
        "manylinux2014_x86_64",
    ],
    "windows-x64": ["win_amd64"],
    "macos-arm64": list(mac_platforms((14, 0), "arm64")),
    "macos-x64": list(mac_platforms((14, 0), "x86_64")),
}
"""Blender's names, and those of wheels that run there, the best first."""
_MARKERS = {
    "linux-x64": {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    },
    "windows-x64": {
        "sys_platform": "win32",
        "platform_system": "Windows",
        "platform_machine": "AMD64",
    },
    "macos-arm64": {
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "platform_machine": "arm64",
    },
    "macos-x64": {
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "platform_machine": "x86_64",
    },
}


@dataclass(frozen=True)
class Target:
    """What one zip is for."""

    platform: str
    generation: Generation

    def __str__(self) -> str:
        return f"{self.platform}, Python {'.'.join(map(str, self.generation.python))}"

    @property
    def suffix(self) -> str:
        """Of the zip's name, as Blender writes platforms there."""
        return f"{self.platform.replace('-', '_')}-{self.generation.name}"

    def tags(self) -> set[Tag]:
        """Of all wheels that run there."""
        version, platforms = self.generation.python, PLATFORMS[self.platform]
        return {
            *cpython_tags(version, platforms=platforms),
            *compatible_tags(version, f"cp{version[0]}{version[1]}", platforms),
        }

    def requirements(self) -> list[Requirement]:
        """Pinned, without those that this target does not need."""
        version = ".".join(map(str, self.generation.python))
        where = _MARKERS[self.platform] | {"python_version": version, "extra": ""}
        return [pin for pin in pinned() if pin.marker is None or pin.marker.evaluate(where)]


def pinned() -> Iterator[Requirement]:
    """The extra ``extension``, with the versions that the suite runs with.

    Raises:
        BuildFailed: one is not pinned.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (line.partition("#")[0].strip() for line in PINS.read_text("utf-8").splitlines())
    pins = {canonicalize_name(pin.name): pin for pin in map(Requirement, filter(None, lines))}
    for text in project["optional-dependencies"]["extension"]:
        name = canonicalize_name(Requirement(text).name)
        if name not in pins:
            raise BuildFailed(f"{name} is not in {PINS.name}: python scripts/pin_requirements.py")
        yield pins[name]


def gather(target: Target, cache: Path = CACHE) -> list[Path]:
    """The wheels for a target, from the cache or downloaded into it.

    Raises:
        BuildFailed: one is not published for it, or cannot be downloaded.
    """
    folder = cache / target.suffix
    folder.mkdir(parents=True, exist_ok=True)
    for pin in target.requirements():
        if not _matching(folder, pin, target):
            _download(pin, target, folder)
    wheels = [_matching(folder, pin, target) for pin in target.requirements()]
    return [wheel for wheel in wheels if wheel is not None]


def check(wheels: list[Path], target: Target) -> None:
    """Whether these are all that the target needs, each whole and made for it.

    Raises:
        BuildFailed: names what is missing, foreign, damaged or too much.
    """
    names: dict[str, str] = {}
    for wheel in wheels:
        try:
            name, version, _, tags = parse_wheel_filename(wheel.name)
            with zipfile.ZipFile(wheel) as archive:
                damaged = archive.testzip()
        except (InvalidWheelFilename, zipfile.BadZipFile, OSError) as error:
            raise BuildFailed(
                f"{wheel.name} is no wheel: {error}. Delete it and build again."
            ) from (error)
        if damaged is not None:
            raise BuildFailed(f"{wheel.name} is damaged ({damaged}). Delete it and build again.")
        if not tags & target.tags():
            raise BuildFailed(f"{wheel.name} does not run on {target}.")
        names[name] = str(version)
    wanted = {canonicalize_name(pin.name): pin for pin in target.requirements()}
    for name, pin in wanted.items():
        if name not in names or not pin.specifier.contains(names[name], prereleases=True):
            raise BuildFailed(f"{pin.name}{pin.specifier} is missing for {target}.")
    if unknown := sorted(names.keys() - wanted.keys()):
        raise BuildFailed(f"{unknown[0]} is not wanted for {target}.")


def license_of(wheel: Path) -> str:
    """The SPDX expression of a wheel's license.

    Raises:
        BuildFailed: it declares none that is known.
    """
    with zipfile.ZipFile(wheel) as archive:
        inside = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = HeaderParser().parsestr(archive.read(inside).decode("utf-8", "replace"))
    if expression := about.get("License-Expression"):
        return expression.strip()
    first = about.get("License", "").strip().partition("\n")[0].strip()
    for said in (*about.get_all("Classifier", []), first):
        if said in _LICENSES:
            return _LICENSES[said]
    raise BuildFailed(f"{wheel.name} does not say under which license it is.")


def _matching(folder: Path, pin: Requirement, target: Target) -> Path | None:
    for wheel in sorted(folder.glob("*.whl")):
        try:
            name, version, _, tags = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            continue
        same = name == canonicalize_name(pin.name)
        if same and pin.specifier.contains(version, prereleases=True) and tags & target.tags():
            return wheel
    return None


def _download(pin: Requirement, target: Target, folder: Path) -> None:
    requirement = f"{pin.name}{pin.specifier}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
    ]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version"]
    command += [".".join(map(str, target.generation.python))]
    for platform in PLATFORMS[target.platform]:
        command += ["--platform", platform]
    done = subprocess.run(
        [*command, requirement], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
        why = (lines or done.stdout.strip().splitlines() or ["pip said nothing"])[-1]
        raise BuildFailed(f"There is no wheel of {requirement} for {target}: {why}")

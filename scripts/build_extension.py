"""Build and validate the Blender extension: ``out/att3d-<version>.zip``, or one with wheels.

Blender's own packaging tool does both; it comes with bpy, so no Blender needs to be installed. What
goes into the zip is said in ``blender_manifest.toml``. For a platform the zip also carries the
wheels that the backend needs to run in Blender's own Python (``extension_wheels.py``).

    python scripts/build_extension.py                                   no wheels: any system
    python scripts/build_extension.py --platform linux-x64 --python 3.13
    python scripts/build_extension.py --all                             every platform and Python
    python scripts/build_extension.py --platform linux-x64 --without props   far smaller
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform as machine
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from extension_wheels import CACHE, GENERATIONS, PLATFORMS, BuildFailed, Target, check, gather
from extension_wheels import license_of as license_of_wheel
from manual_page import manual_page

ROOT = Path(__file__).resolve().parent.parent
MAX_MEBIBYTES = 125
"""Without wheels."""
MAX_WITH_WHEELS = 175
MAX_SMALL = 110
"""With wheels, and without a bundled model."""
MANIFEST = "blender_manifest.toml"
WHEELS = "wheels"
MANUAL = "blender_addon/ui/manual.html"
"""Made of docs/manual.md."""


def packaging_tool() -> Path:
    """Blender's ``blender_ext.py``, inside this Python's bpy. It needs nothing but the file.

    Raises:
        BuildFailed: this Python has no bpy, or one without the tool.
    """
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise BuildFailed(f"{sys.executable} has no bpy. Run this with the Python of .venv/.")
    tools = Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    for tool in tools:
        return tool
    raise BuildFailed(f"No blender_ext.py in {Path(spec.origin).parent}: bpy 4.2 or newer has it.")


def this_platform() -> str:
    """Blender's name of the system that this runs on; empty: none with wheels."""
    systems = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
    arch = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}
    name = f"{systems.get(machine.system())}-{arch.get(machine.machine().lower())}"
    return name if name in PLATFORMS else ""


def build(output: Path | None = None, without: Sequence[str] = ()) -> Path:
    """Build the zip without wheels, validate it, and return its path.

    Args:
        output: where to; by default ``out/``, by its name.
        without: names of bundled models that are left out. A person adds their files afterwards.

    Raises:
        BuildFailed: the tool refused the manifest or a file, no model is called so, or the zip is
            too large.
    """
    result = output or ROOT / "out" / f"{_name(without)}.zip"
    with tempfile.TemporaryDirectory(prefix="att3d-build-") as folder:
        _build(_staged(Path(folder), without), result)
    _limit(result, MAX_MEBIBYTES)
    return result


def build_with_wheels(
    target: Target,
    output: Path | None = None,
    cache: Path = CACHE,
    without: Sequence[str] = (),
) -> Path:
    """Build the zip of one platform and Python, validate it, and return its path.

    Raises:
        BuildFailed: as :func:`build`; or a wheel is missing, damaged or for another machine.
    """
    wheels = gather(target, cache)
    check(wheels, target)
    result = output or ROOT / "out" / f"{_name(without)}-{target.suffix}.zip"
    with tempfile.TemporaryDirectory(prefix="att3d-build-") as folder:
        staged = _staged(Path(folder), without)
        (staged / WHEELS).mkdir()
        for wheel in wheels:
            shutil.copyfile(wheel, staged / WHEELS / wheel.name)
        manifest = staged / MANIFEST
        manifest.write_text(with_wheels(manifest.read_text("utf-8"), target, wheels), "utf-8")
        _build(staged, result)
    _limit(result, MAX_SMALL if without else MAX_WITH_WHEELS)
    check_zip(result, target)
    return result


def with_wheels(manifest: str, target: Target, wheels: list[Path]) -> str:
    """The manifest of one target: its platform, its Blenders, its wheels and their licenses."""
    about = tomllib.loads(manifest)
    licenses = list(about["license"])
    for wheel in wheels:
        for word in license_of_wheel(wheel).replace("(", " ").replace(")", " ").split():
            if word not in ("AND", "OR", "WITH") and f"SPDX:{word}" not in licenses:
                licenses.append(f"SPDX:{word}")
    values = {
        "blender_version_min": target.generation.oldest,
        **({"blender_version_max": target.generation.before} if target.generation.before else {}),
        "license": licenses,
        "platforms": [target.platform],
        "wheels": [f"./{WHEELS}/{wheel.name}" for wheel in wheels],
    }
    top, bracket, tables = manifest.partition("\n[permissions]")
    kept = [line for line in top.splitlines() if line.partition(" =")[0] not in values]
    written = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([*kept, *written]) + bracket + tables


def check_zip(path: Path, target: Target) -> None:
    """Whether a finished zip carries what its target needs, and says so in its manifest.

    Raises:
        BuildFailed: names what is wrong.
    """
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        about = tomllib.loads(archive.read(MANIFEST).decode())
        inside = {name for name in archive.namelist() if name.endswith(".whl")}
        named = {wheel.removeprefix("./") for wheel in about.get("wheels", [])}
        if inside != named:
            raise BuildFailed(f"{path.name}: the manifest and the wheels differ: {inside ^ named}.")
        if about.get("platforms") != [target.platform]:
            raise BuildFailed(f"{path.name} is for {about.get('platforms')}, not {target}.")
        check([Path(archive.extract(name, folder)) for name in sorted(inside)], target)


def _name(without: Sequence[str]) -> str:
    about = tomllib.loads((ROOT / MANIFEST).read_text(encoding="utf-8"))
    return "-".join([about["id"], about["version"], *(f"without-{name}" for name in without)])


def _staged(folder: Path, without: Sequence[str]) -> Path:
    """What ships, in a folder below ``folder``, less the bundled models ``without``."""
    plain, staged = folder / "plain.zip", folder / "extension"
    _build(ROOT, plain)
    with zipfile.ZipFile(plain) as archive:
        archive.extractall(staged)
    for name in without:
        model = staged / "checkpoints" / f"{name}.safetensors"
        if not model.is_file():
            known = sorted(path.stem for path in model.parent.glob("*.safetensors"))
            raise BuildFailed(f"No bundled model is called {name!r}: {', '.join(known)}.")
        model.unlink()
        model.with_suffix(".png").unlink(missing_ok=True)
    # What was to be left out is, and the patterns would leave out the wheels.
    manifest = staged / MANIFEST
    manifest.write_text(manifest.read_text("utf-8").partition("\n[build]")[0] + "\n", "utf-8")
    return staged


def _build(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    _extension("build", "--source-dir", str(source), "--output-filepath", str(target))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        if MANUAL not in archive.namelist():
            archive.writestr(MANUAL, manual_page())
    _extension("validate", str(target))


def _limit(target: Path, mebibytes: int) -> None:
    size = target.stat().st_size / 2**20
    if size > mebibytes:
        raise BuildFailed(
            f"{target.name} is {size:.1f} MiB, more than {mebibytes}: "
            "bundle fewer or smaller checkpoints."
        )


def _extension(command: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, str(packaging_tool()), command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"blender_ext.py {command} failed:\n{done.stdout.strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Build and validate the Blender extension.")
    parser.add_argument("--output", type=Path, help="the zip to write")
    parser.add_argument("--platform", choices=PLATFORMS, help="with the wheels for this system")
    parser.add_argument("--python", choices=GENERATIONS, help="of the Blender; default: both")
    parser.add_argument(
        "--without", nargs="+", default=(), metavar="MODEL", help="bundled models to leave out"
    )
    parser.add_argument("--all", action="store_true", help="every platform and Python")
    options = parser.parse_args()
    platforms = list(PLATFORMS) if options.all else [options.platform or this_platform()]
    pythons = [options.python] if options.python else list(GENERATIONS)
    targets = [Target(name, GENERATIONS[python]) for name in platforms for python in pythons]
    if options.output is not None and len(targets) > 1 and (options.all or options.platform):
        parser.error("--output takes one zip: name a --platform and a --python")
    try:
        if not (options.all or options.platform or options.python):
            made = [build(options.output, options.without)]
        elif "" in platforms:
            raise BuildFailed(f"There are no wheels for this system: {machine.platform()}.")
        else:
            made = [
                build_with_wheels(target, options.output, without=options.without)
                for target in targets
            ]
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 2
    for path in made:
        print(f"{path}  {path.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

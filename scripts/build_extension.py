"""Build and validate the Blender extension: ``out/att3d-<version>.zip``.

Blender's own packaging tool does both; it comes with bpy, so no Blender needs to be installed. What
goes into the zip is said in ``blender_manifest.toml``.

    python scripts/build_extension.py
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_MEBIBYTES = 60


class BuildFailed(Exception):
    """Why there is no zip, with what to do about it."""


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


def build(output: Path | None = None) -> Path:
    """Build the zip, validate it, and return its path.

    Raises:
        BuildFailed: the tool refused the manifest or a file, or the zip is too large.
    """
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    target = output or ROOT / "out" / f"{manifest['id']}-{manifest['version']}.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    _extension("build", "--source-dir", str(ROOT), "--output-filepath", str(target))
    _extension("validate", str(target))
    size = target.stat().st_size / 2**20
    if size > MAX_MEBIBYTES:
        raise BuildFailed(
            f"{target.name} is {size:.1f} MiB, more than {MAX_MEBIBYTES}: "
            "bundle fewer or smaller checkpoints."
        )
    return target


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
    arguments = parser.parse_args()
    try:
        target = build(arguments.output)
    except BuildFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target}  {target.stat().st_size / 2**20:.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

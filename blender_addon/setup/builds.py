"""Which builds of torch there are, and which one a machine wants. No bpy.

A build is a name, the index that it comes from, and what it costs. Looking at the graphics card
starts a program, so :func:`look` is for a thread.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PYPI = "https://pypi.org/simple"
_TORCH = "https://download.pytorch.org/whl"
_LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Build:
    """One build of torch, and what the whole environment with it costs."""

    identifier: str
    label: str
    description: str
    index: str
    """Where torch and torchvision come from; everything else comes from PyPI."""
    disk_mb: int
    """Size when it is installed, roughly, MB."""

    @property
    def needed_mb(self) -> int:
        """Free space that setting it up takes.

        Little more than the result: packages are unpacked while they arrive, and the environment
        shares its files with uv's cache.
        """
        return self.disk_mb * 6 // 5


BUILDS = {
    build.identifier: build
    for build in (
        Build("cpu", "CPU", "No graphics card: any processor", f"{_TORCH}/cpu", 1150),
        Build(
            "cu130",
            "NVIDIA (CUDA 13.0)",
            "Turing (GTX 16, RTX 20) and newer cards, driver 580 or newer",
            f"{_TORCH}/cu130",
            5000,
        ),
        Build(
            "cu126",
            "NVIDIA (CUDA 12.6)",
            "Maxwell (GTX 900) to Ada and Hopper cards, driver 525 or newer",
            f"{_TORCH}/cu126",
            6800,
        ),
        Build(
            "rocm",
            "AMD (ROCm 7.2)",
            "AMD cards that ROCm supports, on Linux",
            f"{_TORCH}/rocm7.2",
            17000,
        ),
        Build("mps", "Apple", "Apple silicon (M1 and newer), macOS 14 or newer", PYPI, 1300),
    )
}


@dataclass(frozen=True)
class Machine:
    """What decides about the build."""

    system: str
    """As ``sys.platform``: ``linux``, ``win32``, ``darwin``."""
    processor: str
    """``x86_64``, ``arm64`` ..., lower case."""
    nvidia: str = ""
    """Name of the first NVIDIA card; empty: none, or no driver."""
    driver: int = 0
    """First number of its driver's version; 0: not known."""
    capability: float = 0.0
    """Its compute capability; 0: not known."""
    amd: bool = False
    """A card with AMD's compute driver."""


@dataclass(frozen=True)
class Suggestion:
    """The build for a machine, and why."""

    build: Build | None
    """None: torch is not published for this machine."""
    reason: str
    """A sentence of the interface, in which ``{card}`` stands for the card."""
    card: str = ""
    """As its driver names it, with the driver's number."""


def suggest(machine: Machine) -> Suggestion:
    """The build that suits a machine best."""
    if machine.system == "darwin":
        if machine.processor != "arm64":
            return Suggestion(None, "PyTorch is no longer published for Macs with Intel processors")
        return Suggestion(BUILDS["mps"], "Apple silicon")
    if machine.nvidia:
        card = f"{machine.nvidia} ({machine.driver or '?'})"
        old = machine.capability and machine.capability < 7.5
        if machine.capability and machine.capability < 5.0:
            return Suggestion(BUILDS["cpu"], "{card}: PyTorch no longer supports this card", card)
        if machine.driver >= 580 and not old:
            return Suggestion(BUILDS["cu130"], "{card}", card)
        if machine.driver >= 525 and machine.capability < 10.0:
            return Suggestion(BUILDS["cu126"], "{card}", card)
        return Suggestion(BUILDS["cpu"], "{card}: update the driver to use the card", card)
    if machine.amd and machine.system == "linux" and machine.processor == "x86_64":
        return Suggestion(BUILDS["rocm"], "an AMD card with its compute driver")
    return Suggestion(BUILDS["cpu"], "no NVIDIA card with a driver was found")


def offered(system: str) -> list[Build]:
    """The builds that exist for an operating system."""
    names = {"darwin": ["mps"], "win32": ["cpu", "cu130", "cu126"]}
    return [BUILDS[name] for name in names.get(system, ["cpu", "cu130", "cu126", "rocm"])]


def elsewhere(build: Build, system: str) -> str:
    """Another index that has a PyTorch for the same machines; empty: there is none.

    PyPI's needs nothing but a processor on Windows, and brings CUDA 13.0 along on Linux, where it
    works without a card as well but takes more space.
    """
    alike = {"linux": ("cpu", "cu130"), "win32": ("cpu",)}
    return PYPI if build.identifier in alike.get(system, ()) else ""


def look(run: Callable[[list[str]], str] | None = None, kfd: Path = Path("/dev/kfd")) -> Machine:
    """Look at this machine. Takes up to some seconds: not for Blender's main thread.

    Args:
        run: runs a command and returns what it prints; raises OSError when it cannot.
        kfd: the device of AMD's compute driver.
    """
    name, driver, capability = _nvidia(run or _run)
    return Machine(
        system=sys.platform,
        processor=platform.machine().lower().replace("amd64", "x86_64"),
        nvidia=name,
        driver=driver,
        capability=capability,
        amd=kfd.exists(),
    )


def _nvidia(run: Callable[[list[str]], str]) -> tuple[str, int, float]:
    query = ["--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    try:
        line = next(iter(run([nvidia_smi(), *query]).splitlines()), "")
    except OSError:
        return "", 0, 0.0
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 3 or not parts[0]:
        return "", 0, 0.0
    return parts[0], int(_number(parts[1].partition(".")[0])), _number(parts[2])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def nvidia_smi() -> str:
    """The program that NVIDIA's driver comes with; on Windows it may not be on the path."""
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvidia-smi.exe"
        return str(system) if system.is_file() else "nvidia-smi.exe"
    return shutil.which("nvidia-smi") or "nvidia-smi"


def _run(command: list[str]) -> str:
    flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_LOOK_SECONDS,
            check=True,
            creationflags=flags,
        )
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error
    return done.stdout

"""``att3d doctor``: what is wrong with this machine, and how to mend it."""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..paths import bundled_checkpoints, cache_dir, default_checkpoint
from ..protocol.errors import Att3dError, MissingDependency

Status = Literal["ok", "missing", "optional"]

NEEDED = {
    "numpy": ("numpy", "the model, meshes and pictures"),
    "scipy": ("scipy", "mesh clean-up and textures"),
    "safetensors": ("safetensors", "checkpoints"),
    **(
        {"mcubes": ("PyMCubes", "finding the surface")}
        if sys.version_info < (3, 13)
        else {"skimage": ("scikit-image", "finding the surface")}
    ),
    "fast_simplification": ("fast-simplification", "reducing faces"),
    "PIL": ("pillow", "textures and pictures"),
    "tyro": ("tyro", "this command line"),
}
"""Module: distribution and purpose."""
OPTIONAL = {
    "torch": ("torch", "GPUs and training"),
    "open_clip": ("open_clip_torch", "checkpoints that read prompts with CLIP, and training"),
    "jaxtyping": ("jaxtyping", "training"),
    "imageio": ("imageio", "turntables as .mp4"),
    "imageio_ffmpeg": ("imageio-ffmpeg", "turntables as .mp4"),
    "diffusers": ("diffusers", "training by score distillation"),
    "accelerate": ("accelerate", "training"),
    "bpy": ("bpy", "writing .blend files from the command line"),
}
MEMORY_BYTES = 2 << 30
DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    status: Status
    """``missing``: needed and not there; ``optional``: not there, and most things work without."""
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything; never raises."""
    found = [_python()]
    found += [_package(module, *about, needed=True) for module, about in NEEDED.items()]
    found += [_package(module, *about, needed=False) for module, about in OPTIONAL.items()]
    found += list(_guarded("device", _device))
    found += list(_guarded("accelerator", _accelerator))
    found += list(_guarded("memory", _memory))
    found += list(_guarded("disk", _disk))
    found += list(_guarded("checkpoints", _checkpoints))
    return found


def as_text(findings: list[Finding]) -> str:
    """One line each, with the remedy below what is not well."""
    mark = {"ok": "ok      ", "missing": "MISSING ", "optional": "optional"}
    lines = []
    for finding in findings:
        lines.append(f"{mark[finding.status]}  {finding.what:<22} {finding.detail}")
        if finding.remedy:
            lines.append(f"          {'':<22} try: {finding.remedy}")
    missing = sum(finding.status == "missing" for finding in findings)
    lines.append("everything needed is here" if not missing else f"{missing} needed things missing")
    return "\n".join(lines)


def _guarded(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Att3dError as error:
        yield Finding(what, "missing", error.message, error.remedy)
    except Exception as error:
        detail = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Finding(what, "missing", detail, "install ATT3D again (pip install -e '.[backend]')")


def _python() -> Finding:
    detail = f"{platform.python_version()} at {sys.executable}, {platform.platform()}"
    return Finding("Python", "ok", detail)


def _package(module: str, distribution: str, purpose: str, *, needed: bool) -> Finding:
    """Really import it where that is quick to find out: a broken install has a version, too."""
    try:
        if module == "bpy":  # importing it starts Blender
            if importlib.util.find_spec(module) is None:
                raise ModuleNotFoundError(module)
        elif module == "open_clip":  # beside a torchvision of another build
            from ..text.open_clip_import import import_open_clip

            import_open_clip()
        else:
            importlib.import_module(module)
        return Finding(distribution, "ok", f"{_version(distribution)}, for {purpose}")
    except Exception as error:
        absent = isinstance(error, ModuleNotFoundError | MissingDependency)
        reason = "not installed" if absent else "cannot be loaded"
        return Finding(
            distribution,
            "missing" if needed else "optional",
            f"{reason}; for {purpose}",
            f"{sys.executable} -m pip install {distribution}",
        )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "version unknown"


def _device() -> Iterator[Finding]:
    from ..loading import has_torch

    if not has_torch():
        yield Finding("device", "ok", f"CPU, {os.cpu_count()} cores; no GPU needed")
        return
    import torch

    from ..accelerator import choose_device

    device = choose_device("auto")
    if device.type == "cuda":
        detail = f"{torch.cuda.get_device_name(device)} (CUDA {torch.version.cuda})"
    else:
        detail = f"CPU, {os.cpu_count()} cores, {torch.get_num_threads()} threads; no GPU needed"
    yield Finding("device", "ok", detail)


def _accelerator() -> Iterator[Finding]:
    """tinycudann, where a GPU could use it."""
    from ..loading import has_torch

    if not has_torch():
        return
    import torch

    from ..accelerator import choose_device, use_accelerator
    from ..model.att3d import ATT3D
    from ..model.config import ModelConfig

    device = choose_device("auto")
    purpose = "grid and MLP in CUDA kernels (--accelerator tinycudann)"
    if device.type != "cuda":
        yield Finding("tinycudann", "ok", f"not used without a CUDA GPU; for {purpose}")
        return
    model = ATT3D(ModelConfig(tokens=1, width=1, latent=1)).to(device)
    try:
        with torch.no_grad():
            use_accelerator(model, "tinycudann", device)
    except Att3dError as error:
        yield Finding("tinycudann", "optional", f"{error.message}; for {purpose}", error.remedy)
    else:
        yield Finding("tinycudann", "ok", f"equals torch on this GPU; for {purpose}")


def _memory() -> Iterator[Finding]:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        yield Finding("memory", "ok", "this system does not say")
        return
    detail = f"{pages / 2**30:.1f} GiB"
    if pages >= MEMORY_BYTES:
        yield Finding("memory", "ok", detail)
    else:
        yield Finding("memory", "optional", detail, "close other programs; use small resolutions")


def _disk() -> Iterator[Finding]:
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        full = error.errno == errno.ENOSPC
        yield Finding(
            "cache",
            "optional",
            f"nothing can be kept in {folder}: {error.strerror or error}",
            f"{'free some space, or ' if full else ''}set ATT3D_CACHE to a folder that you may"
            " write to",
        )
        return
    detail = f"{free / 2**30:.1f} GiB free for the cache in {folder}"
    if free < DISK_BYTES:
        yield Finding("cache", "optional", detail, "free some space, or set ATT3D_CACHE")
    else:
        yield Finding("cache", "ok", detail)


def _checkpoints() -> Iterator[Finding]:
    from ..loading import load_model

    default = default_checkpoint()
    for path in bundled_checkpoints():
        try:
            checkpoint = load_model(path, "cpu")
        except Att3dError as error:
            status: Status = "missing" if path == default else "optional"
            yield Finding(path.name, status, error.message, error.remedy)
        else:
            size = path.stat().st_size / 2**20
            yield Finding(
                path.name,
                "ok",
                f"loads; {len(checkpoint.metadata.prompts)} prompts, {size:.1f} MiB, "
                f"sha256 {checkpoint.sha256[:12]}",
            )

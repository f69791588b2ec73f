"""What computes, and why, as the backend's process says it: also where PyTorch is broken."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from backend import loading
from backend.protocol import jsonrpc as rpc
from tests.model.test_variants import VARIANTS, loud, round_trip

from .pipes import ROOT, Pipes

BACKEND = [sys.executable, "-m", "backend", "serve"]
SMALL = {"faces": 500, "texture_size": 64, "resolution": 48}
LACKS = "libcudart.so.99: cannot open shared object file"


def spoiled(folder: Path, package: str, version: str) -> dict[str, str]:
    """An environment in which a package is installed and cannot be imported."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text(f"raise ImportError({LACKS!r})\n")
    about = folder / f"{package}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def ready(pipes: Pipes) -> dict[str, Any]:
    """The last status that said that a checkpoint is loaded."""
    said = [m.params for m in pipes.kept if isinstance(m, rpc.Notification)]
    loaded = [dict(params) for params in said if params.get("library")]
    assert loaded, said
    return loaded[-1]


def test_a_broken_torch_is_named_and_numpy_works(
    tmp_path: Path, tiny_checkpoint_path: Path
) -> None:
    with Pipes(BACKEND, extra=spoiled(tmp_path, "torch", "2.9.0")) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        assert pipes.result(1)["faces"] > 0
        status = ready(pipes)
    assert (status["library"], status["device"], status["reason"]) == ("numpy", "cpu", "broken")
    assert LACKS in status["broken"]


def test_a_checkpoint_that_needs_a_torch_that_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "attention.safetensors"
    round_trip(loud(VARIANTS["attention"]), path)
    with Pipes(BACKEND, extra=spoiled(tmp_path / "site", "torch", "2.9.0")) as pipes:
        pipes.shake(checkpoint=str(path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        error = pipes.error(1)
    assert error.code == "missing_dependency"
    assert LACKS in error.message and "set up the accelerator again" in error.remedy


def test_a_wheel_that_does_not_fit_the_platform(tmp_path: Path, tiny_checkpoint_path: Path) -> None:
    """It was unpacked by hand, say: Blender itself would have refused it."""
    with Pipes(BACKEND, extra=spoiled(tmp_path, "scipy", "1.0")) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        error = pipes.error(1)
    assert error.code == "missing_dependency"
    assert LACKS in error.message and "this system's zip" in error.remedy


@pytest.mark.parametrize(
    ("torch", "gpu", "reason"),
    [
        (False, False, "no_torch"),
        (True, False, "processor_build"),
        (True, True, "no_gpu"),
    ],
)
def test_numpy_is_chosen_for_a_reason(
    torch: bool,
    gpu: bool,
    reason: str,
    tiny_checkpoint_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backend import accelerator

    monkeypatch.setattr(loading, "has_torch", lambda: torch)
    monkeypatch.setattr(loading, "may_have_gpu", lambda: gpu)
    monkeypatch.setattr(accelerator.torch.cuda, "is_available", lambda: False)
    choice = loading.choose(tiny_checkpoint_path)
    assert choice == loading.Choice("numpy", "cpu", reason)  # type: ignore[arg-type]


def test_torch_is_chosen_for_a_gpu_and_for_a_checkpoint_that_needs_it(
    tmp_path: Path, tiny_checkpoint_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend import accelerator

    path = tmp_path / "attention.safetensors"
    round_trip(loud(VARIANTS["attention"]), path)
    monkeypatch.setattr(accelerator.torch.cuda, "is_available", lambda: False)
    assert loading.choose(path) == loading.Choice("torch", "cpu", "checkpoint")
    monkeypatch.setattr(loading, "may_have_gpu", lambda: True)
    monkeypatch.setattr(accelerator.torch.cuda, "is_available", lambda: True)
    assert loading.choose(tiny_checkpoint_path) == loading.Choice("torch", "cuda", "gpu")


def test_the_accelerator_that_serve_names_computes(tiny_checkpoint_path: Path) -> None:
    with Pipes([*BACKEND, "--accelerator", "torch", "--device", "cpu"]) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        assert pipes.result(1)["faces"] > 0
        status = ready(pipes)
    assert (status["library"], status["device"], status["reason"]) == ("torch", "cpu", "asked")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quantum", "there is no accelerator 'quantum'"),
        ("tinycudann", "tinycudann needs a CUDA GPU"),
    ],
)
def test_an_accelerator_that_cannot_compute_is_refused(
    name: str, said: str, tiny_checkpoint_path: Path
) -> None:
    with Pipes([*BACKEND, "--accelerator", name, "--device", "cpu"]) as pipes:
        pipes.shake(checkpoint=str(tiny_checkpoint_path))
        pipes.request(1, "generate", prompt="a pig", **SMALL)
        error = pipes.error(1)
    assert error.code == "bad_request" and said in error.message

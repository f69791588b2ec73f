"""Mixed precision where the device has instructions for it."""

import pytest
import torch

from training.runs.precision import used_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("said", ["fp32", "bf16"])
def test_what_is_asked_for_is_used_everywhere(said, monkeypatch):
    for known in ({}, {"avx512_bf16": True}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda known=known: known)
        assert used_precision(said, CPU) == used_precision(said, torch.device("mps")) == said


@pytest.mark.parametrize(
    ("known", "used"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
        ({"neon": True, "bf16": False}, "fp32"),
        ({"neon": True, "bf16": True}, "bf16"),
        ({}, "fp32"),
    ],
)
def test_a_processor_is_asked_first(known, used, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert used_precision("auto", CPU) == used
    assert used_precision("auto", torch.device("mps")) == "fp32"


def test_a_torch_without_that_list_uses_single_precision(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert used_precision("auto", CPU) == "fp32"


def test_a_gpu_is_asked_whether_it_emulates(monkeypatch):
    asked = []

    def supported(including_emulation):
        asked.append(including_emulation)
        return False

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert used_precision("auto", torch.device("cuda")) == "fp32"
    assert asked == [False]

"""Mixed precision: where a device multiplies bfloat16 faster than single precision.

A processor without instructions for it computes the same numbers, many times slower than in single
precision; so ``auto`` asks first.
"""

from __future__ import annotations

from typing import Literal

import torch

Used = Literal["fp32", "bf16"]
Precision = Literal["auto"] | Used
"""``bf16``: autocast. ``auto``: so where the device has instructions for it, otherwise ``fp32``."""

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Their names in torch's list: Intel and AMD, Intel, ARM."""


def used_precision(precision: Precision, device: torch.device) -> Used:
    """What a run with this setting multiplies in on the device."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # Older versions of torch have no such list.
    known = getattr(torch.cpu, "get_capabilities", dict)()
    fast = device.type == "cpu" and any(known.get(name) is True for name in _INSTRUCTIONS)
    return "bf16" if fast else "fp32"

"""Several processes or machines: one Accelerator a run, from Hugging Face Accelerate.

``accelerate launch -m training train ...`` (or ``torchrun``) starts the processes; gradients are
averaged by DistributedDataParallel. Without a launcher everything runs in this process.
"""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedDataParallelKwargs

from backend.protocol.errors import TrainingError

from .config import TrainConfig


def build_accelerator(config: TrainConfig, device: torch.device) -> Accelerator:
    """The run's accelerator on ``device``.

    Raises:
        TrainingError: ``accumulate`` is not positive.
    """
    if config.accumulate < 1:
        raise TrainingError(
            f"gradients cannot be accumulated over {config.accumulate} parts",
            "set --accumulate to 1 or more",
        )
    if AcceleratorState._shared_state and PartialState().num_processes == 1:
        # Another run of the same process may use another precision or device.
        AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        # Not every step reads every parameter: the environment map only where it is drawn.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )

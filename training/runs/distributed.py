"""Several processes or machines: one Accelerator a run, from Hugging Face Accelerate.

``torchrun --nproc-per-node N -m -- training train ...`` (or ``accelerate launch``) starts the
processes; gradients are averaged by DistributedDataParallel. Without a launcher everything runs in
this process.

A process must leave its group before it exits (``leave``): the group's threads release tensors, and
one that does so while the interpreter shuts down aborts a run that has ended well.
"""

from __future__ import annotations

import torch

# Its functions take the group of the moment it is imported as a default argument. torch imports it
# with the first optimizer; after the group was made, it would keep the group alive to the end.
import torch.distributed.nn
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedDataParallelKwargs

from backend.protocol.errors import TrainingError


def build_accelerator(accumulate: int, bfloat16: bool, device: torch.device) -> Accelerator:
    """The run's accelerator on ``device``.

    Args:
        accumulate: parts of a batch that are computed one after the other.

    Raises:
        TrainingError: ``accumulate`` is not positive.
    """
    if accumulate < 1:
        raise TrainingError(
            f"gradients cannot be accumulated over {accumulate} parts",
            "set --accumulate to 1 or more",
        )
    if AcceleratorState._shared_state and PartialState().num_processes == 1:
        # Another run of the same process may use another precision or device.
        AcceleratorState._reset_state(reset_partial_state=True)
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="bf16" if bfloat16 else "no",
        # Not every step reads every parameter: the environment map only where it is drawn.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def leave(accelerator: Accelerator) -> None:
    """Wait for the other processes, then end the group and its threads, where there are any.

    What ``accelerator`` prepared must not be in use any more.
    """
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    accelerator.end_training()

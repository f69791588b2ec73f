"""A run on the colored balls, as ``torchrun`` starts it: FOLDER STEPS ACCUMULATE."""

import sys
from pathlib import Path

from tests.training.amortized.spheres import sphere_trainer

CONTINUOUS = 1e-2
"""An eps that makes Adam's step a continuous function of the gradient. With beta1 = 0 and a tiny
eps a step is the sign of the gradient nearly everywhere: where a gradient is nothing but rounding,
two processors step in opposite directions, and no tolerance tells that from a mistake."""


def group_threads() -> list[str]:
    """Threads of process groups that run in this process, by name (Linux)."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


if __name__ == "__main__":
    folder, steps, accumulate = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    trainer = sphere_trainer(
        folder, steps=steps, batch=4, accumulate=accumulate, save_every=1, eps=CONTINUOUS
    )
    trainer.run(lambda _trainer, _progress, _losses: None)
    rank = trainer.accelerator.process_index
    trainer.close()
    (folder / f"threads-{rank}").write_text("\n".join(group_threads()))

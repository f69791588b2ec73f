"""A run on the coloured balls, as ``torchrun`` starts it: FOLDER STEPS ACCUMULATE."""

import sys
from pathlib import Path

from tests.training.amortized.spheres import sphere_trainer


def group_threads() -> list[str]:
    """Threads of process groups that run in this process, by name (Linux)."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


if __name__ == "__main__":
    folder, steps, accumulate = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    trainer = sphere_trainer(folder, steps=steps, batch=4, accumulate=accumulate, save_every=1)
    trainer.run(lambda _trainer, _progress, _losses: None)
    rank = trainer.accelerator.process_index
    trainer.close()
    (folder / f"threads-{rank}").write_text("\n".join(group_threads()))

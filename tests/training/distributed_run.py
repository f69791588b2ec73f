"""A run on the coloured balls, as ``torchrun`` starts it: FOLDER STEPS ACCUMULATE."""

import sys
from pathlib import Path

from tests.training.spheres import sphere_trainer

if __name__ == "__main__":
    folder, steps, accumulate = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    trainer = sphere_trainer(folder, steps=steps, batch=4, accumulate=accumulate, save_every=1)
    trainer.run(lambda _trainer, _progress, _losses: None)
    trainer.accelerator.end_training()

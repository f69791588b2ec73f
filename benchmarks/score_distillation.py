"""Score distillation shown to work on this machine: contact sheets and numbers.

    python benchmarks/score_distillation.py PART [--scale gpu] [--model FOLDER]

diffusion   our diffusion model, if it is not there
amortized   one model over all seen prompts, from scratch
sweep       guidance weight, t range, learning rate, in short runs
per-prompt  one model a prompt, at the amortized run's frames a prompt and at 4 times as many
references  references only, and references followed by distillation

Every part adds its figures to ``docs/score-distillation/results.json`` and its contact sheet
beside it. ``--scale gpu``: the same at 64 x 64 on a CUDA device. ``--model tests/data/pixel32``
distils the shipped diffusion model instead of the one that the part ``diffusion`` makes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from backend.model.checkpoint import load_checkpoint
from training.amortized.config import TrainConfig
from training.amortized.evaluation import Figures, evaluate, evenly
from training.amortized.r_metrics import Queries
from training.amortized.run import train
from training.assets.toybox import ToyboxCollection
from training.clip.scoring import load_scorer
from training.figures.checkpoint_sheet import checkpoint_sheet
from training.guidance.mixed import GuidanceConfig
from training.presets import preset
from training.prompts import PromptSet, prompt_set

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "score-distillation"
SWEEP_STEPS = 200
SINGLE_PROMPTS = 4
"""Prompts that get a model of their own."""


def record(scale: str, part: str, figures: object) -> None:
    """Add figures to the results, keeping the others."""
    path = DOCS / "results.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results.setdefault(scale, {})[part] = figures
    DOCS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps({part: figures}, indent=1))


def measure(checkpoint: Path, prompts: PromptSet, count: int = 0) -> dict[str, Any]:
    """The figures of one checkpoint that a table shows, rounded."""
    loaded = load_checkpoint(checkpoint)
    queries = Queries(load_scorer(), prompts.prompts)
    result = evaluate(
        loaded, prompts, ToyboxCollection(), queries, count=count, compiled=count == 0
    )
    kept = {
        name: {group: round(value, 3) for group, value in result[name].items()}
        for name in Figures.NAMES
    }
    recipe = loaded.metadata.recipe
    return kept | {key: recipe[key] for key in ("steps", "seconds", "frames_per_prompt")}


def amortized(base: TrainConfig, scale: str) -> None:
    prompts = prompt_set(base.prompts)
    # A point of the curve every tenth of the run, over a dozen seen and a dozen unseen prompts.
    checkpoint = train(dataclasses.replace(base, sheet_every=base.steps // 10, scored=12))
    record(scale, "amortized", measure(checkpoint, prompts))
    chosen = evenly(prompts.seen, 4) + evenly(prompts.unseen, 6)
    checkpoint_sheet(
        DOCS / f"{scale}-amortized.png",
        load_checkpoint(checkpoint),
        prompts,
        chosen,
        ToyboxCollection(),
        tile=112,
    )


def sweep(base: TrainConfig, scale: str) -> None:
    """One thing changed at a time, in a short run; the same seed and prompts."""
    diffusion, optimizer = base.diffusion, base.optimizer
    changes: dict[str, dict[str, Any]] = {
        "as chosen": {},
        **{
            f"guidance weight {weight:g}": {
                "diffusion": dataclasses.replace(diffusion, weight=weight)
            }
            for weight in (2.0, 15.0, 50.0)
        },
        "t not annealed": {
            "diffusion": dataclasses.replace(
                diffusion, t=dataclasses.replace(diffusion.t, high=(diffusion.t.high[0],) * 2)
            )
        },
        "t from .02 to .5": {
            "diffusion": dataclasses.replace(
                diffusion, t=dataclasses.replace(diffusion.t, high=(0.5, 0.5))
            )
        },
        "the paper's Adam (lr .1, beta1 0)": {
            "optimizer": dataclasses.replace(optimizer, lr=0.1, beta1=0.0)
        },
        "the paper's gradient (noise space)": {
            "diffusion": dataclasses.replace(
                diffusion, space="noise", weighting="dreamfusion", clamp=False
            )
        },
    }
    prompts = prompt_set(base.prompts)
    rows: dict[str, Any] = {}
    for name, change in changes.items():
        folder = (
            base.folder.parent / "sweep" / name.replace(" ", "-").replace("(", "").replace(")", "")
        )
        config = dataclasses.replace(
            base, run=folder, steps=SWEEP_STEPS, sheet_every=SWEEP_STEPS, **change
        )
        rows[name] = measure(train(config), prompts, count=10)
        record(scale, "sweep", rows)


def per_prompt(base: TrainConfig, scale: str) -> None:
    """A24: the same code with one prompt, at the amortized run's frames a prompt and at 4 times.

    Unseen prompts have no model of their own: there the baseline is its initialisation (A35).
    """
    prompts = prompt_set(base.prompts)
    frames = base.steps * base.batch / len(prompts.seen)
    chosen = evenly(prompts.seen, SINGLE_PROMPTS)
    rows: dict[str, Any] = {}
    for factor in (0, 1, 4):
        found: list[dict[str, Any]] = []
        for index in chosen:
            alone = PromptSet(prompts.name, prompts.prompts, (index,), ())
            steps = max(1, round(factor * frames / base.batch))
            config = dataclasses.replace(
                base,
                run=base.folder.parent / "per-prompt" / f"{index}-{factor}",
                steps=steps,
                sheet_every=max(1, steps // 8),
                model=dataclasses.replace(base.model, components=0),
                optimizer=dataclasses.replace(
                    base.optimizer,
                    # Without a step's worth of rate the model stays as it was initialised.
                    lr=base.optimizer.lr if factor else 0.0,
                    mlp_lr=base.optimizer.mlp_lr if factor else 0.0,
                ),
            )
            found.append(measure(train(config, alone), alone))
        rows[f"{factor} x frames"] = {
            "frames_per_prompt": 0 if not factor else found[0]["frames_per_prompt"],
            "seconds_per_prompt": sum(f["seconds"] for f in found) / len(found),
        } | {
            figure: round(sum(f[figure]["seen"] for f in found) / len(found), 3)
            for figure in Figures.NAMES
        }
        record(scale, "per_prompt", rows)


def references(base: TrainConfig, scale: str) -> None:
    """References for a sixth of the run and the same with distillation after it: what it adds."""
    prompts = prompt_set(base.prompts)
    rows: dict[str, Any] = {}
    for name, steps, guidance in (
        ("references only", base.steps // 6, GuidanceConfig()),
        (
            "references, then distillation",
            base.steps // 3,
            GuidanceConfig(references=(1.0, 0.0), diffusion=(0.0, 1.0), during=(0.5, 0.5)),
        ),
    ):
        config = dataclasses.replace(
            base,
            run=base.folder.parent / name.replace(" ", "-").replace(",", ""),
            steps=steps,
            guidance=guidance,
            sheet_every=10**9,
        )
        checkpoint = train(config)
        rows[name] = measure(checkpoint, prompts)
        record(scale, "references", rows)
        chosen = evenly(prompts.seen, 3) + evenly(prompts.unseen, 3)
        checkpoint_sheet(
            DOCS / f"{scale}-{name.replace(' ', '-').replace(',', '')}.png",
            load_checkpoint(checkpoint),
            prompts,
            chosen,
            ToyboxCollection(),
            tile=112,
        )


def diffusion(base: TrainConfig, scale: str) -> None:
    from training.diffusion import diffusion_preset, train_diffusion

    config = diffusion_preset({"cpu": "cpu32", "gpu": "gpu64"}[scale])
    started = time.monotonic()
    folder = train_diffusion(config)
    record(scale, "diffusion", {"folder": str(folder), "seconds": time.monotonic() - started})


PARTS = {
    "diffusion": diffusion,
    "amortized": amortized,
    "sweep": sweep,
    "per-prompt": per_prompt,
    "references": references,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--scale", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--model", help="folder of the diffusion model")
    options = parser.parse_args()
    base = preset({"cpu": "toybox-sds", "gpu": "toybox-sds-gpu"}[options.scale])
    if options.model:
        base = dataclasses.replace(base, diffusion_model=options.model)
    PARTS[options.part](base, options.scale)


if __name__ == "__main__":
    main()

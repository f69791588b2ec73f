"""The figures that ``python -m training figure`` makes, and the runs of each.

Runs that figures share have the same label, and so the same folder: they are trained once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from backend.model.config import Condition
from backend.protocol.errors import BadRequest

from ..amortized.evaluation import evenly
from ..presets import FINETUNE, preset
from ..prompts import PromptSet, prompt_set
from ..prompts.mix import Interpolation, InterpolationConfig
from ..prompts.sets import compose96
from .figure import Figure, Run, Scale
from .plots import (
    between_rows,
    condition_rows,
    interpolation_rows,
    prompt_rows,
    quality_curves,
    trajectory,
)

CPU_SINGLE = 4
"""Prompts that get a model of their own on two cores; the paper's counts are 27, 50 and 300."""
PAIR = PromptSet("pair", ("a pig wearing a tophat", "a robot wearing a tophat"), (0, 1), ())
"""Two prompts that our diffusion model knows."""
FOUR = PromptSet(
    "four",
    (
        "a pig wearing a tophat",
        "a rabbit wearing a cape",
        "a robot wearing a sombrero",
        "a raccoon wearing a suit",
    ),
    (0, 1, 2, 3),
    (),
)
KINDS: tuple[Interpolation, ...] = ("none", "latent", "loss", "bernoulli", "guidance")
GUIDANCE_WEIGHTS = (1.0, 5.0, 15.0, 40.0)
Draw = Callable[[PromptSet], Sequence[int]]


def _amortized(name: str, prompts: PromptSet | None = None, label: str = "") -> Run:
    """The preset ``name`` for its whole set, or for ``prompts``; watched ten times."""
    base = preset(name)
    config = dataclasses.replace(
        base, sheet_every=max(1, base.steps // 10), sheet_first=True, scored=12
    )
    label = label or f"amortized {base.prompts}"
    return Run(label, config, prompts, group="amortized" if prompts is None else label)


def _alone(name: str, prompts: PromptSet, index: int, group: str = "one prompt") -> Run:
    """A model of one prompt of a set (A24), scored against the whole set."""
    if name == "toybox-sds":
        base = preset(name)
        # A prompt alone gets four times the frames that the amortized run gives it.
        steps = round(4 * base.steps / len(prompts.seen))
        base = dataclasses.replace(
            base, steps=steps, model=dataclasses.replace(base.model, components=0)
        )
    else:
        base = dataclasses.replace(preset("paper-per-prompt"), prompt="")
    config = dataclasses.replace(
        base, prompts=prompts.name, sheet_every=max(1, base.steps // 10), sheet_first=True
    )
    one = PromptSet(prompts.name, prompts.prompts, (index,), ())
    return Run(f"one prompt {prompts.name} {index}", config, one, group)


def _quality(name: str, single: int) -> list[Run]:
    """Amortized, and ``single`` of its prompts alone."""
    prompts = prompt_set(preset(name).prompts)
    chosen = evenly(prompts.seen, single)
    return [_amortized(name), *(_alone(name, prompts, index) for index in chosen)]


def _alone_of(name: str, count: int) -> Callable[[], list[Run]]:
    """``count`` prompts of a set, each alone: the paper's baselines."""

    def runs() -> list[Run]:
        prompts = prompt_set(name)
        return [_alone("paper-per-prompt", prompts, i) for i in evenly(prompts.seen, count)]

    return runs


def _shares(name: str) -> list[Run]:
    """The same set with an eighth, half and all of its prompts seen."""
    if name == "paper-animal":
        return [
            dataclasses.replace(
                _amortized(name, prompt_set(f"animal{count}"), f"amortized animal{count}"),
                group=f"{100 * count // 2400}% seen",
            )
            for count in (300, 1200, 2400)
        ]
    return [
        _amortized(name, compose96(seen), f"{100 * seen / 96:g}% of compose96 seen")
        for seen in (12, 48, 96)
    ]


def _tuned(name: str, scale: Scale, indices: Callable[[PromptSet], Sequence[int]]) -> list[Run]:
    """Prompts of the amortized run's set, fine-tuned from it and alone from scratch (A25)."""
    prompts = prompt_set(preset(name).prompts)
    runs = [_amortized(name)]
    for index in indices(prompts):
        one = PromptSet(prompts.name, prompts.prompts, (index,), ())
        alone = _alone(name, prompts, index, "from scratch")
        if scale == "paper":
            tuned = dataclasses.replace(preset("paper-finetune"), prompt="", prompts=prompts.name)
        else:
            tuned = dataclasses.replace(
                alone.config, optimizer=FINETUNE.optimizer, tuned="offset", steps=100
            )
        tuned = dataclasses.replace(
            tuned, sheet_every=max(1, tuned.steps // 10), sheet_first=True, watched=1
        )
        label = f"fine-tuned {prompts.name} {index}"
        runs += [Run(label, tuned, one, "fine-tuned", start=runs[0].label), alone]
    return runs


def _chain(label: str, scale: Scale, interpolation: InterpolationConfig, prompts: str = "") -> Run:
    if scale == "paper":
        base = preset("paper-interpolation-none")
        return Run(
            label,
            dataclasses.replace(base, interpolation=interpolation, prompts=prompts or base.prompts),
        )
    base, steps = preset("toybox-sds"), 600 if prompts else 200
    config = dataclasses.replace(
        base,
        # With v = 2, or without whitening, two prompts stay one ball for so short a run.
        model=dataclasses.replace(base.model, latent=4, components=4),
        interpolation=dataclasses.replace(interpolation, kappa_until=(100,)),
        # Half of the preset's batch gives each of two prompts 400 frames; four need more of them.
        batch=4,
        steps=steps,
        sheet_every=steps,
        watched=2,
        compiled=False,
    )
    return Run(label, config, PAIR if not prompts else FOUR)


def _types(scale: Scale) -> list[Run]:
    return [
        _chain(f"interpolation {kind}", scale, InterpolationConfig(kind=kind, pairs="neighbours"))
        for kind in KINDS
    ]


def _kappas(scale: Scale) -> list[Run]:
    return [
        _chain(
            f"kappa {kappa:g}",
            scale,
            InterpolationConfig(kind="latent", pairs="neighbours", kappa=(kappa, kappa)),
        )
        for kappa in (0.1, 0.5, 1.0, 2.0)
    ]


def _chains(*families: str) -> Callable[[Scale], list[Run]]:
    """A model a chain (A30); the rocks are trained on their prompts alone (4.4)."""

    def runs(scale: Scale) -> list[Run]:
        if scale == "cpu":  # our diffusion model knows toys that stand
            kinds: tuple[Interpolation, ...] = ("latent", "none")
            return [
                _chain(
                    f"four toys {kind}",
                    scale,
                    InterpolationConfig(kind=kind, pairs="neighbours"),
                    "four",
                )
                for kind in kinds
            ]
        return [
            _chain(
                f"chain {family}",
                scale,
                InterpolationConfig(
                    kind="none" if family == "rocks" else "latent", pairs="neighbours"
                ),
                family,
            )
            for family in families
        ]

    return runs


def _conditions() -> list[Run]:
    base = preset("toybox-sds")
    config = dataclasses.replace(
        base,
        model=dataclasses.replace(
            base.model,
            latent=8,
            components=4,
            conditions=(Condition("guidance_weight", 1.0, 40.0, 5.0, True),),
        ),
        steps=1_200,
        sheet_every=400,
        watched=4,
        scoring="none",
    )
    return [Run("guidance weight", config, FOUR)]


def _themes(prompts: PromptSet) -> list[int]:
    """One activity (or toy) across all themes."""
    said = "holding a blue balloon" if prompts.name.startswith("pig") else "a pig"
    return evenly([i for i, prompt in enumerate(prompts.prompts) if said in prompt], 8)


def _unseen(count: int) -> Draw:
    return lambda prompts: evenly(prompts.unseen, count)


def _mixed(count: int) -> Draw:
    """As many seen as unseen; only seen ones where all are."""
    return lambda prompts: evenly(prompts.seen, count) + evenly(prompts.unseen, count)


def _both(runs: Callable[[Scale], list[Run]]) -> dict[Scale, Callable[[], list[Run]]]:
    return {"cpu": lambda: runs("cpu"), "paper": lambda: runs("paper")}


def _amortized_for(paper: str) -> dict[Scale, Callable[[], list[Run]]]:
    return {"cpu": lambda: [_amortized("toybox-sds")], "paper": lambda: [_amortized(paper)]}


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(
            "grid-pig",
            "2",
            "seen and unseen compositions, amortized and one model a prompt",
            {
                "cpu": lambda: _quality("toybox-sds", CPU_SINGLE),
                "paper": lambda: _quality("paper-pig", 56),
            },
            prompt_rows(_mixed(8)),
        ),
        Figure(
            "chains",
            "3",
            "chains of prompts, with interpolants and (rocks) without",
            _both(_chains("tree-seasons", "vehicles", "rocks")),
            interpolation_rows,
        ),
        Figure(
            "quality-pig",
            "6",
            "R-metrics against frames a prompt: amortized, and one model a prompt",
            {
                "cpu": lambda: _quality("toybox-sds", CPU_SINGLE),
                "paper": lambda: _quality("paper-pig", 56),
            },
            quality_curves,
        ),
        Figure(
            "themes",
            "7",
            "one activity (one animal on two cores) across themes",
            _amortized_for("paper-pig"),
            prompt_rows(_themes),
        ),
        Figure(
            "quality-animal",
            "8",
            "R-metrics against frames a prompt, trained on half of the animal prompts",
            # On two cores it would be the same runs as quality-pig's.
            {"paper": lambda: _quality("paper-animal", 300)},
            quality_curves,
        ),
        Figure(
            "trajectory",
            "10",
            "what prompts look like as training goes, from step 0",
            _amortized_for("paper-pig"),
            trajectory,
        ),
        Figure(
            "quality-shares",
            "12",
            "R-metrics against frames a prompt, with 12.5%, 50% and all of the prompts seen",
            {"cpu": lambda: _shares("toybox-sds"), "paper": lambda: _shares("paper-animal")},
            quality_curves,
        ),
        Figure(
            "unseen",
            "13",
            "unseen prompts: amortized, fine-tuned, and one model a prompt",
            {
                "cpu": lambda: _tuned("toybox-sds", "cpu", _unseen(4)),
                "paper": lambda: _tuned("paper-pig", "paper", _unseen(8)),
            },
            prompt_rows(lambda prompts: []),
        ),
        Figure(
            "parts",
            "15",
            "parts that prompts share are used again",
            _amortized_for("paper-df411"),
            prompt_rows(_mixed(8)),
        ),
        Figure(
            "between",
            "16",
            "between prompts of a set that was trained without interpolants",
            _amortized_for("paper-df411"),
            between_rows(_mixed(3)),
        ),
        Figure(
            "finetuning",
            "17",
            "fine-tuning against training from scratch, from the first updates on",
            {
                "cpu": lambda: _tuned("toybox-sds", "cpu", _unseen(4)),
                "paper": lambda: _tuned("paper-pig", "paper", _unseen(8)),
            },
            quality_curves,
        ),
        Figure(
            "interpolation-types",
            "18",
            "between two prompts, after training with each type of interpolation (Eq. 8-11)",
            _both(_types),
            interpolation_rows,
        ),
        Figure(
            "kappa",
            "19",
            "between two prompts, after training with each concentration of the shares (A29)",
            _both(_kappas),
            interpolation_rows,
        ),
        Figure(
            "more-chains",
            "20",
            "further chains of prompts",
            {"paper": lambda: _chains("cottage-tudor", "baby-dragon", "dresses")("paper")},
            interpolation_rows,
        ),
        Figure(
            "guidance-weight",
            "A31",
            "one model that was trained over guidance weights, at some of them",
            {"cpu": _conditions},
            condition_rows("guidance_weight", GUIDANCE_WEIGHTS),
        ),
        Figure(
            "baselines-df27",
            "B.2.1",
            "one model a prompt, DreamFusion's 27",
            {"paper": _alone_of("df27.txt", 27)},
            quality_curves,
        ),
        Figure(
            "baselines-animal50",
            "B.2.1",
            "one model a prompt, 50 of the animals",
            {"paper": _alone_of("animal2400", 50)},
            quality_curves,
        ),
        Figure(
            "baselines-animal300",
            "B.2.1",
            "one model a prompt, 300 of the animals",
            {"paper": _alone_of("animal300", 300)},
            quality_curves,
        ),
    )
}


def figure_named(name: str) -> Figure:
    """The figure called ``name``.

    Raises:
        BadRequest: there is none.
    """
    try:
        return FIGURES[name]
    except KeyError:
        known = ", ".join(f"{figure.name} ({figure.numbers})" for figure in FIGURES.values())
        raise BadRequest(f"there is no figure {name!r}", f"choose one of: {known}") from None

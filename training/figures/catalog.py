"""The figures that ``python -m training figure`` makes, and the runs of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from backend.protocol.errors import BadRequest

from ..amortized.config import TrainConfig
from ..amortized.evaluation import evenly
from ..amortized.interpolation import Interpolation, InterpolationConfig
from ..presets import preset
from ..prompts import PromptSet, prompt_set
from .figure import Figure, Run, Scale
from .plots import interpolation_rows, quality_curves

CPU_SINGLE = 4
"""Prompts that get a model of their own on two cores; the paper's counts are 27, 50 and 300."""
PAIR = PromptSet("pair", ("a pig wearing a tophat", "a robot wearing a tophat"), (0, 1), ())
"""Two prompts that our diffusion model knows."""
KINDS: tuple[Interpolation, ...] = ("none", "latent", "loss", "bernoulli", "guidance")


def _quality(base: TrainConfig, alone: TrainConfig, single: int) -> list[Run]:
    """``base`` for its whole set, and ``alone`` for each of ``single`` prompts of the set (A24)."""
    prompts = prompt_set(base.prompts)
    amortized = dataclasses.replace(base, sheet_every=max(1, base.steps // 10), scored=12)
    runs = [Run(f"amortized {prompts.name}", amortized, group="amortized")]
    config = dataclasses.replace(
        alone,
        prompt="",
        prompts=base.prompts,
        model=dataclasses.replace(alone.model, components=0),
        sheet_every=max(1, alone.steps // 10),
    )
    for index in evenly(prompts.seen, single):
        one = PromptSet(prompts.name, prompts.prompts, (index,), ())
        runs.append(Run(f"one prompt {prompts.name} {index}", config, one, "one prompt"))
    return runs


def _quality_cpu() -> list[Run]:
    base = preset("toybox-sds")
    # A prompt alone gets four times the frames that the amortized run gives it.
    steps = round(4 * base.steps / len(prompt_set(base.prompts).seen))
    return _quality(base, dataclasses.replace(base, steps=steps), CPU_SINGLE)


def _quality_paper(name: str, single: int) -> list[Run]:
    return _quality(preset(name), preset("paper-per-prompt"), single)


def _chain(label: str, scale: Scale, interpolation: InterpolationConfig) -> Run:
    if scale == "paper":
        base = preset("paper-interpolation-none")
        return Run(label, dataclasses.replace(base, interpolation=interpolation))
    base = preset("toybox-sds")
    config = dataclasses.replace(
        base,
        # With v = 2, or without whitening, two prompts stay one ball for so short a run.
        model=dataclasses.replace(base.model, latent=4, components=4),
        interpolation=dataclasses.replace(interpolation, kappa_until=(100,)),
        steps=200,
        sheet_every=200,
        watched=2,
    )
    return Run(label, config, PAIR)


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


def _both(runs: Callable[[Scale], list[Run]]) -> dict[Scale, Callable[[], list[Run]]]:
    return {"cpu": lambda: runs("cpu"), "paper": lambda: runs("paper")}


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure(
            "quality-pig",
            "6",
            "R-metrics against frames a prompt: amortized, and one model a prompt",
            {"cpu": _quality_cpu, "paper": lambda: _quality_paper("paper-pig", 56)},
            quality_curves,
        ),
        Figure(
            "quality-animal",
            "8",
            "R-metrics against frames a prompt, trained on half of the animal prompts",
            # On two cores it would be the same runs as quality-pig's.
            {"paper": lambda: _quality_paper("paper-animal", 300)},
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

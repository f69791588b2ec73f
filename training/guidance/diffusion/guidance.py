"""Score distillation as a guidance: views of the objects, judged by a diffusion model (A18)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from backend.protocol.errors import TrainingError
from backend.rendering.cameras import CameraConfig, Cameras

from ...prompts.mix import Interpolation
from ...rendering.scene import Step, TrainingViews
from .. import Log
from .combine import between_prompts, perp_negative, rescale
from .conditions import TextCondition
from .config import DiffusionGuidanceConfig
from .interpolation import check_kind, ends_of
from .model import DiffusionModel
from .prompting import Prompter, Question
from .sds import distillation_loss, limit_gradient, weight_of


@runtime_checkable
class Renderer(Protocol):
    """Views of a step's objects, such as ``training.rendering.renderer.TrainingRenderer``."""

    def __call__(self, step: Step) -> TrainingViews: ...


def with_views_of(
    config: DiffusionGuidanceConfig, model: DiffusionModel
) -> DiffusionGuidanceConfig:
    """The settings with the model's own view words, where they ask for these.

    Raises:
        TrainingError: the model does not say which it has, or they do not go with other settings.
    """
    if config.views != "model":
        return config
    if model.views is None:
        raise TrainingError(
            f"{model.name} does not say which view words its captions had",
            "set --diffusion.views paper (or sided, or none)",
        )
    return dataclasses.replace(config, views=model.views)


def check_close_ups(model: DiffusionModel, cameras: CameraConfig) -> None:
    """Raise ``TrainingError`` if there are close-ups, and the model knows whole pictures only."""
    if model.views not in (None, "close") and cameras.close > 0.0:
        raise TrainingError(
            f"{model.name} was trained on whole pictures, and knows no close-ups",
            "leave --cameras.close at 0, or train the model with --data.views close"
            " --data.cameras.close 0.5",
        )


class DiffusionGuidance:
    """Pulls what is seen of the objects towards their prompts; batched over prompts."""

    def __init__(
        self,
        model: DiffusionModel,
        prompts: Sequence[str],
        config: DiffusionGuidanceConfig,
        renderer: Renderer,
        interpolation: Interpolation = "none",
    ) -> None:
        """``prompts``: the prompt set that a step's mix refers to.

        Raises:
            NotDownloaded, TrainingError: the text encoder cannot be loaded; options that do not
                go together.
        """
        check_kind(interpolation)
        if config.clamp and not model.pixels:
            raise TrainingError(
                f"{model.name} works on latents, which have no range to be clamped to",
                "leave --diffusion.clamp off with a latent model",
            )
        config = with_views_of(config, model)
        if model.views is not None and config.views not in ("none", model.views):
            raise TrainingError(
                f"{model.name} was trained on captions with the view words of {model.views!r}, not"
                f" {config.views!r}",
                f"set --diffusion.views {model.views} (or none)",
            )
        self.model = model
        self.config = config
        self.interpolation: Interpolation = interpolation
        self._renderer = renderer
        self._prompter = Prompter(model, prompts, config)
        model.prepare(self._prompter.texts())

    def __call__(self, step: Step) -> tuple[Float[Tensor, ""], Log]:
        """The loss of a step: score distillation, and the renderer's regularizers.

        Logged: ``sds`` (half the squared gradient), ``t`` (mean level), each regularizer.
        """
        views = self._renderer(step)
        x = self.model.encode(views.images)
        with torch.autocast(x.device.type, enabled=False):
            losses, level = self._distil(step, x, views.cameras)
        if self.config.per_pixel:
            losses = losses / x[0].numel()
        loss = losses.mean().to(views.images.device)
        parts = {"sds": loss.detach(), "t": loss.new_full((), level)}
        for name, value in views.regularizers.items():
            loss = loss + value
            parts[name] = value.detach()
        return loss, parts

    def _distil(
        self, step: Step, x: Float[Tensor, "objects channels size size"], cameras: Cameras
    ) -> tuple[Float[Tensor, " objects"], float]:
        """A loss an object, summed over ``x``, and the mean level in [0, 1]."""
        ends = ends_of(step.mix, self.interpolation, step.generator)
        shares = ends.shares.to(x.device, non_blocking=True)
        questions = [self._prompter.ask(end.tolist(), cameras) for end in ends.prompts.T]
        whole = torch.ones_like(shares[:, :1])
        if self.interpolation == "loss":
            losses, levels = [], 0.0
            for question, share in zip(questions, shares.T, strict=True):
                gradient, level = self._gradient(step, x.detach(), cameras, [question], whole)
                losses.append(share * distillation_loss(x, gradient))
                levels += level / len(questions)
            return torch.stack(losses).sum(0), levels
        if self.interpolation == "latent":
            questions = [questions[0].mix(questions[1:], shares)]
            shares = whole
        gradient, level = self._gradient(step, x.detach(), cameras, questions, shares)
        return distillation_loss(x, gradient), level

    def _noise(self, step: Step, shape: torch.Size) -> Float[Tensor, "objects channels size size"]:
        if self.config.noise == "drawn":
            return torch.randn(shape, generator=step.generator)
        own = [torch.Generator().manual_seed(prompt) for prompt in step.prompts]
        return torch.stack([torch.randn(shape[1:], generator=one) for one in own])

    def _gradient(
        self,
        step: Step,
        x: Float[Tensor, "objects channels size size"],
        cameras: Cameras,
        questions: Sequence[Question],
        shares: Float[Tensor, "objects ends"],
    ) -> tuple[Float[Tensor, "objects channels size size"], float]:
        """``d loss / d x`` for one noise and level an object, and the mean level in [0, 1]."""
        config, model, schedule = self.config, self.model, self.model.schedule
        count, timesteps = len(x), len(schedule)
        t = config.t.sample(count, timesteps, step.index, step.steps, step.generator)
        level = t.float().mean().item() / timesteps
        t = t.to(x.device, non_blocking=True)
        noise = self._noise(step, x.shape).to(x.device, non_blocking=True)
        noisy = schedule.add_noise(x, noise, t)

        # One pass for everything that is asked: the unconditional prompt, then each end, then
        # each end's negatives.
        asked = [self._prompter.unconditional(count), *[q.positive for q in questions]]
        for question in questions:
            asked += question.negatives
        outputs = model.predict(
            noisy.repeat(len(asked), 1, 1, 1),
            t.repeat(len(asked)),
            TextCondition.cat(asked),
            cameras.repeat(len(asked)),
        ).to(x.device)
        outputs = outputs.unflatten(0, (len(asked), count))
        unconditional, ends = outputs[0], outputs[1 : 1 + len(questions)]
        plain = torch.einsum("ni,inchw->nchw", shares, ends)
        if config.perp_neg:
            weights = self._prompter.negative_weights(cameras)
            weights = weights.to(x.device, non_blocking=True)
            negatives = outputs[1 + len(questions) :].unflatten(0, (len(questions), -1))
            ends = torch.stack(
                [
                    unconditional + perp_negative(unconditional, end, negative, weights)
                    for end, negative in zip(ends, negatives, strict=True)
                ]
            )
        given = step.conditions.get("guidance_weight")
        weight = x.new_full((count,), config.weight) if given is None else given.to(x)
        guided = between_prompts(unconditional, ends, shares, weight)

        to_space = schedule.noise_of if config.space == "noise" else schedule.x0_of
        wanted = to_space(guided, noisy, t, model.prediction)
        if config.rescale:
            unguided = to_space(plain, noisy, t, model.prediction)
            wanted = rescale(wanted, unguided, config.rescale)
        if config.clamp:
            wanted = wanted.clamp(-1.0, 1.0)
        error = wanted - noise if config.space == "noise" else x - wanted
        gradient = weight_of(config.weighting, schedule, t) * error
        return limit_gradient(gradient, normalise=config.normalise, clip=config.clip), level

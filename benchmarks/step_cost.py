"""What a training step costs, by part, and what modulating the grid by text adds (A36).

    python benchmarks/step_cost.py [--json] [--repeats N] [--device cuda] [--mapping KIND]
        [--accelerator torch tinycudann]

Parts: the paper's grid, v = 32 and CLIP ViT-L/14's 77 x 768 tokens; batch 8 at 64 x 64 with 32
samples a ray; guidance by a pixel UNet of the size of ours for two cores (a forward pass of twice
the batch: with and without the text). Modulation, as the paper measures it: the same rendering with
a grid for each prompt from the mapping network against one shared, unmodulated grid of the same
size; in training with backward pass and Adam, and at 256 x 256 with one view, and with 30, without
them; ``mapping_*_pct`` there is the mapping network's own time, which is less noise than the
difference. Concatenation (A7) instead of a grid a prompt: the same step, as it is here, where v is
multiplied once an object, and as it is written, where v is joined to each point's features.
``--unet if`` guides by a UNet of DeepFloyd IF's size with random weights, on a GPU. The
renderer may skip empty samples (ours) or read all (the paper's).

On a CPU the figures are seconds of processor time of one thread, so that other work on the machine
disturbs them little; on a GPU seconds by the clock. The fastest of the repeats counts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from backend.accelerator import use_accelerator
from backend.model.att3d import ATT3D, Objects
from backend.model.config import GridConfig, Mapping, ModelConfig
from backend.protocol.errors import BadRequest
from training.amortized.config import OptimizerConfig
from training.diffusion.model import UNetConfig, build_unet
from training.diffusion.pipeline import import_diffusers
from training.prompts import PromptMix
from training.rendering.config import RenderConfig
from training.rendering.renderer import TrainingRenderer
from training.rendering.scene import Step
from training.runs.optimizer import build_optimizer

Parts = dict[str, float]


class Stopwatch:
    """Seconds by part; the parts of one pass."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self.parts: Parts = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = self._now()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + self._now() - started

    def _now(self) -> float:
        if self._cuda:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


Pass = Callable[[Stopwatch], None]


def fastest(device: torch.device, repeats: int, *passes: Pass) -> list[Parts]:
    """Every part's fastest time of ``repeats`` passes in each of two rounds.

    In a round each kind of pass runs by itself, after one that does not count: passes of different
    kinds in turns would have their memory from the system each time, as no training has. Two
    rounds, so that a slow minute of the machine does not fall on one kind alone.
    """
    taken: list[list[Parts]] = [[] for _ in passes]
    for _ in range(2):
        for once, found in zip(passes, taken, strict=True):
            once(Stopwatch(device))
            for _ in range(repeats):
                watch = Stopwatch(device)
                once(watch)
                found.append(watch.parts)
    return [{name: min(p[name] for p in found) for name in found[0]} for found in taken]


class AsWritten(ATT3D):
    """Concatenation with v in every point's row, for the cost: the same function."""

    def _mlp_inputs(
        self, objects: Objects, points: Tensor, owner: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        features, _ = super()._mlp_inputs(objects, points, owner)
        return features, self.mlp.shift(objects.latent[owner])


class Bench:
    """The paper's model and what renders it."""

    def __init__(
        self,
        options: argparse.Namespace,
        accelerator: str,
        mapping: Mapping = "linear",
        kind: type[ATT3D] = ATT3D,
    ) -> None:
        self.device = torch.device(options.device)
        self.repeats: int = options.repeats
        torch.manual_seed(0)
        config = dataclasses.replace(MODELS[options.model], mapping=mapping)
        self.model = kind(config).to(self.device).train()
        use_accelerator(self.model, accelerator, self.device)
        self._accelerator = accelerator
        # Rates of zero: as much work, but the objects, and so what may be skipped, stay the same.
        self.optimizer = build_optimizer(self.model, OptimizerConfig(lr=0.0, mlp_lr=0.0))
        # What the mapping network would say, but as one grid that is trained itself.
        self.shared = nn.Parameter(torch.zeros(1, self.model.grid.size, device=self.device))
        others = [p for n, p in self.model.named_parameters() if not n.startswith("mapping.")]
        self.shared_optimizer = torch.optim.Adam(
            [self.shared, *others], lr=0.0, betas=(0.0, 0.999), fused=True
        )

    def embedding(self, prompts: int) -> Tensor:
        config = self.model.config
        return torch.randn(prompts, config.tokens, config.width, device=self.device)

    def step(self, objects: Objects, model: ATT3D | None = None) -> Step:
        seeded = torch.Generator().manual_seed(1)  # the same cameras in every pass
        return Step(
            model or self.model, objects, PromptMix.plain(range(len(objects))), 0, 1, seeded
        )

    def modulated(self, render: TrainingRenderer, batch: int) -> Pass:
        """A step without guidance, the grids from the mapping network."""
        embedding = self.embedding(batch)

        def once(watch: Stopwatch) -> None:
            with watch.part("hypernetwork forward"):
                objects = self.model.objects(embedding)
            leaf = Objects(
                objects.latent.detach().requires_grad_(), objects.values.detach().requires_grad_()
            )
            self._render(watch, render, leaf)
            with watch.part("hypernetwork backward"):
                torch.autograd.backward(
                    [objects.latent, objects.values], [leaf.latent.grad, leaf.values.grad]
                )
            with watch.part("optimizer"):
                self.optimizer.step()
            self.optimizer.zero_grad()

        return once

    def unmodulated(self, render: TrainingRenderer, batch: int) -> Pass:
        """The same with one shared grid."""
        latent = torch.zeros(batch, self.model.config.latents, device=self.device)

        def once(watch: Stopwatch) -> None:
            # A view of the one grid an object: gradients add up in it.
            values = self.shared.expand(batch, -1)
            self._render(watch, render, Objects(latent, values))
            with watch.part("optimizer"):
                self.shared_optimizer.step()
            self.shared_optimizer.zero_grad()

        return once

    def one_object(self, render: TrainingRenderer, views: int) -> tuple[Parts, Parts]:
        """``views`` pictures of one object, modulated and not, without gradients; the model as
        checkpoints hold it (A11). The mapping network is asked once."""
        embedding = self.embedding(1)
        model = ATT3D(self.model.config.plain).to(self.device).eval()
        use_accelerator(model, self._accelerator, self.device)

        @torch.no_grad()
        def modulated(watch: Stopwatch) -> None:
            with watch.part("hypernetwork forward"):
                objects = model.objects(embedding)
            with watch.part("rendering forward"):
                for _ in range(views):
                    render(self.step(objects, model))

        @torch.no_grad()
        def shared(watch: Stopwatch) -> None:
            latent = torch.zeros(1, self.model.config.latents, device=self.device)
            with watch.part("rendering forward"):
                for _ in range(views):
                    render(self.step(Objects(latent, self.shared), model))

        one, other = fastest(self.device, self.repeats, modulated, shared)
        return one, other

    def guidance(self, batch: int, size: int, kind: str) -> Parts:
        """A forward pass of the UNet with and without the text."""
        if kind == "if":
            unet = if_unet(self.device)
            tokens = torch.randn(2 * batch, 77, 4096, device=self.device, dtype=torch.float16)
        else:
            unet = build_unet(UNetConfig(size=size), self.model.config.width).to(self.device)
            tokens = self.embedding(2 * batch)
        unet.eval()
        noisy = torch.randn(2 * batch, 3, size, size, device=self.device).to(tokens.dtype)
        t = torch.randint(1000, (2 * batch,), device=self.device)

        @torch.no_grad()
        def once(watch: Stopwatch) -> None:
            with (
                watch.part("guidance"),
                torch.autocast(self.device.type, torch.bfloat16, enabled=kind == "own"),
            ):
                unet(noisy, t, tokens)

        return fastest(self.device, self.repeats, once)[0]

    def _render(self, watch: Stopwatch, render: TrainingRenderer, objects: Objects) -> None:
        with watch.part("rendering forward"):
            views = render(self.step(objects))
        with watch.part("rendering backward"):
            (views.images - 0.5).square().sum().backward()


MODELS = {
    "paper": ModelConfig(),
    "tiny": ModelConfig(tokens=4, width=16, latent=4, grid=GridConfig(resolutions=(5, 9))),
}
"""Whose cost is measured; ``tiny`` is for trying the benchmark itself."""


def if_unet(device: torch.device) -> nn.Module:
    """A UNet of the size of DeepFloyd IF's first stage (XL, 4.3 billion parameters), in half
    precision, with random weights."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with device:
            return import_diffusers().UNet2DConditionModel(**IF_XL)
    finally:
        torch.set_default_dtype(before)


IF_XL = {
    "sample_size": 64,
    "in_channels": 3,
    "out_channels": 6,
    "act_fn": "gelu",
    "addition_embed_type": "text",
    "addition_embed_type_num_heads": 64,
    "attention_head_dim": 64,
    "block_out_channels": (704, 1408, 2112, 2816),
    "cross_attention_dim": 2816,
    "cross_attention_norm": "group_norm",
    "encoder_hid_dim": 4096,
    "layers_per_block": 3,
    "resnet_time_scale_shift": "scale_shift",
    "down_block_types": ("ResnetDownsampleBlock2D", *["SimpleCrossAttnDownBlock2D"] * 3),
    "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
    "up_block_types": (*["SimpleCrossAttnUpBlock2D"] * 3, "ResnetUpsampleBlock2D"),
}
"""The published configuration of DeepFloyd/IF-I-XL-v1.0's UNet."""


def added(modulated: Parts, unmodulated: Parts, besides: float = 0.0) -> float:
    """How much longer, in percent, with ``besides`` seconds that both have."""
    return 100.0 * (
        (sum(modulated.values()) + besides) / (sum(unmodulated.values()) + besides) - 1.0
    )


def own_share(parts: Parts) -> float:
    """The mapping network's time, in percent of the rendering's."""
    return 100.0 * parts["hypernetwork forward"] / parts["rendering forward"]


def measure(options: argparse.Namespace, accelerator: str) -> dict[str, object]:
    bench = Bench(options, accelerator, options.mapping)
    # tiny-cuda-nn does not join v to the features.
    joined = [
        Bench(options, "torch", "concatenation", kind)
        for kind in (ATT3D, AsWritten)
        if accelerator == "torch"
    ]
    training = RenderConfig(size=options.size, samples=options.samples)
    guidance = bench.guidance(options.batch, options.size, options.unet)
    result: dict[str, object] = {
        "device": options.device,
        "unit": "s" if bench.device.type == "cuda" else "s of one thread",
        "accelerator": accelerator,
        "mapping": options.mapping,
        "batch": options.batch,
        "size": options.size,
        "samples": options.samples,
        "views": options.views,
        "unet": options.unet,
    }
    for name, negligible in (("skipping empty samples", 1e-3), ("all samples", 0.0)):
        config = dataclasses.replace(training, negligible=negligible)
        render = TrainingRenderer(config)
        modulated, unmodulated, *concatenated = fastest(
            bench.device,
            options.repeats,
            bench.modulated(render, options.batch),
            bench.unmodulated(render, options.batch),
            *(one.modulated(render, options.batch) for one in joined),
        )
        besides = sum(guidance.values())
        large = TrainingRenderer(dataclasses.replace(config, size=options.large, **_LIT))
        one, one_shared = bench.one_object(large, 1)
        many, many_shared = bench.one_object(large, options.views)
        seconds = modulated | guidance
        result[name] = {
            "seconds": seconds,
            "share_pct": {k: 100.0 * v / sum(seconds.values()) for k, v in seconds.items()},
            "unmodulated": unmodulated,
            "modulation_pct": added(modulated, unmodulated),
            "modulation_with_guidance_pct": added(modulated, unmodulated, besides),
            **{
                f"{name}_with_guidance_pct": added(parts, modulated, besides)
                for name, parts in zip(
                    ("concatenation", "concatenation_as_written"), concatenated, strict=False
                )
            },
            "one_view": {"modulated": one, "unmodulated": one_shared},
            "modulation_one_view_pct": added(one, one_shared),
            "modulation_many_views_pct": added(many, many_shared),
            "mapping_one_view_pct": own_share(one),
            "mapping_many_views_pct": own_share(many),
        }
    return result


_LIT = {"full": 1.0, "textureless": 0.0, "albedo": 0.0}
"""What a viewer asks for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--mapping", default="linear")
    parser.add_argument("--accelerator", nargs="+", default=["torch"], help="torch, tinycudann")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--large", type=int, default=256, help="size of the one view")
    parser.add_argument("--model", choices=list(MODELS), default="paper")
    parser.add_argument("--views", type=int, default=30, help="views that share one modulation")
    parser.add_argument("--unet", choices=["own", "if"], default="own", help="if: of IF's size")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    try:
        results = [measure(options, name) for name in options.accelerator]
    except BadRequest as error:
        sys.exit(f"error: {error.message}\ntry: {error.remedy}")
    if options.json:
        print(json.dumps(results[0] if len(results) == 1 else results))
        return
    for result in results:
        print_result(options, result)


def print_result(options: argparse.Namespace, result: dict[str, object]) -> None:
    """One accelerator's figures as a table."""
    print(f"\n{result['accelerator']}: ", end="")
    print(f"batch {options.batch} of {options.size} x {options.size}, {result['unit']}")
    for name in ("skipping empty samples", "all samples"):
        case = result[name]
        assert isinstance(case, dict)
        print(f"\n{name}")
        for part, seconds in case["seconds"].items():
            print(f"  {part:<24}{seconds:8.3f}{case['share_pct'][part]:7.1f} %")
        print(f"  modulation, training      {case['modulation_pct']:+8.1f} %")
        print(f"  the same with guidance    {case['modulation_with_guidance_pct']:+8.1f} %")
        for key, said in (
            ("concatenation", "concatenation instead"),
            ("concatenation_as_written", "the same, as written"),
        ):
            if (value := case.get(f"{key}_with_guidance_pct")) is not None:
                print(f"  {said:<26}{value:+8.1f} %")
        for key, views in (("one_view", "one view"), ("many_views", f"{options.views} views")):
            said = f"modulation, {views}"
            value, own = case[f"modulation_{key}_pct"], case[f"mapping_{key}_pct"]
            print(f"  {said:<26}{value:+8.1f} %, the mapping network itself {own:.2f} %")


if __name__ == "__main__":
    main()

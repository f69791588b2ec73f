"""From a configuration to a checkpoint: builds the parts, trains, watches, exports."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from backend.engine import choose_device
from backend.model.att3d import ATT3D
from backend.model.checkpoint import (
    Checkpoint,
    CheckpointMetadata,
    load_checkpoint,
    save_checkpoint,
)
from backend.protocol.errors import TrainingError
from backend.text.encoder import TextEncoder

from .config import TrainConfig, config_as_json
from .evaluation import evenly, look, psnr
from .guidance.references import ReferenceGuidance
from .guidance.toybox_assets import ToyboxAssets
from .loop import Trainer
from .prompts import (
    CharacterSpec,
    PromptSet,
    known_words,
    paraphrase,
    prompt_set,
    spec_of,
    synonyms,
)
from .sheet import contact_sheet
from .state import Progress
from .text import conditioning_encoder


def train(config: TrainConfig) -> Path:
    """Train to the end and return the checkpoint's path in the run folder.

    Raises:
        TrainingError: bad configuration, prompts without references, a run that diverges.
        OutputError: the run folder cannot be written.
    """
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    prompts = prompt_set(config.prompts)
    specs = [spec_of(prompt) for prompt in prompts.prompts]
    encoder = conditioning_encoder(config.text, cache=config.folder / "embeddings")
    if (encoder.tokens, encoder.width) != (config.model.tokens, config.model.width):
        raise TrainingError(
            f"the text encoder {encoder.name} gives {encoder.tokens} tokens of width"
            f" {encoder.width}, but the model takes {config.model.tokens} of"
            f" {config.model.width}",
            "set --model.tokens and --model.width to the encoder's",
        )
    assets = ToyboxAssets(specs, device, compiled=config.compiled)
    trainer = Trainer(
        config=config,
        model=ATT3D(config.model),
        embed=_Embedder(prompts, specs, encoder, config.paraphrase),
        guidance=ReferenceGuidance(assets, config.references, config.cameras),
        seen=prompts.seen,
        device=device,
    )
    watcher = _Watcher(config, prompts, encoder, assets)
    progress = trainer.run(watcher)
    path = config.folder / "checkpoint.safetensors"
    export(trainer.model, config, prompts, encoder, progress, path)
    watcher.close()
    return path


def export(
    model: ATT3D,
    config: TrainConfig,
    prompts: PromptSet,
    encoder: TextEncoder,
    progress: Progress,
    path: Path,
) -> None:
    """Write ``model`` as a checkpoint that says how it was made."""
    kind, tensors = describe_encoder(encoder)
    save_checkpoint(
        path,
        model,
        CheckpointMetadata(
            name=config.name,
            config=config.model,
            text_encoder=kind,
            prompts=[prompts.prompts[i] for i in prompts.seen],
            unseen=[prompts.prompts[i] for i in prompts.unseen],
            words=sorted(known_words()),
            synonyms=synonyms(),
            description=f"Trained by references on the prompt set {prompts.name}.",
            limits=(
                "Knows only the words and compositions of its prompt set; other words are"
                " ignored or guessed. Details finer than about 3 cm are lost."
            ),
            licence="GPL-3.0-or-later",
            recipe={
                "config": config_as_json(config),
                "steps": progress.step,
                "seconds": round(progress.seconds),
                "frames": progress.frames,
                "frames_per_prompt": round(progress.frames / max(len(prompts.seen), 1), 1),
                "commit": _commit(),
                "torch": torch.__version__,
            },
        ),
        tensors,
        storage=config.storage,
    )


def describe_encoder(encoder: TextEncoder) -> tuple[dict[str, object], dict[str, Tensor]]:
    """What a checkpoint stores of its text encoder: a description, and weights if it is small."""
    from backend.text.small_encoder import SmallEncoder

    if isinstance(encoder, SmallEncoder):
        return encoder.config.to_dict(), {k: v.half() for k, v in encoder.state.items()}
    return {"kind": "open_clip", "name": encoder.name}, {}


class _Embedder:
    """Embeddings of prompts, said in other words for a share of the visits."""

    def __init__(
        self,
        prompts: PromptSet,
        specs: Sequence[CharacterSpec],
        encoder: TextEncoder,
        share: float,
    ) -> None:
        self._set = prompts
        self._specs = specs
        self._encoder = encoder
        self._share = share

    def __call__(
        self, prompts: Sequence[int], generator: torch.Generator
    ) -> Float[Tensor, "prompts tokens width"]:
        said = []
        for index in prompts:
            other = torch.rand(1, generator=generator).item() < self._share
            spec = self._specs[index]
            said.append(paraphrase(spec, generator) if other else self._set.prompts[index])
        return self._encoder.encode(said)


class _Watcher:
    """Curves for TensorBoard, contact sheets, PSNR on seen and unseen prompts, snapshots."""

    def __init__(
        self,
        config: TrainConfig,
        prompts: PromptSet,
        encoder: TextEncoder,
        assets: ToyboxAssets,
    ) -> None:
        self._config = config
        self._set = prompts
        self._encoder = encoder
        self._assets = assets
        self._writer = SummaryWriter(str(config.folder / "tensorboard"))
        self._seen = evenly(prompts.seen, config.watched)
        self._unseen = evenly(prompts.unseen, config.watched)

    def __call__(self, trainer: Trainer, progress: Progress, losses: dict[str, float]) -> None:
        step = progress.step
        if step % 10 == 0:
            for name, value in losses.items():
                self._writer.add_scalar(f"loss/{name}", value, step)
        if step % self._config.sheet_every == 0 or step == self._config.steps:
            self._look(trainer, progress)

    def close(self) -> None:
        self._writer.close()

    def _look(self, trainer: Trainer, progress: Progress) -> None:
        snapshot = self._config.folder / "snapshot.safetensors"
        export(trainer.model, self._config, self._set, self._encoder, progress, snapshot)
        checkpoint: Checkpoint = load_checkpoint(snapshot, trainer.device)
        columns = self._seen + self._unseen
        prompts = [self._set.prompts[i] for i in columns]
        embeddings = self._encoder.encode(prompts)
        views = [
            look(checkpoint, embedding, self._assets, index)
            for embedding, index in zip(embeddings, columns, strict=True)
        ]
        decibels = [psnr(v.albedo, v.true_albedo) for v in views]
        groups = {"seen": decibels[: len(self._seen)], "unseen": decibels[len(self._seen) :]}
        said = []
        for name, values in groups.items():
            if values:
                mean = sum(values) / len(values)
                self._writer.add_scalar(f"psnr/{name}", mean, progress.step)
                said.append(f"{name} {mean:.2f} dB")
        tqdm.write(f"step {progress.step}, {progress.seconds / 60:.1f} min: {', '.join(said)}")
        contact_sheet(
            self._config.folder / "sheets" / f"{progress.step:06d}.png",
            [f"{'seen' if i < len(self._seen) else 'UNSEEN'}: {p}" for i, p in enumerate(prompts)],
            [
                ("truth", [v.true_lit[0] for v in views]),
                ("ours", [v.lit[0] for v in views]),
                ("ours, from its left", [v.lit[1] for v in views]),
                ("ours, from behind", [v.lit[2] for v in views]),
            ],
        )


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()

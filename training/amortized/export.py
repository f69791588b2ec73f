"""A model in training becomes a checkpoint that says how it was made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import torch
from torch import Tensor

from backend.model.att3d import ATT3D, OutputOffset
from backend.model.checkpoint import save_checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.text.encoder import TextEncoder
from backend.text.small_encoder import SmallEncoder

from ..assets import AssetCollection
from ..prompts import PromptSet
from ..runs.state import Progress, require_finite
from .config import TrainConfig, config_as_json

LIMITS = {
    "references": (
        "Knows only the words and compositions of its prompt set; other words are ignored or"
        " guessed. Details finer than about 3 cm are lost."
    ),
    "diffusion": (
        "Knows only the words and compositions of its prompt set; other words are ignored or"
        " guessed. Shapes and colors are what the diffusion model takes its captions to mean."
    ),
}


def export(
    model: ATT3D,
    config: TrainConfig,
    prompts: PromptSet,
    collection: AssetCollection,
    encoder: TextEncoder,
    progress: Progress,
    path: Path,
    *,
    offset: OutputOffset | None = None,
) -> None:
    """Write ``model`` as a checkpoint that says how it was made; with ``offset``, as a checkpoint
    fine-tuned on the set's prompt.

    Raises:
        TrainingError: some weights are not finite.
        OutputError: the file cannot be written.
    """
    kind, tensors = describe_encoder(encoder)
    text = {f"text.{name}": tensor for name, tensor in tensors.items()}
    tuned = {} if offset is None else {"offset": offset.values}
    require_finite({**model.state_dict(), **tuned, **text}, "--optimizer.lr")
    distilled = max(config.guidance.diffusion) > 0
    how = "score distillation" if distilled else "references"
    if distilled and max(config.guidance.references) > 0:
        how = "references and score distillation"
    made = "Trained" if offset is None else "Fine-tuned"
    save_checkpoint(
        path,
        model,
        CheckpointMetadata(
            name=config.name,
            config=model.config,
            text_encoder=kind,
            # A set may name a prompt several times, so that training visits it as often.
            prompts=list(dict.fromkeys(prompts.prompts[i] for i in prompts.seen)),
            unseen=[prompts.prompts[i] for i in prompts.unseen],
            words=list(collection.known_words(prompts.prompts)),
            synonyms=collection.synonyms(prompts.prompts),
            sizes=collection.sizes(prompts.prompts),
            kinds=collection.kinds(prompts.prompts),
            captions=collection.captions(prompts.prompts),
            tints=dict(collection.tints),
            proportions=dict(collection.stretches) if model.config.proportions else {},
            description=f"{made} by {how} on the prompt set {prompts.name}.",
            limits=LIMITS["diffusion" if distilled else "references"],
            licence=collection.licence,
            recipe={
                "config": config_as_json(config),
                "assets": dict(collection.provenance(prompts.prompts)),
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
        offset=None if offset is None else offset.values,
    )


def describe_encoder(encoder: TextEncoder) -> tuple[dict[str, object], dict[str, Tensor]]:
    """What a checkpoint stores of its text encoder: a description, and weights if it is small."""
    if isinstance(encoder, SmallEncoder):
        return encoder.config.to_dict(), {k: v.half() for k, v in encoder.state.items()}
    return {"kind": "open_clip", "name": encoder.name}, {}


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

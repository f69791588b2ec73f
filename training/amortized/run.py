"""A run, from a configuration to a checkpoint: builds the parts, trains, watches, exports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from backend.accelerator import check_accelerator_on, choose_device
from backend.model.att3d import ATT3D
from backend.model.checkpoint_file import read_metadata
from backend.protocol.errors import CheckpointError, TrainingError
from backend.text.encoder import TextEncoder
from backend.text.small_encoder import SmallEncoder

from ..assets import AssetCollection, ReferenceAssets, references_of
from ..clip.conditioning import conditioning_encoder
from ..guidance import Guidance
from ..guidance.mixed import MixedGuidance
from ..guidance.pictures import PictureGuidance
from ..guidance.references import ReferenceGuidance
from ..prompts import Chance, PromptSet, single_prompt
from ..rendering.config import REGULARIZERS
from ..rendering.renderer import TrainingRenderer
from ..runs.contents import fingerprint
from ..runs.folder import locked
from ..runs.log import TENSORBOARD
from ..runs.ranges import check_ranges
from ..runs.state import STATE_FILE, Progress
from .config import TrainConfig, config_as_json
from .curve import CURVE_FILE
from .export import export
from .latents import LatentTable, imagine
from .proportions import teach_proportions
from .start import Start
from .trainer import Embed, Trainer
from .watch import SNAPSHOT_FILE, Watcher

CHECKPOINT_FILE = "checkpoint.safetensors"
WRITTEN = (STATE_FILE, CURVE_FILE, CHECKPOINT_FILE, SNAPSHOT_FILE, "sheets/", TENSORBOARD)
"""What a run leaves in its folder."""
CONDITIONS = ("guidance_weight", "textureless", "albedo", *(f"{r}_weight" for r in REGULARIZERS))
"""What a run may amortize over (A31): score distillation's weight, augmentations, regularizers."""


def train(config: TrainConfig, prompts: PromptSet | None = None) -> Path:
    """Train to the end and return the checkpoint's path in the run folder.

    ``prompts`` stands in for the set that the configuration names.

    Raises:
        TrainingError: bad configuration, prompts without references, a run that diverges, another
            run in the folder.
        BadRequest: there is no such device or accelerator.
        NotDownloaded: the text encoder or diffusion model is not on this machine.
        OutputError: the run folder cannot be written.
    """
    check_ranges(config)
    check_conditions(config)
    device = choose_device(config.device)
    check_accelerator_on(config.accelerator, device)
    with locked(config.folder, WRITTEN):
        return _train(config, prompts, device)


def _train(config: TrainConfig, prompts: PromptSet | None, device: torch.device) -> Path:
    torch.manual_seed(config.seed)
    collection = config.assets.open()
    prompts = prompts or chosen_prompts(config, collection)
    start = None if config.start is None else Start(config.start, config.model.density_scale)
    if start is not None:
        # Its mapping network says the assets' own parts of v, if there were any.
        latents = dataclasses.replace(config.latents, own=False)
        config = dataclasses.replace(config, model=start.model.config, latents=latents)
    encoder = text_encoder(config, prompts, collection, start)
    assets = references_of(collection, prompts.prompts, device, compiled=config.compiled)
    model = ATT3D(config.model) if start is None else start.model
    if model.proportions is not None:
        if max(config.guidance.diffusion) > 0:
            raise TrainingError(
                "score distillation looks at objects in their own proportions, whatever their"
                " prompts say of these",
                "train with --model.proportions 0",
            )
        if collection.stretches:
            teach_proportions(model.proportions, prompts, collection, encoder, seed=config.seed)
    trainer = Trainer(
        config=config,
        model=model,
        embed=ResidentEmbeddings(prompts, encoder, device)
        if config.resident
        else embedder(
            prompts, encoder, collection.paraphrase if assets else None, config.paraphrase
        ),
        guidance=build_guidance(config, prompts, encoder, assets, device),
        seen=prompts.seen,
        device=device,
        latents=LatentTable(
            [shown.asset for shown in collection.shown(prompts.prompts)],
            config.model,
            config.latents,
        )
        if config.latents.own
        else None,
        imagine=lambda seen: imagine(
            [prompts.prompts[i] for i in seen],
            encoder,
            config.latents,
            collection,
            proportions=config.model.proportions > 0,
        ),
        contents=contents_of(config, prompts, collection, encoder)
        | ({} if start is None else {"start": start.checkpoint.sha256}),
    )
    return finish(trainer, prompts, encoder, collection, assets)


def finish(
    trainer: Trainer,
    prompts: PromptSet,
    encoder: TextEncoder,
    collection: AssetCollection,
    assets: ReferenceAssets | None,
) -> Path:
    """Run ``trainer`` to its end and export the checkpoint into the run folder.

    The checkpoint of a run that has been finished before stays as it is, with figures that were
    recorded in it: what started from it names it by its hash.
    """
    config = trainer.config
    path = config.folder / CHECKPOINT_FILE
    watcher = Watcher(config, prompts, collection, encoder, assets)
    progress = trainer.run(watcher)
    if trainer.accelerator.is_main_process and not _is_exported(path, config, progress):
        export(
            trainer.by_text(),
            config,
            prompts,
            collection,
            encoder,
            progress,
            path,
            offset=trainer.offset,
        )
    watcher.close()
    trainer.close()
    return path


def check_conditions(config: TrainConfig) -> None:
    """Raise TrainingError if the model is to see a number that changes nothing in training."""
    distilled = max(config.guidance.diffusion) > 0
    for condition in config.model.conditions:
        if condition.name not in CONDITIONS or not distilled:
            unheard = "references do not hear" if condition.name in CONDITIONS else "nothing hears"
            raise TrainingError(
                f"{unheard} the condition {condition.name!r}",
                f"choose among {', '.join(CONDITIONS)}, with score distillation"
                " (--guidance.diffusion 1 1)",
            )


def _is_exported(path: Path, config: TrainConfig, progress: Progress) -> bool:
    """Whether the file at ``path`` is what ``config`` made at this step."""
    try:
        recipe = read_metadata(path).recipe
    except CheckpointError:
        return False
    made = recipe.get("config"), recipe.get("steps"), recipe.get("frames")
    return made == (config_as_json(config), progress.step, progress.frames)


def chosen_prompts(config: TrainConfig, collection: AssetCollection) -> PromptSet:
    """The prompt set, or the one prompt, that the configuration names.

    Raises:
        TrainingError: there is no such set, or its file cannot be used.
        BadPrompt: the one prompt is empty or too long.
    """
    return single_prompt(config.prompt) if config.prompt else collection.prompt_set(config.prompts)


def contents_of(
    config: TrainConfig, prompts: PromptSet, collection: AssetCollection, encoder: TextEncoder
) -> dict[str, str]:
    """Hashes of what ``config`` names, by option: a resumed run must have the same contents,
    wherever they are now."""
    contents = {
        "prompts": fingerprint([list(prompts.prompts), list(prompts.seen)]),
        "assets": fingerprint(collection.fingerprint(prompts.prompts)),
    }
    if isinstance(encoder, SmallEncoder):
        contents["text"] = fingerprint(encoder.fingerprint)
    if Path(config.diffusion_model).exists() and config.diffusion_model:
        contents["diffusion_model"] = fingerprint(Path(config.diffusion_model))
    return contents


def text_encoder(
    config: TrainConfig,
    prompts: PromptSet,
    collection: AssetCollection,
    start: Start | None = None,
) -> TextEncoder:
    """The encoder that the mapping network reads (A9); that of ``start``, where there is one.

    Raises:
        TrainingError: the model takes embeddings of another size.
    """
    words = collection.known_words(prompts.prompts)
    synonyms = collection.synonyms(prompts.prompts)
    if start is not None:
        return start.encoder(words, synonyms, config.word_meaning)
    encoder = conditioning_encoder(
        config.text,
        cache=config.folder / "embeddings",
        count=len(prompts.prompts),
        words=words,
        synonyms=synonyms,
        meaning=config.word_meaning,
    )
    if (encoder.tokens, encoder.width) != (config.model.tokens, config.model.width):
        raise TrainingError(
            f"the text encoder {encoder.name} gives {encoder.tokens} tokens of width"
            f" {encoder.width}, but the model takes {config.model.tokens} of"
            f" {config.model.width}",
            "set --model.tokens and --model.width to the encoder's",
        )
    return encoder


def build_guidance(
    config: TrainConfig,
    prompts: PromptSet,
    encoder: TextEncoder,
    assets: ReferenceAssets | None,
    device: torch.device,
    renderer: TrainingRenderer | None = None,
) -> Guidance:
    """The run's guidances, with their weights; ``renderer`` draws what is not a volume.

    Where the model says proportions beside the grid, references are of the assets' own.

    Raises:
        TrainingError: references are asked for, but some prompt has none.
    """
    parts: list[tuple[Guidance, tuple[float, float]]] = []
    kind = config.interpolation.kind
    if max(config.guidance.references) > 0:
        if assets is None:
            collection = config.assets.open()
            missing = next(p for p in prompts.prompts if not collection.has(p))
            raise TrainingError(
                f"there is no reference for the prompt {missing!r}",
                "use --guidance.references 0 0 --guidance.diffusion 1 1 to train by score"
                f" distillation, or prompts of {collection.name}",
            )
        if config.model.proportions:
            assets = assets.unstretched()
        if renderer is None:
            references: Guidance = ReferenceGuidance(
                assets, config.references, config.cameras, interpolation=kind
            )
        else:
            references = PictureGuidance(assets, config.references, renderer)
        parts.append((references, config.guidance.references))
    if max(config.guidance.diffusion) > 0:
        # Imported late: diffusion libraries take seconds, and runs on references need none.
        from accelerate import PartialState

        from ..guidance.diffusion import (
            DiffusionGuidance,
            check_close_ups,
            load_diffusion_model,
        )

        if not config.diffusion_model:
            raise TrainingError(
                "score distillation needs a diffusion model",
                "name one with --diffusion-model: DeepFloyd/IF-I-XL-v1.0, a Stable Diffusion, or a"
                " folder that `python -m training diffusion` made",
            )
        with PartialState(cpu=device.type == "cpu").main_process_first():
            # The first process embeds the prompts, the others find them on disk.
            model = load_diffusion_model(
                config.diffusion_model, config.diffusion_options, device, encoder
            )
            check_close_ups(model, config.cameras)
            distillation = DiffusionGuidance(
                model,
                prompts.prompts,
                config.diffusion,
                renderer or TrainingRenderer(config.rendering, config.cameras),
                interpolation=kind,
            )
        parts.append((distillation, config.guidance.diffusion))
    return MixedGuidance(parts, config.guidance.during)


def embedder(
    prompts: PromptSet,
    encoder: TextEncoder,
    paraphrase: Callable[[str, Chance], str] | None = None,
    share: float = 0.0,
) -> Embed:
    """Embeddings of prompts, said in other words (by ``paraphrase``) for a share of the visits."""

    def embed(
        indices: Sequence[int], generator: torch.Generator
    ) -> Float[Tensor, "prompts tokens width"]:
        said = []
        for index in indices:
            prompt = prompts.prompts[index]
            # Drawn without paraphrases too: the other draws of the step stay the same.
            other = torch.rand(1, generator=generator).item() < share
            said.append(paraphrase(prompt, generator) if paraphrase and other else prompt)
        return encoder.encode(said)

    return embed


class ResidentEmbeddings:
    """Embeddings of all seen prompts in one tensor on the device; an ``Embed``."""

    CHUNK = 64
    """Prompts embedded at once."""

    def __init__(self, prompts: PromptSet, encoder: TextEncoder, device: torch.device) -> None:
        said = [prompts.prompts[index] for index in prompts.seen]
        parts = [
            encoder.encode(said[start : start + self.CHUNK]).to(device)
            for start in range(0, len(said), self.CHUNK)
        ]
        self._table: Float[Tensor, "prompts tokens width"] = torch.cat(parts)
        self._row = {index: row for row, index in enumerate(prompts.seen)}

    def __call__(
        self, indices: Sequence[int], generator: torch.Generator
    ) -> Float[Tensor, "prompts tokens width"]:
        rows = torch.tensor([self._row[index] for index in indices], device=self._table.device)
        return self._table[rows]

"""Give a library's checkpoint proportions by text, where its grids had to say them.

    python scripts/teach_proportions.py CHECKPOINT --table training/props/models.tsv -o OUT

For checkpoints from before models had them (``backend/model/proportions.py``). A network is fitted
to what words ask of the library's models, and the deep mapping network anew, so that it says of
every caption what it said of the caption without such a word: of the learnt prompts, and of
captions that nobody wrote. A prompt in other words is to say what the prompt does. Grid, MLP and
text tower stay as they are. Prints the errors of grids, before and now, in units of their spread
over the learnt prompts.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from refit_mapping import collection, other_wordings
from torch import Tensor, nn

from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.mapping import MappingNetwork
from backend.model.proportions import Proportions
from backend.text.encoder import TextEncoder
from training.amortized.latents import LatentsConfig, fit_mapping
from training.amortized.proportions import teach_proportions
from training.assets.library import LibraryCollection
from training.library.attributes import Look
from training.prompts import PromptSet
from training.prompts.imagined import imagined_captions
from training.props.table import PropTable, read_table

Saying = tuple[str, str]
"""A caption, and the same without a word of proportion."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True, help="captions in other words")
    parser.add_argument("--begin", type=Path, help="taught before: the fit begins where it is")
    parser.add_argument("--hidden", type=int, default=64, help="units of the new network")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--wordings", type=int, default=4, help="of each prompt, besides its own")
    parser.add_argument("--imagined", type=int, default=8000, help="of models and of copies each")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    model, encoder = checkpoint.model, checkpoint.encoder()
    mapping, assets = model.mapping, checkpoint.metadata.recipe.get("assets")
    if not (isinstance(mapping, MappingNetwork) and mapping.deeper and isinstance(assets, dict)):
        raise SystemExit(f"{arguments.checkpoint} is not a library's with a deep mapping network")
    if model.proportions is not None:
        raise SystemExit(f"{arguments.checkpoint} has proportions by text already")
    prompts = checkpoint.metadata.prompts
    table = PropTable(read_table(arguments.table))
    library = collection(assets["models"], table)
    before = model.config
    numbers = before.tokens * before.width
    model.config = dataclasses.replace(before, proportions=arguments.hidden)
    model.proportions = Proportions(numbers, arguments.hidden)
    begun = arguments.begin and load_checkpoint(arguments.begin).model
    learnt = PromptSet("learnt", tuple(prompts), tuple(range(len(prompts))), ())
    teach_proportions(model.proportions, learnt, library, encoder)

    own = [saying(prompt, library) for prompt in prompts]
    kinds = {
        "learnt prompts": own,
        "in other words": [
            (said, meant)
            for wording in other_wordings(prompts, assets["models"], table, arguments.wordings + 1)
            for said, (_, meant) in zip(wording, own, strict=True)
        ],
        "models that nobody wrote of": [
            (caption, caption) for caption in imagined_captions(prompts, arguments.imagined)
        ],
        "copies that nobody wrote of": copies(prompts, library, arguments.imagined),
    }
    everything = [each for sayings in kinds.values() for each in sayings]
    said = encoded([caption for caption, _ in everything], encoder)
    meant = hidden(mapping, encoded([plain for _, plain in everything], encoder))
    # As a library's training visits them: models more often than their copies.
    models = {model["prompt"] for model in assets["models"]}
    weights = torch.tensor([3.0 if caption in models else 1.0 for caption, _ in everything])
    beside = 2 * before.latent
    first, *rest = (layer.out_features for layer in layers_of(mapping))
    config = LatentsConfig(
        hidden=first - beside,
        second=rest[0] - beside if len(rest) > 1 else 0,
        rate=arguments.rate,
        epochs=arguments.epochs,
        components=before.components or LatentsConfig.components,
    )
    if begun:
        model.mapping = begun.mapping
    result = fit_mapping(model, meant, [said], weights, config)
    decode = mapping.plain_weights()["decode.weight"]
    metric = decode.T @ decode
    with torch.no_grad():
        truth = nn.functional.silu(meant)
        away = truth[: len(own)] - truth[: len(own)].mean(0)
        spread = ((away @ metric) * away).sum(1).mean()
        errors = []
        for network in (mapping, result.mapping):
            off = network.latent(said) - truth
            errors.append(((off @ metric) * off).sum(1) / spread)
    start = 0
    for name, sayings in kinds.items():
        part = slice(start, start + len(sayings))
        start += len(sayings)
        was, now = (error[part].mean() for error in errors)
        print(f"{len(sayings)} {name}: {was:.5f} before, {now:.5f} now")
    metadata = dataclasses.replace(
        checkpoint.metadata,
        config=result.config,
        metrics={},
        captions=library.captions(prompts),
        tints=dict(library.tints),
        proportions=dict(library.stretches),
    )
    # Vertices that were left out are zero, and are left out again.
    save_checkpoint(arguments.output, result, metadata, checkpoint.text_tensors, floor=0.0)


def saying(prompt: str, library: LibraryCollection) -> Saying:
    """A prompt, and what it says without its word of proportion, if it is a stretched copy's."""
    instance = library.instance(prompt)
    if not instance.look.stretch:
        return prompt, prompt
    return prompt, Look(instance.look.tint).caption(library.index.entries[instance.model].prompt)


def copies(prompts: Sequence[str], library: LibraryCollection, most: int) -> list[Saying]:
    """Copies of the models that are none of the prompts, at most so many, drawn."""
    taken = set(prompts)
    found = [
        (caption, Look(shown.paint).caption(shown.plain))
        for plain in prompts
        for caption, shown in library.copies(plain).items()
        if caption not in taken
    ]
    return Random(0).sample(found, min(len(found), most))


def layers_of(mapping: MappingNetwork) -> list[nn.Linear]:
    """The mapping network's layers before v."""
    return [layer for layer in (mapping.encode, *mapping.deeper) if isinstance(layer, nn.Linear)]


@torch.no_grad()
def hidden(mapping: MappingNetwork, embeddings: Tensor) -> Tensor:
    """v before its SiLU."""
    first, *rest = layers_of(mapping)
    v = first(embeddings.flatten(1))
    for layer in rest:
        v = layer(nn.functional.silu(v))
    return v


def encoded(captions: Sequence[str], encoder: TextEncoder) -> Tensor:
    parts = [captions[first : first + 256] for first in range(0, len(captions), 256)]
    return torch.cat([encoder.encode(part) for part in parts])


if __name__ == "__main__":
    main()

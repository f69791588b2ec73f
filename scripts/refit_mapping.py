"""Fit a deep mapping network anew, so that captions nobody wrote are guessed from written ones.

    python scripts/refit_mapping.py CHECKPOINT -o OUT.safetensors [--second 2048]
    python scripts/find_latents.py CHECKPOINT --library LIB -o V.safetensors
    python scripts/refit_mapping.py CHECKPOINT --latents V.safetensors -o OUT.safetensors

For checkpoints from before fits took imagined captions (``training/amortized/latents.py``), and for
a wider network, other latents or further captions of a table: what the prompts that it learnt say
stays the same, or becomes what ``--latents`` has, as near as the fit can; grid, MLP and text tower
stay as they are. The fit begins with the network that is there, where that is as wide. Prints the
error over the learnt prompts and the imagined ones, in units of the spread of the learnt ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file
from torch import nn

from backend.inference.linearized import closed
from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.mapping import MappingNetwork
from training.amortized.latents import LatentsConfig, fit_mapping, imagine
from training.assets.library import LibraryCollection
from training.library.attributes import STRETCHES, TINTS, Look
from training.library.storage import Entry, Index, write_index
from training.props.table import PropTable, read_table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--imagined", type=int, default=8000)
    parser.add_argument("--weight", type=float, default=0.5)
    parser.add_argument("--rate", type=float, default=LatentsConfig.rate)
    parser.add_argument("--hidden", type=int, help="units of the first hidden layer; as it is")
    parser.add_argument("--second", type=int, default=0, help="of a second one; 0: none")
    parser.add_argument("--latents", type=Path, help="of scripts/find_latents.py")
    parser.add_argument("--table", type=Path, help="of the library: captions in other words")
    parser.add_argument("--wordings", type=int, default=4, help="of each prompt, with --table")
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.checkpoint)
    model, encoder = checkpoint.model, checkpoint.encoder()
    mapping = model.mapping
    assets = checkpoint.metadata.recipe.get("assets")
    if not (isinstance(mapping, MappingNetwork) and mapping.deeper and isinstance(assets, dict)):
        raise SystemExit(f"{arguments.checkpoint} is not a library's with a deep mapping network")
    prompts = checkpoint.metadata.prompts
    parts = [prompts[first : first + 256] for first in range(0, len(prompts), 256)]
    with torch.no_grad():
        said = torch.cat([encoder.encode(part) for part in parts])
        before = mapping.encode(said.flatten(1))
        for layer in mapping.deeper:
            before = layer(nn.functional.silu(before))
        truth = nn.functional.silu(before)
    if arguments.latents:
        truth = load_file(arguments.latents)["latents"]
        if truth.shape != before.shape:
            raise SystemExit(f"{arguments.latents} has not the latents of {arguments.checkpoint}")
        before = torch.from_numpy(closed(truth.double().numpy())).float()
    # As a library's training visits them: models more often than their copies.
    plain = [model["prompt"] for model in assets["models"]]
    plain = [prompt for prompt in plain if prompt in set(prompts)]
    weights = torch.tensor([3.0 if prompt in set(plain) else 1.0 for prompt in prompts])
    beside = 2 * model.config.latent
    config = LatentsConfig(
        hidden=(arguments.hidden or mapping.encode.out_features) - beside,
        second=max(arguments.second - beside, 0),
        rate=arguments.rate,
        components=checkpoint.metadata.config.components or LatentsConfig.components,
        imagined=arguments.imagined,
        imagined_weight=arguments.weight,
        epochs=arguments.epochs,
    )
    table = PropTable(read_table(arguments.table)) if arguments.table else None
    library = collection(assets["models"], table) if table else None
    proportions = model.config.proportions > 0
    imagined = imagine(prompts + 2 * plain, encoder, config, library, proportions=proportions)
    wordings = [said]
    if table:
        for other in other_wordings(prompts, assets["models"], table, arguments.wordings):
            parts = [other[first : first + 256] for first in range(0, len(other), 256)]
            wordings.append(torch.cat([encoder.encode(part) for part in parts]))
    before = before.repeat(len(wordings), 1)
    result = fit_mapping(model, before, wordings, weights, config, imagined)
    decode = model.mapping.plain_weights()["decode.weight"]
    metric = decode.T @ decode
    with torch.no_grad():
        wrong, away = result.mapping.latent(said) - truth, truth - truth.mean(0)
        error, spread = (((part @ metric) * part).sum(1) for part in (wrong, away))
        print(f"{len(said)} learnt prompts: error {error.mean() / spread.mean():.5f} of the spread")
        for other in wordings[1:]:
            errors = []
            for network in (mapping, result.mapping):
                off = network.latent(other) - truth
                errors.append(((off @ metric) * off).sum(1).mean() / spread.mean())
            print("in other words: {:.5f} before, {:.5f} now".format(*errors))
        for some in imagined:
            shares = some.expected(truth[some.known], metric)
            off = result.mapping.latent(some.embeddings) - shares @ truth[some.known]
            error = ((off @ metric) * off).sum(1)
            print(f"{len(off)} imagined ones: {error.mean() / spread.mean():.5f}")
    metadata = dataclasses.replace(checkpoint.metadata, config=result.config, metrics={})
    # Vertices that were left out are zero, and are left out again.
    save_checkpoint(arguments.output, result, metadata, checkpoint.text_tensors, floor=0.0)


def collection(models: list[dict[str, str]], table: PropTable) -> LibraryCollection:
    """The library that a checkpoint learnt, as far as its captions go: what prompts show."""
    with tempfile.TemporaryDirectory() as folder:
        entries = [
            Entry(
                prompt=model["prompt"],
                captions=[model["prompt"], *captions_of(model, table)[1:]],
                key=str(number),
                source=model["source"],
                object=model.get("object", ""),
                sha256=model["sha256"],
                author=model["author"],
                licence=model["licence"],
                faces=0,
                closed=True,
                size=1.0,
            )
            for number, model in enumerate(models)
        ]
        write_index(Path(folder), Index(entries, [], {}))
        return LibraryCollection(Path(folder), attributes=True)


def captions_of(model: dict[str, str], table: PropTable) -> Sequence[str]:
    """The captions of a model's row, or none."""
    prop = table.prop_of_file(model["source"])
    return prop.captions if prop else ()


def other_wordings(
    prompts: list[str], models: list[dict[str, str]], table: PropTable, count: int
) -> list[list[str]]:
    """``count - 1`` lists of the prompts in other words, as training says them: without the
    article, then by the next caption of the model's row in ``table``, then by any of these."""
    looks = [Look(tint, stretch) for tint in ("", *TINTS) for stretch in ("", *STRETCHES)]
    forms: dict[str, list[str]] = {}
    for model in models:
        for look in looks:
            said = look.caption(model["prompt"])
            captions = [said, *(look.caption(text) for text in captions_of(model, table)[1:])]
            bare = [text.split(" ", 1)[1] for text in captions if text.startswith(("a ", "an "))]
            # A model of this name comes before another's copy.
            if look.plain or said not in forms:
                forms[said] = [*bare[:1], *captions[1:], *bare[1:]] or [said]
    random = Random(0)
    others = [forms.get(prompt, [prompt]) for prompt in prompts]
    bare = [options[0] for options in others]
    further = [options[min(1, len(options) - 1)] for options in others]
    rest = [[random.choice(options) for options in others] for _ in range(count - 3)]
    return [bare, further, *rest][: count - 1]


if __name__ == "__main__":
    main()

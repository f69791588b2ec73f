"""``att3d info``: what a checkpoint says of itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..model.checkpoint_file import file_sha256, read_metadata
from ..paths import default_checkpoint
from ..protocol.foreign_text import printable
from ..protocol.schema import to_json

SHOWN_PROMPTS = 8
LONG = {"prompts", "unseen", "words", "synonyms", "sizes", "captions", "tints", "kinds"}
"""Facts that have an item for each prompt or word."""


def describe(path: Path | None) -> dict[str, Any]:
    """Everything in a checkpoint's metadata, with its size and hash.

    Raises:
        CheckpointError: missing, damaged, too new, or not a checkpoint.
    """
    path = default_checkpoint() if path is None else path
    metadata = dataclasses.asdict(read_metadata(path))
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        **metadata,
    }


def summarized(facts: dict[str, Any]) -> dict[str, Any]:
    """What :func:`describe` found, with counts instead of the long lists: prompts, vocabulary, and
    the models that a library consists of."""
    short = {key: {"count": len(value)} if key in LONG else value for key, value in facts.items()}
    encoder, recipe = dict(facts["text_encoder"]), dict(facts["recipe"])
    if "words" in encoder:
        encoder["words"] = {"count": len(encoder["words"])}
    models = recipe["assets"].get("models") if isinstance(recipe.get("assets"), dict) else None
    if isinstance(models, list):
        recipe["assets"] = {**recipe["assets"], "models": {"count": len(models)}}
    return short | {"text_encoder": encoder, "recipe": recipe}


def as_text(facts: dict[str, Any]) -> str:
    """What :func:`describe` found, as lines for a person."""
    encoder = dict(facts["text_encoder"])
    words = encoder.pop("words", None)
    lines = [
        f"{facts['name']}",
        f"  file         {facts['path']} ({facts['bytes'] / 2**20:.1f} MiB)",
        f"  sha256       {facts['sha256']}",
        f"  licence      {facts['licence'] or 'not stated'}",
    ]
    for title in ("description", "limits"):
        if facts[title]:
            lines.append(f"  {title:<12} {facts[title]}")
    lines.append(f"  text encoder {_flat(encoder)}")
    lines.append(f"  vocabulary   {len(facts['words'] or words or [])} words")
    lines.append(f"  prompts      {len(facts['prompts'])} seen, {len(facts['unseen'])} left out")
    lines += [f"                 {prompt}" for prompt in facts["prompts"][:SHOWN_PROMPTS]]
    if len(facts["prompts"]) > SHOWN_PROMPTS:
        lines.append("                 ...")
    for condition in facts["config"]["conditions"]:
        lines.append(
            f"  --condition  {condition['name']}={condition['default']:g}"
            f" (from {condition['low']:g} to {condition['high']:g})"
        )
    short = summarized(facts)
    for title in ("config", "metrics", "recipe"):
        lines.append(f"  {title:<12} {_flat(short[title]) or 'not stated'}")
    return "\n".join(printable(line).replace("\n", " ") for line in lines)


def _flat(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{key}={value if isinstance(value, str) else to_json(value)}"
        for key, value in values.items()
    )

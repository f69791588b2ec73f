"""What a checkpoint file says of itself, as lines for a person. No bpy.

A file may hold anything: what is not of the expected kind is left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...backend.protocol.foreign_text import one_line
from . import catalog

MOST = 1200
"""Letters of one text."""


@dataclass(frozen=True)
class Card:
    """A model card."""

    name: str
    summary: str
    """What the checkpoint is for."""
    facts: tuple[tuple[str, str], ...]
    """Title and text, in order: what helps whoever uses it."""
    technical: tuple[tuple[str, str], ...] = ()
    """The same for whoever wants to know how it was made and measured."""


def read_card(path: Path) -> Card:
    """The card of a checkpoint file; mostly empty when the file says nothing."""
    said = catalog.metadata(path)
    prompts, unseen = catalog.texts(said.get("prompts")), catalog.texts(said.get("unseen"))
    encoder = said.get("text_encoder")
    encoder = encoder if isinstance(encoder, Mapping) else {}
    words = catalog.texts(said.get("words")) or catalog.texts(encoder.get("words"))
    few = len(prompts) <= catalog.FEW
    facts = [
        ("Makes", _text(", ".join(prompts)) if few else ""),
        ("Limits", _text(said.get("limits"))),
        (
            "Knows",
            f"{len(prompts) + len(unseen):,} prompts, {len(words):,} words" if prompts else "",
        ),
        ("New to It", f"{len(unseen):,} of these prompts, whose words it knows" if unseen else ""),
        ("License", _text(said.get("licence"))),
        ("File", one_line(str(path))),
        ("Size", _size(path)),
    ]
    technical = [
        ("Figures", figures(said.get("metrics"))),
        ("Trained By", _recipe(said.get("recipe"))),
        ("Text Encoder", " ".join(_text(encoder.get(key)) for key in ("kind", "name")).strip()),
        ("SHA-256", catalog.recorded_hash(path) or ""),
    ]
    return Card(
        catalog.name_of(path),
        _text(said.get("description")),
        tuple((title, text) for title, text in facts if text),
        tuple((title, text) for title, text in technical if text),
    )


def figures(metrics: object) -> str:
    """Measured values, those of seen and unseen prompts beside each other."""
    if not isinstance(metrics, Mapping):
        return ""
    parts = []
    for name, value in metrics.items():
        title = str(name).replace("_", " ")
        if isinstance(value, Mapping):
            inner = [f"{k} {_number(v)}" for k, v in value.items() if isinstance(v, int | float)]
            parts += [f"{title}: {', '.join(inner)}"] if inner else []
        elif isinstance(value, int | float):
            parts.append(f"{title}: {_number(value)}")
    return one_line("; ".join(parts))[:MOST]


def picture_of(path: Path, cache: Path) -> Path:
    """Where the picture of a checkpoint is, or would be.

    A PNG file of the same name beside the checkpoint wins; else one that was drawn here.
    """
    beside = path.with_suffix(".png")
    return beside if beside.is_file() else cache / f"{fingerprint(path)}.png"


def fingerprint(path: Path) -> str:
    """Tells checkpoints apart without reading all of their bytes, as their hash would."""
    said = json.dumps(catalog.metadata(path), sort_keys=True)
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    return hashlib.sha256(f"{size} {said}".encode()).hexdigest()[:20]


def _text(value: object) -> str:
    return one_line(value)[:MOST] if isinstance(value, str) else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _recipe(recipe: object) -> str:
    if not isinstance(recipe, Mapping):
        return ""
    config = recipe.get("config")
    preset = config.get("name") if isinstance(config, Mapping) else None
    named = {"preset": recipe.get("preset") or preset} | {
        key: recipe.get(key) for key in ("steps", "frames", "commit")
    }
    parts = (f"{k} {v}" for k, v in named.items() if isinstance(v, int | str) and v)
    return one_line(", ".join(parts))[:MOST]


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size / 2**20:.1f} MB"
    except OSError:
        return ""

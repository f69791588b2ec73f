"""Reference assets: what a run compares its objects with.

:mod:`.protocol` says what training asks of them. Each kind is one file and one line here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from backend.protocol.errors import TrainingError

from ..prompts import PromptSet
from .library import LibraryConfig
from .protocol import (
    AssetCollection,
    ReferenceAssets,
    ReferenceBatch,
    Shown,
    lit_on_white,
    references_of,
)
from .toybox import ToyboxConfig

AnyAssets: TypeAlias = ToyboxConfig | LibraryConfig
"""The union of all kinds' settings: the type of the ``assets`` in a run's configuration."""

KINDS: dict[str, type[AnyAssets]] = {kind.kind: kind for kind in (ToyboxConfig, LibraryConfig)}
"""Every kind by the name that a checkpoint's recipe has for it."""


def assets_from_json(described: object) -> AnyAssets:
    """The settings that a run's configuration holds as JSON; the toybox where it names none.

    Raises:
        TrainingError: the kind is not known, or its settings do not fit.
    """
    if described is None:
        return ToyboxConfig()
    try:
        if not isinstance(described, Mapping):
            raise TypeError("they are not an object")
        kind = KINDS[str(described["kind"])]
        names = {field.name for field in dataclasses.fields(kind) if field.init}
        return kind(**{name: value for name, value in described.items() if name in names})
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"the assets of this checkpoint's recipe cannot be understood: {error}",
            "train it again, or name its assets",
        ) from error


def prompts_of(
    recipe: Mapping[str, object], prompts: str = "", library: Path | None = None
) -> tuple[AssetCollection, PromptSet]:
    """The collection and the prompt set of a checkpoint by its recipe, or those asked for.

    ``library`` is where its library is, if it is not where it was.

    Raises:
        TrainingError: there is no such set, library or file.
    """
    config = recipe.get("config")
    made = config if isinstance(config, Mapping) else {}
    collection = assets_of(recipe, library).open()
    return collection, collection.prompt_set(prompts or str(made.get("prompts", "toybox")))


def assets_of(recipe: Mapping[str, object], library: Path | None = None) -> AnyAssets:
    """The assets that a checkpoint was trained on, by its recipe; or ``library``.

    Raises:
        TrainingError: the recipe's cannot be understood.
    """
    config = recipe.get("config")
    found = assets_from_json(config.get("assets") if isinstance(config, Mapping) else None)
    if library is None:
        return found
    if isinstance(found, LibraryConfig):
        return dataclasses.replace(found, folder=str(library))
    return LibraryConfig(str(library))


__all__ = [
    "KINDS",
    "AnyAssets",
    "AssetCollection",
    "LibraryConfig",
    "ReferenceAssets",
    "ReferenceBatch",
    "Shown",
    "ToyboxConfig",
    "assets_from_json",
    "assets_of",
    "lit_on_white",
    "prompts_of",
    "references_of",
]

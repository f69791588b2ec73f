"""Where an object came from, kept on the object as custom properties.

They are plain text and numbers: they are saved in the .blend, exported as glTF extras, and can be
read in the Custom Properties panel with no add-on present.
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import bpy

PROMPT = "att3d_prompt"
CHECKPOINT = "att3d_checkpoint"
CHECKPOINT_HASH = "att3d_checkpoint_hash"
EXTENSION_VERSION = "att3d_version"
BACKEND_VERSION = "att3d_backend_version"
OPTIONS = "att3d_options"
NOTES = "att3d_notes"


@dataclass(frozen=True)
class Provenance:
    """Everything that is needed to make the same object again."""

    prompt: str
    """The whole prompt; names are cut, this is not. Empty: made from a chain, which says more."""
    checkpoint: str
    """Name of the checkpoint, as the panel shows it."""
    checkpoint_hash: str
    """SHA-256 of the checkpoint file."""
    extension_version: str
    backend_version: str
    options: Mapping[str, int | float | bool]
    """Mesh options: faces, texture_size, resolution, normal_map ..."""
    notes: tuple[str, ...] = ()
    """What the backend remarked, for example words that the checkpoint never saw."""

    def write(self, ob: bpy.types.Object) -> None:
        """Put everything on the object."""
        if self.prompt:
            ob[PROMPT] = self.prompt
        ob[CHECKPOINT] = self.checkpoint
        ob[CHECKPOINT_HASH] = self.checkpoint_hash
        ob[EXTENSION_VERSION] = self.extension_version
        ob[BACKEND_VERSION] = self.backend_version
        ob[OPTIONS] = json.dumps(dict(self.options), sort_keys=True)
        if self.notes:
            ob[NOTES] = "\n".join(self.notes)
        elif NOTES in ob:  # of an earlier build
            del ob[NOTES]


def prompt_of(ob: bpy.types.Object | None) -> str | None:
    """The prompt that made this object, or None when it is not one of ours."""
    value = ob.get(PROMPT) if ob is not None else None
    return value if isinstance(value, str) else None


def options_of(ob: bpy.types.Object) -> dict[str, int | float | bool]:
    """The mesh options that made this object; empty when somebody has edited them away."""
    try:
        options = json.loads(ob.get(OPTIONS, "{}"))
    except (TypeError, ValueError):
        return {}
    return options if isinstance(options, dict) else {}

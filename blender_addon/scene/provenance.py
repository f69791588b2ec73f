"""Where an object came from, kept on the object as custom properties.

They are plain text and numbers: they are saved in the .blend, exported as glTF extras, and can be
read in the Custom Properties panel with no add-on present.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy

PROMPT = "att3d_prompt"
CHECKPOINT = "att3d_checkpoint"
CHECKPOINT_HASH = "att3d_checkpoint_hash"
EXTENSION_VERSION = "att3d_version"
BACKEND_VERSION = "att3d_backend_version"
OPTIONS = "att3d_options"
NOTES = "att3d_notes"
BLEND = "att3d_blend"
"""An object between prompts: the chain's prompts and alpha, as JSON."""


@dataclass(frozen=True)
class Provenance:
    """Everything that is needed to make the same object again."""

    prompt: str
    """The whole prompt; names are cut, this is not. Empty: made of several, see ``source``."""
    checkpoint: str
    """Name of the checkpoint, as the panel shows it."""
    checkpoint_hash: str
    """SHA-256 of the checkpoint file."""
    extension_version: str
    backend_version: str
    options: Mapping[str, int | float | bool | str]
    """Mesh options: faces, texture_size, resolution, normal_map ...; and ``conditions``, as JSON,
    where the checkpoint has some."""
    notes: tuple[str, ...] = ()
    """What the backend remarked, for example words that the checkpoint never saw."""
    title: str = ""
    """What the object is called where no single prompt made it."""
    source: Mapping[str, str] = field(default_factory=dict)
    """Custom properties that say what it was made of, where no single prompt did: the chain of an
    animated object, or :data:`BLEND`."""

    @property
    def name(self) -> str:
        """What the object is called, uncut."""
        return self.title or self.prompt

    def made(self, ob: bpy.types.Object) -> bool:
        """Whether the object was made of the same prompt, chain or blend."""
        named = {**({PROMPT: self.prompt} if self.prompt else {}), **self.source}
        return bool(named) and all(ob.get(name) == value for name, value in named.items())

    def write(self, ob: bpy.types.Object) -> None:
        """Put everything on the object."""
        if self.prompt:
            ob[PROMPT] = self.prompt
        ob[CHECKPOINT] = self.checkpoint
        ob[CHECKPOINT_HASH] = self.checkpoint_hash
        ob[EXTENSION_VERSION] = self.extension_version
        ob[BACKEND_VERSION] = self.backend_version
        ob[OPTIONS] = json.dumps(dict(self.options), sort_keys=True)
        for name, value in self.source.items():
            ob[name] = value
        if self.notes:
            ob[NOTES] = "\n".join(self.notes)
        elif NOTES in ob:  # of an earlier build
            del ob[NOTES]


def prompt_of(ob: bpy.types.Object | None) -> str | None:
    """The prompt that made this object, or None when it is not one of ours."""
    value = ob.get(PROMPT) if ob is not None else None
    return value if isinstance(value, str) else None


def is_made(ob: bpy.types.Object | None) -> bool:
    """Whether this object is one of ours: made of a prompt, of a chain or of what lies between."""
    return ob is not None and CHECKPOINT_HASH in ob


def options_of(ob: bpy.types.Object) -> dict[str, int | float | bool | str]:
    """The mesh options that made this object; empty when somebody has edited them away."""
    try:
        options = json.loads(ob.get(OPTIONS, "{}"))
    except (TypeError, ValueError):
        return {}
    return options if isinstance(options, dict) else {}

"""What a scene remembers of its chain: the list in the sidebar, its keys, and the live slider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, FloatProperty, IntProperty, StringProperty

from ...backend.protocol.options import ChainOptions, MeshOptions, PreviewOptions, options_of
from ..checkpoints.prompt_search import search_prompts
from ..ui.option_properties import settings_of
from . import live

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpy.types import Context

    from ...backend.protocol.options import Option
    from ..scene.chain import Chain

SPACING = 48
"""Frames between a new row and the one before: two seconds at 24 frames a second."""


def _prompt_changed(row: ChainRow, context: Context) -> None:
    live.prompts_changed(row.id_data)


class ChainRow(bpy.types.PropertyGroup):
    """One prompt of a chain and when it is shown."""

    prompt: StringProperty(
        name="Prompt",
        description="What the object is at this frame, in a few words",
        update=_prompt_changed,
        search=search_prompts,
        search_options={"SUGGESTION"},
    )
    frame: IntProperty(
        name="Frame",
        description=(
            "When the object is just this. Between two frames it changes from the one prompt to "
            "the other"
        ),
        default=1,
        options=set(),
    )


CHAIN_OPTIONS = options_of(ChainOptions)
KEY_OPTIONS = tuple(
    option
    for option in CHAIN_OPTIONS
    if option.name not in {mesh.name for mesh in options_of(MeshOptions)}
)
"""The options that only chains have; the others are taken from the mesh's settings."""


def _blend_changed(settings: ChainSettings, context: Context) -> None:
    live.prompts_changed(settings.id_data)


@settings_of(KEY_OPTIONS, prefix="chain_")
@settings_of(options_of(PreviewOptions), prefix="preview_", update=_blend_changed)
class ChainSettings:
    """The chain of a scene; part of ``scene.att3d``."""

    chain: CollectionProperty(
        type=ChainRow,
        name="Chain",
        description="Prompts that the object goes through, each at its frame",
    )
    chain_index: IntProperty(
        name="Selected Prompt",
        description="Which row of the chain the buttons act on",
        options=set(),
    )
    blend: FloatProperty(
        name="Blend",
        description=(
            "From the first prompt of the chain to the last. While the slider is live, the true "
            "object at this place is shown"
        ),
        default=0.0,
        min=0.0,
        max=1.0,
        precision=3,
        subtype="FACTOR",
        options=set(),
        update=_blend_changed,
    )

    @property
    def rows(self) -> list[tuple[str, int]]:
        """Prompts and frames of the list, as they stand there."""
        return [(row.prompt, row.frame) for row in self.chain]

    def asked_of(self, option: Option) -> Any:
        """What the panels say of an option of chains: its own setting, or the mesh's."""
        prefix = "chain_" if option in KEY_OPTIONS else ""
        return getattr(self, prefix + option.name)

    @property
    def chain_options(self) -> dict[str, Any]:
        """The options that a chain gets, by name.

        The mesh's settings allow more than a chain can have, so they are lowered where need be.
        """
        asked = {option: self.asked_of(option) for option in CHAIN_OPTIONS}
        return {
            option.name: value if option.maximum is None else min(value, option.maximum)
            for option, value in asked.items()
        }

    def fill_in_examples(self, examples: Sequence[str]) -> None:
        """Put the example that an empty row shows into it."""
        for row, example in zip(self.chain, examples, strict=False):
            if not row.prompt.strip():
                row.prompt = example

    def show_chain(self, chain: Chain) -> None:
        """Put a chain into the list."""
        if self.rows == list(zip(chain.prompts, chain.frames, strict=True)):
            return
        self.chain.clear()
        for prompt, frame in zip(chain.prompts, chain.frames, strict=True):
            row = self.chain.add()
            row.prompt, row.frame = prompt, frame
        self.chain_index = min(max(self.chain_index, 0), len(self.chain) - 1)

    def next_frame(self) -> int:
        """Where a new row goes: after the last, or at the start of the scene."""
        if not self.chain:
            return self.id_data.frame_start
        return max(row.frame for row in self.chain) + SPACING

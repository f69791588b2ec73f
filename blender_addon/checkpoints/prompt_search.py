"""What the chosen checkpoint knows, for prompt fields and panels. The backend is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ..process.session import redraw
from ..ui.preferences import preferences
from . import catalog
from .automatic import all_read, answering
from .inverted import is_own, own_names
from .prompt_index import PromptIndex, mixed, prompt_index

if TYPE_CHECKING:
    from bpy.types import Context

    from ...backend.prompts.vocabulary import Familiarity

EXAMPLE = "a pig wearing a tophat"
OTHERS = 12
"""How many other checkpoints are looked through for a word."""
LOOK_AGAIN = 0.3
"""Seconds until the panel is drawn again while the checkpoint's words are being read."""


def chosen(context: Context) -> catalog.Choice | None:
    """The checkpoint that answers the scene's prompt, if it is a file on this machine."""
    settings = context.scene.att3d
    return answering(settings.checkpoint, [settings.prompt])


def known_by(
    checkpoint: str, context: Context, *, prompt: str | None = None, wait: bool = False
) -> PromptIndex | None:
    """What the checkpoint of this identifier knows; None while that is being read.

    Args:
        checkpoint: as the scene's setting says it.
        context: of Blender.
        prompt: that chooses the checkpoint on Automatic; None: the scene's.
        wait: until it has been read. Scripts always wait.
    """
    asked = context.scene.att3d.prompt if prompt is None else prompt
    choice = answering(checkpoint, [asked], wait=wait or bpy.app.background)
    if choice is None:
        return None
    known = prompt_index(choice.path, wait=wait or bpy.app.background)
    if known is None and not bpy.app.timers.is_registered(_redraw):
        bpy.app.timers.register(_redraw, first_interval=LOOK_AGAIN)
    return known


def search_prompts(owner: Any, context: Context, text: str) -> list[tuple[str, str] | str]:
    """Prompts to offer; Blender asks at every keystroke in a prompt field."""
    checkpoint = context.scene.att3d.checkpoint
    known = known_by(checkpoint, context, prompt=text)
    own = own_names(context.scene, text)
    others = [] if checkpoint else [index for index in all_read() if index is not known]
    found = mixed(text, known, others)
    entries: list[tuple[str, str] | str] = [name for name in own if name != text]
    entries += [
        (one.prompt, iface_("{words} is unknown").format(words=one.hint))
        if one.hint
        else one.prompt
        for one in found
        if one.prompt not in own
    ]
    # Blender takes a single entry in place of what was typed.
    return [text, *entries] if len(entries) == 1 and text and entries != [text] else entries


def familiarity(context: Context, prompt: str) -> Familiarity | None:
    """What the scene's checkpoint has to do with a prompt; None when nobody knows (yet)."""
    if not prompt.strip() or is_own(context.scene, prompt):
        return None
    known = known_by(context.scene.att3d.checkpoint, context, prompt=prompt)
    return known.familiarity(prompt) if known is not None else None


def example_prompt(context: Context) -> str:
    """A prompt that the scene's checkpoint knows, to show in an empty field."""
    known = known_by(context.scene.att3d.checkpoint, context)
    if known is None or not known.prompts or EXAMPLE in known.prompts:
        return EXAMPLE
    return known.prompts[len(known.prompts) // 3]


def example_chain(context: Context) -> list[str]:
    """Prompts that the scene's checkpoint knows and that make a good chain; none while it is read.

    A checkpoint of few prompts is one of stages, in their order; of one that knows many, prompts
    are taken that differ in one phrase.
    """
    known = known_by(context.scene.att3d.checkpoint, context)
    if known is None or not known.prompts:
        return []
    if len(known.prompts) <= catalog.FEW:
        middle = len(known.prompts) // 2
        return list(dict.fromkeys(known.prompts[i] for i in (0, middle, -1)))
    first = example_prompt(context)
    return [first, *(neighbour.prompt for neighbour in known.neighbours(first, 2))]


def others_that_know(context: Context, prompt: str) -> list[catalog.Choice]:
    """Other checkpoints here that know what a prompt is about, as far as they have been read."""
    current = chosen(context)
    listed = catalog.choices(preferences(context).checkpoint_folder_path)
    others = [choice for choice in listed if current is None or choice.path != current.path]
    found = []
    for choice in others[:OTHERS]:
        known = known_by(choice.identifier, context)
        if known is not None and known.prompts and known.knows_subject(prompt):
            found.append(choice)
    return found


def _redraw() -> None:
    redraw()

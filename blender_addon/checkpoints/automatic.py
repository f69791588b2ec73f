"""The checkpoint that answers: the chosen one, or on *Automatic* the one that knows the words best.

The scene's setting is empty on Automatic, and so are operators' and the history's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from bpy.app.translations import pgettext_iface as iface_

from ...backend.prompts.choice import Fit, best, fit
from ...backend.protocol.errors import BadPrompt
from ..ui.preferences import preferences
from ..ui.status_text import draw_text, told
from . import catalog
from .inverted import own_checkpoint
from .prompt_index import PromptIndex, prompt_index

if TYPE_CHECKING:
    from bpy.types import Context, UILayout

MOST = 24
"""Checkpoints that Automatic chooses among."""


def answering(
    checkpoint: str, prompts: Sequence[str], *, wait: bool = False
) -> catalog.Choice | None:
    """The checkpoint that answers some prompts; None when there is none on this machine.

    Args:
        checkpoint: an identifier; empty: the words choose, of equal ones the default.
        prompts: that one checkpoint is to know; a chain has several.
        wait: until all checkpoints have been read; else those that have been are looked through.
    """
    folder = preferences().checkpoint_folder_path
    if checkpoint:
        return catalog.find(checkpoint, folder)
    listed = catalog.choices(folder)[:MOST]
    if not any(prompt.strip() for prompt in prompts):
        return listed[0] if listed else None
    known = [(choice, prompt_index(choice.path, wait=wait)) for choice in listed]
    read = [(choice, index) for choice, index in known if index is not None]
    if not read:
        return listed[0] if listed else None
    return read[best([_fit(index, tuple(prompts)) for _, index in read])][0]


def answering_chain(
    checkpoint: str, prompts: Sequence[str], *, wait: bool = True
) -> catalog.Choice | None:
    """The checkpoint that answers a chain; the arguments are those of :func:`answering`.

    Raises:
        BadPrompt: on Automatic, where none knows all the prompts.
    """
    chosen = answering(checkpoint, prompts, wait=wait)
    index = prompt_index(chosen.path, wait=wait) if chosen is not None else None
    if checkpoint or index is None or _fit(index, tuple(prompts)).knows_all:
        return chosen
    names = []
    for prompt in prompts:
        one = answering("", [prompt])
        known = prompt_index(one.path) if one is not None else None
        sure = known is not None and _fit(known, (prompt,)).knows_all
        names.append(f"“{prompt}”: {one.label if one is not None and sure else '-'}")
    raise BadPrompt(
        f"No model knows all prompts of the chain ({'; '.join(names)}).",
        "Use prompts that one model knows, or choose a model.",
    )


def all_read() -> list[PromptIndex]:
    """What the checkpoints know that Automatic chooses among, as far as they have been read."""
    listed = catalog.choices(preferences().checkpoint_folder_path)[:MOST]
    indexes = (prompt_index(choice.path) for choice in listed)
    return [index for index in indexes if index is not None]


def _for_panel(prompts: Sequence[str]) -> catalog.Choice | None:
    one = len(prompts) == 1
    return answering("", prompts) if one else answering_chain("", prompts, wait=False)


def draw_answering(layout: UILayout, context: Context, prompts: Sequence[str]) -> None:
    """Say which checkpoint answers on Automatic; nothing where one is chosen."""
    width, scene = context.region.width, context.scene
    if scene.att3d.checkpoint or not any(prompt.strip() for prompt in prompts):
        return
    own = own_checkpoint(scene, prompts)
    try:
        choice = answering(own, prompts) if own else _for_panel(prompts)
    except BadPrompt as error:
        draw_text(layout, told(error), width, "ERROR")
        return
    if choice is not None:
        text = iface_("{checkpoint} answers").format(checkpoint=choice.label)
        draw_text(layout, text, width, "FILE_3D")


@lru_cache(maxsize=256)
def _fit(known: PromptIndex, prompts: tuple[str, ...]) -> Fit:
    return fit(known.vocabulary, prompts)

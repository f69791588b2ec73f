"""What a scene remembers of its prompt and mesh, and what Enter in the prompt field does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ...backend.protocol.errors import BadPrompt
from ...backend.protocol.options import MeshOptions, options_of
from ..checkpoints.prompt_search import search_prompts
from ..process.session import session
from ..scene.place import Placement
from ..ui.option_properties import settings_of
from ..ui.preferences import preferences
from .queue import queue

if TYPE_CHECKING:
    from bpy.types import Context


_quiet = False


@contextmanager
def quietly() -> Iterator[None]:
    """Settings that are changed within start nothing, even from a button in the sidebar."""
    global _quiet
    _quiet = True
    try:
        yield
    finally:
        _quiet = False


def is_quiet() -> bool:
    return _quiet


def _prompt_confirmed(settings: GenerateSettings, context: Context) -> None:
    """Enter in the prompt field generates. Scripts that assign the prompt start nothing.

    What was wrong with the prompt before is settled in any case, and so is what was said about it.
    """
    session.notes = ()
    if isinstance(session.error, BadPrompt):
        session.error = None
    region, area = context.region, context.area
    typed = (
        not (bpy.app.background or _quiet)
        and area is not None
        and area.type == "VIEW_3D"
        and region is not None
        and region.type == "UI"
    )
    if not (typed and settings.prompt.strip() and preferences(context).generate_on_enter):
        return
    generate_soon()


def generate_soon() -> None:
    """Generate the scene's prompt, once Blender has closed the text field that it was typed in.

    Where something is being made already, it waits for its turn.
    """
    if not bpy.app.timers.is_registered(_generate_from_field):
        bpy.app.timers.register(_generate_from_field, first_interval=0.01)


def _generate_from_field() -> None:
    if session.busy:
        queue.add(bpy.context)
    elif bpy.ops.att3d.generate.poll():
        with suppress(RuntimeError):  # the operator has reported it, and the panel shows it
            bpy.ops.att3d.generate("INVOKE_DEFAULT")


@settings_of(options_of(MeshOptions))
class GenerateSettings:
    """The prompt and mesh options of a scene; part of ``scene.att3d``."""

    prompt: StringProperty(
        name="Prompt",
        description="What to make, in a few words. Press Enter to generate it",
        update=_prompt_confirmed,
        search=search_prompts,
        search_options={"SUGGESTION"},
    )
    place: EnumProperty(
        name="Place At",
        description="Where new objects stand",
        items=[
            (
                "FREE",
                "Beside the Others",
                "In rows: beside the active object where one is selected, else from the 3D cursor "
                "on. Never inside what is there",
            ),
            ("ORIGIN", "World Origin", "In the middle of the scene, whatever is there"),
            ("CURSOR", "3D Cursor", "At the 3D cursor"),
        ],
        default="FREE",
    )

    height: FloatProperty(
        name="Height",
        description=(
            "How tall new objects are; of a chain, its first prompt. 0: as the model makes them, "
            "about a metre"
        ),
        default=0.0,
        min=0.0,
        soft_max=10.0,
        max=10_000.0,
        subtype="DISTANCE",
    )
    frame_new: BoolProperty(
        name="Frame New Objects",
        description="Turn the viewport to each new object",
        default=False,
    )

    @property
    def placement(self) -> Placement:
        """Where new objects stand, and how tall they are."""
        return Placement(self.place, self.height)

    def fill_in(self, values: Mapping[str, object]) -> None:
        """Put values into the panel; nothing starts because of it.

        Names that the panel does not have, and values that do not fit (those of another version of
        the extension), are left out. Options of chains begin with ``chain_`` here.
        """
        with quietly():
            for name, value in values.items():
                own = next(
                    (n for n in (name, f"chain_{name}") if n in self.bl_rna.properties), None
                )
                if own is not None:
                    with suppress(TypeError, ValueError):
                        setattr(self, own, value)

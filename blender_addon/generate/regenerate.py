"""Regenerate and variants: an object of ours made again, or another that differs in a phrase.

The model is deterministic: the same prompt, checkpoint and options give the same object, to the
bit on one machine. So *Regenerate* is for other options, a newer checkpoint, or a mesh that was
edited; and a *variant* is another prompt: one that the checkpoint knows and that differs in one
phrase ("lion" in place of "pig", "sombrero" in place of "tophat").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import IntProperty

from ...backend.protocol.errors import BadRequest, CheckpointError
from ..checkpoints import catalog
from ..checkpoints.prompt_index import Neighbour
from ..checkpoints.prompt_search import known_by
from ..process.reply import Reply
from ..process.session import session
from ..scene import provenance
from ..scene.build import add_object
from ..scene.place import Placement, put_beside
from ..scene.replace import replace_mesh
from ..ui.preferences import preferences
from ..ui.status_text import made_text
from .result_operator import PromptOperator

if TYPE_CHECKING:
    from bpy.types import Context

MENU = 18
"""How many variants the menu offers."""


class _FromObject(PromptOperator):
    """An operator that begins with the active object's prompt, checkpoint and options."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if provenance.prompt_of(context.active_object) is None:
            cls.poll_message_set("The active object was not made from a prompt")
            return False
        return True

    def begin(self, context: Context) -> None:
        """Take what the object says for what the caller has not set, but for the prompt."""
        ob = context.active_object
        self._object_uid = ob.session_uid
        options = {"conditions": "", **provenance.options_of(ob)}
        self.fill_in({"checkpoint": checkpoint_of(ob, context), **options})


class ATT3D_OT_regenerate(_FromObject, bpy.types.Operator):
    """Make the active object again from its prompt. It keeps its place, modifiers and material"""

    bl_idname = "att3d.regenerate"
    bl_label = "Regenerate"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        ob = context.active_object
        if ob.mode != "OBJECT":
            cls.poll_message_set("Leave this mode first: the mesh is replaced")
            return False
        if ob.library is not None or ob.override_library is not None:
            cls.poll_message_set("The object belongs to another file. Make it local first")
            return False
        return True

    def request(self, context: Context) -> Reply:
        self.begin(context)
        self.fill_in({"prompt": provenance.prompt_of(context.active_object)})
        return self.ask_mesh(context, self.prompt)

    def finish(self, context: Context, reply: Reply) -> None:
        made = self.take_mesh(reply)
        ob = self.target()
        if ob is None or ob.mode != "OBJECT":
            raise BadRequest(
                "The object to regenerate is not there any more, or is being edited.",
                "Restore the result from the history.",
            )
        before = str(ob.get(provenance.CHECKPOINT_HASH, ""))
        notes = [*made.origin.notes, *replace_mesh(ob, made.arrays, made.origin)]
        if before and before != made.origin.checkpoint_hash:
            notes.append(
                rpt_(
                    "This was made by another version of the model than before "
                    "({new} now, {old} then), so it may look different."
                ).format(new=made.origin.checkpoint_hash[:8], old=before[:8])
            )
        session.succeed(notes, made.seconds)
        self.report({"INFO"}, made_text(ob, made.seconds))


class ATT3D_OT_variant(_FromObject, bpy.types.Operator):
    """Make an object beside the active one from a known prompt that differs in one phrase"""

    bl_idname = "att3d.variant"
    bl_label = "Duplicate as Variant"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    number: IntProperty(
        name="Variant",
        description="Which of the prompts that differ in one phrase, if no prompt is given",
        default=1,
        min=1,
        soft_max=MENU,
        options={"SKIP_SAVE"},
    )

    def request(self, context: Context) -> Reply:
        own = provenance.prompt_of(context.active_object) or ""
        if not self.properties.is_property_set("prompt"):
            identifier = checkpoint_of(context.active_object, context)
            found = neighbours_of(own, identifier, context, wait=True)
            if not found:
                raise CheckpointError(
                    "This model does not say which prompts it knows, so none can be varied.",
                    "Give the variant's prompt yourself.",
                )
            chosen = found[(self.number - 1) % len(found)].prompt
        else:
            chosen = self.prompt
        self.begin(context)
        return self.ask_mesh(context, chosen)

    def finish(self, context: Context, reply: Reply) -> None:
        made = self.take_mesh(reply)
        scene = self.scene(context)
        ob = add_object(scene, made.arrays, made.origin, Placement())
        source = self.target()
        if source is not None:
            put_beside(ob, source, scene)
        session.succeed(made.origin.notes, made.seconds)
        self.report({"INFO"}, made_text(ob, made.seconds))
        self.show(context, ob)


class ATT3D_MT_variants(bpy.types.Menu):
    """Prompts that differ in one phrase from the active object's."""

    bl_idname = "ATT3D_MT_variants"
    bl_label = "Duplicate as Variant"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return provenance.prompt_of(context.active_object) is not None

    def draw(self, context: Context) -> None:
        layout = self.layout
        ob = context.active_object
        found = neighbours_of(
            provenance.prompt_of(ob) or "", checkpoint_of(ob, context), context, wait=True
        )
        if not found:
            layout.label(text="This model does not say which prompts it knows", icon="INFO")
        before = None
        for neighbour in found[:MENU]:
            if before is not None and neighbour.removed != before:
                layout.separator()
            before = neighbour.removed
            text = describe(neighbour)
            layout.operator("att3d.variant", text=text, translate=False).prompt = neighbour.prompt


def describe(neighbour: Neighbour) -> str:
    """What a variant changes: “lion” instead of “pig”."""
    if not neighbour.removed:
        return iface_("with “{added}”").format(added=neighbour.added)
    if not neighbour.added:
        return iface_("without “{removed}”").format(removed=neighbour.removed)
    return iface_("“{added}” instead of “{removed}”").format(
        added=neighbour.added, removed=neighbour.removed
    )


def neighbours_of(
    prompt: str, checkpoint: str, context: Context, *, wait: bool = False
) -> list[Neighbour]:
    """The variants of a prompt that a checkpoint knows; none while its index is being made."""
    known = known_by(checkpoint, context, wait=wait)
    return known.neighbours(prompt, MENU) if known is not None else []


def checkpoint_of(ob: bpy.types.Object, context: Context) -> str:
    """The identifier of the checkpoint that made an object.

    One of the same name, with the same hash if several have the name; else the scene's choice,
    when that is all there is: the result then says that the checkpoint is another.
    """
    name, sha256 = ob.get(provenance.CHECKPOINT), ob.get(provenance.CHECKPOINT_HASH)
    settings = context.scene.att3d
    listed = catalog.choices(preferences(context).checkpoint_folder_path)
    named = [choice for choice in listed if name in (choice.label, choice.path.stem)]
    if len(named) > 1:
        exact = [choice for choice in named if catalog.hash_of(choice.path) == sha256]
        named = exact or named
    return named[0].identifier if named else settings.checkpoint


CLASSES = (ATT3D_OT_regenerate, ATT3D_OT_variant, ATT3D_MT_variants)

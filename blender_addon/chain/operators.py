"""The list's buttons, and Animate: ``bpy.ops.att3d.chain_*`` and ``bpy.ops.att3d.animate``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...backend.protocol.errors import BadPrompt, BadRequest
from ...backend.protocol.messages import InterpolateParams, InterpolateResult
from ..checkpoints.inverted import own_checkpoint
from ..checkpoints.prompt_search import example_chain
from ..generate.result_operator import ResultOperator
from ..generate.suggestions import refuse_unknown
from ..process.reply import Reply
from ..process.session import session
from ..scene import animation, provenance
from ..scene.arrays import read_chain
from ..scene.chain import PROPERTY, Chain, check
from ..scene.viewport_colors import show_mixed_colors
from ..ui.option_properties import operator_options
from ..ui.preferences import preferences
from . import live
from .estimate import Experience
from .settings import CHAIN_OPTIONS
from .topology_changes import describe_changes

if TYPE_CHECKING:
    from bpy.types import Context, Event


class ATT3D_OT_chain_add(bpy.types.Operator):
    """Add a prompt to the chain, after the last one"""

    bl_idname = "att3d.chain_add"
    bl_label = "Add Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    prompt: StringProperty(
        name="Prompt",
        description="What the object becomes; empty: for the first row, the prompt of the panel",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        frame = settings.next_frame()
        row = settings.chain.add()
        row.frame = frame
        row.prompt = self.prompt or (settings.prompt if len(settings.chain) == 1 else "")
        settings.chain_index = len(settings.chain) - 1
        return {"FINISHED"}


class ATT3D_OT_chain_remove(bpy.types.Operator):
    """Remove the selected prompt from the chain"""

    bl_idname = "att3d.chain_remove"
    bl_label = "Remove Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not len(context.scene.att3d.chain):
            cls.poll_message_set("The chain is empty")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        index = min(max(settings.chain_index, 0), len(settings.chain) - 1)
        settings.chain.remove(index)
        settings.chain_index = max(min(index, len(settings.chain) - 1), 0)
        live.prompts_changed(context.scene)
        return {"FINISHED"}


class ATT3D_OT_chain_move(bpy.types.Operator):
    """Move the selected prompt to an earlier or later frame of the chain. The frames stay"""

    bl_idname = "att3d.chain_move"
    bl_label = "Move Prompt"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    direction: EnumProperty(
        name="Direction",
        description="Which neighbour it changes places with",
        items=[
            ("UP", "Earlier", "Change places with the prompt before"),
            ("DOWN", "Later", "Change places with the prompt after"),
        ],
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if len(context.scene.att3d.chain) < 2:
            cls.poll_message_set("There are not two prompts that could change places")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.att3d
        rows, here = settings.chain, settings.chain_index
        there = here + (-1 if self.direction == "UP" else 1)
        if not (0 <= here < len(rows) and 0 <= there < len(rows)):
            return {"CANCELLED"}
        rows[here].prompt, rows[there].prompt = rows[there].prompt, rows[here].prompt
        settings.chain_index = there
        return {"FINISHED"}


class ATT3D_OT_chain_load(bpy.types.Operator):
    """Put the chain and the mesh settings of the active object into the list, to edit it"""

    bl_idname = "att3d.chain_load"
    bl_label = "Load Chain"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if animation.chain_of(context.active_object) is None:
            cls.poll_message_set("The active object was not made from a chain")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        ob = context.active_object
        chain = animation.chain_of(ob)
        if chain is None:  # poll says so too
            return {"CANCELLED"}
        context.scene.att3d.show_chain(chain)
        context.scene.att3d.fill_in(provenance.options_of(ob))
        return {"FINISHED"}


@operator_options(CHAIN_OPTIONS)
class ATT3D_OT_animate(ResultOperator, bpy.types.Operator):
    """Turn the chain of prompts into one animated object"""

    bl_idname = "att3d.animate"
    bl_label = "Animate"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    OPTIONS = CHAIN_OPTIONS

    rebuild: BoolProperty(
        name="Rebuild",
        description=(
            "Build into the active object, which keeps its place, modifiers and edited keyframes"
        ),
        options={"SKIP_SAVE"},
    )

    _chain: Chain | None = None
    _notes: Sequence[str] = ()

    @classmethod
    def description(cls, context: Context, operator: ATT3D_OT_animate) -> str:
        if operator.rebuild:
            return pgettext_tip(
                "Build the chain into the active object. It keeps its place, modifiers and "
                "keyframes"
            )
        return pgettext_tip("Turn the chain of prompts into one animated object")

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if len(context.scene.att3d.chain) < 2:
            cls.poll_message_set("A chain needs at least two prompts. Add them to the list")
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Animate by hand: empty rows mean their examples, and unknown things are refused."""
        settings = context.scene.att3d
        settings.fill_in_examples(example_chain(context))
        own = own_checkpoint(context.scene, [row.prompt for row in settings.chain])
        try:
            for row in settings.chain:
                refuse_unknown(context, row.prompt, self.checkpoint or settings.checkpoint or own)
        except BadPrompt as error:
            return self._failed(error)
        return super().invoke(context, event)

    def request(self, context: Context) -> Reply:
        settings = context.scene.att3d
        options = settings.chain_options
        too_much = [
            option
            for option in CHAIN_OPTIONS
            if not self.properties.is_property_set(option.name)
            and option.maximum is not None
            and settings.asked_of(option) > option.maximum
        ]
        self.fill_in({"checkpoint": settings.checkpoint, **options})
        text = rpt_("{label} {value} is more than a chain can have: it has {maximum}.")
        self._notes = [
            text.format(
                label=iface_(option.label), value=settings.asked_of(option), maximum=option.maximum
            )
            for option in too_much
        ]
        self._chain = check(settings.rows)
        self._object_uid = 0
        if self.rebuild:
            ob = context.active_object
            if animation.chain_of(ob) is None or ob.library is not None:
                raise BadRequest(
                    "There is no animated object to rebuild: the active one is not made from a "
                    "chain.",
                    "Select one, or use Animate without Rebuild to make a new object.",
                )
            self._object_uid = ob.session_uid
        stops = list(self._chain.stops)
        read = partial(read_chain, prompts=len(stops))
        return self.ask(context, "interpolate", InterpolateParams, read, prompts=stops)

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(InterpolateResult)
        chain = self._chain
        assert chain is not None
        names = [key.name for key in result.keys]
        made = self.take(
            reply,
            result,
            title=chain.title,
            source={PROPERTY: chain.to_json()},
            notes=describe_changes(result.changes, chain.stops),
            key_names=names,
        )
        notes = [*self._notes, *made.origin.notes]
        chosen = preferences(context)
        experience = Experience.from_json(chosen.chain_experience)
        experience = experience.after(len(chain.stops), self.values, len(names), result.timings)
        chosen.chain_experience = experience.to_json()
        scene = self.scene(context)
        settings = scene.att3d
        target = self.target()
        rebuilt = target is not None and target.mode == "OBJECT"
        if rebuilt:
            ob = target
            notes += animation.rebuild(ob, scene, made.arrays, names, chain, made.origin)
        else:
            ob = animation.add_animated_object(
                scene, made.arrays, names, chain, made.origin, settings.placement
            )
        before = settings.rows
        settings.show_chain(chain)
        if settings.rows != before and sorted(settings.rows) == sorted(before):
            notes.append("The rows of the list were put in the order of their frames.")
        if chain.frames[-1] > scene.frame_end:
            notes.append(
                f"The chain ends at frame {chain.frames[-1]}, after the end of the scene "
                f"({scene.frame_end})."
            )
        worst = max((q.chamfer_mean_pct for q in (*result.quality, *result.between)), default=None)
        if worst is not None:
            notes.append(f"Largest mean distance from the true object: {worst:.2f}% of its size.")
        session.succeed(notes, made.seconds)
        text = rpt_("“{name}”: {prompts} prompts, {keys} keys, {seconds} s").format(
            name=ob.name, prompts=len(chain.stops), keys=len(names), seconds=f"{made.seconds:.1f}"
        )
        self.report({"INFO"}, text)
        if self.rebuild and not rebuilt:
            text = rpt_("The object to rebuild is not there now; “{name}” is new")
            self.report({"WARNING"}, text.format(name=ob.name))
        self.show(context, ob)
        if chosen.show_colors:
            show_mixed_colors(context)


CLASSES = (
    ATT3D_OT_chain_add,
    ATT3D_OT_chain_remove,
    ATT3D_OT_chain_move,
    ATT3D_OT_chain_load,
    ATT3D_OT_animate,
)

"""What operators that ask the backend for an object have in common: asking, and the intake.

Generate, Regenerate, variants, batches, Animate and the slider's Keep all take their results in
here. The file that the backend names is read, and its textures encoded, beside Blender's main
thread; what was made goes into the history with all that it was made from; a checkpoint that is not
the file that was added is said so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import bpy
from bpy.props import StringProperty

from ...backend.protocol.messages import GenerateParams, GenerateResult, InterpolateResult
from ...backend.protocol.options import MeshOptions, Option, options_of
from ..checkpoints import catalog
from ..checkpoints.automatic import answering, answering_chain
from ..checkpoints.conditions import slider_values, values_as_text, values_in_text
from ..checkpoints.inverted import objects_named, own_checkpoint
from ..history import record
from ..process.launch import extension_version
from ..process.operator import BackendOperator
from ..process.reply import Reply
from ..process.session import session
from ..scene.arrays import ChainArrays, MeshArrays, read_mesh
from ..scene.collection import frame_selected, select_only, why_hidden
from ..scene.data_blocks import find_by_uid
from ..scene.provenance import Provenance
from ..ui.option_properties import operator_options
from ..ui.preferences import preferences

if TYPE_CHECKING:
    from bpy.types import Context

Arrays = TypeVar("Arrays", MeshArrays, ChainArrays)

MESH_OPTIONS = options_of(MeshOptions)


@dataclass(frozen=True)
class Made(Generic[Arrays]):
    """An object that the backend has made, not in the scene yet."""

    arrays: Arrays
    origin: Provenance
    seconds: float
    """How long it took, without the start of the process and the loading, which happen once."""


class ResultOperator(BackendOperator):
    """An operator that asks for an object, with a checkpoint and with options.

    A subclass declares the options' properties with :func:`operator_options` and lists them.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = ()

    checkpoint: StringProperty(
        name="Model",
        description="Name or path of the trained model; empty: the scene's choice, or the words'",
        options={"SKIP_SAVE"},
    )
    conditions: StringProperty(
        name="Conditions",
        description=(
            "Values of what the model was trained for beside the prompt, by name, as JSON. "
            "Not given: the sliders'"
        ),
        options={"SKIP_SAVE"},
    )

    _scene_uid = 0
    _object_uid = 0
    _answers = ""
    """The identifier of the checkpoint that was asked."""

    @property
    def values(self) -> dict[str, Any]:
        """The options as they are now."""
        return {option.name: getattr(self, option.name) for option in self.OPTIONS}

    def fill_in(self, values: Mapping[str, object]) -> None:
        """Take these for the properties that the caller has not set; others are left out."""
        for name, value in values.items():
            if name in self.properties.bl_rna.properties:
                if not self.properties.is_property_set(name):
                    setattr(self, name, value)

    def ask(
        self, context: Context, method: str, params: type, read: Callable[[Path], Any], **more: Any
    ) -> Reply:
        """Send a request with the checkpoint, its conditions and the options.

        Args:
            context: of Blender.
            method: of the protocol.
            params: the method's class of parameters.
            read: the arrays in the file that the answer names, for any thread.
            more: the parameters that are not options.

        Raises:
            BadRequest: the conditions are no JSON.
        """
        said = [more.get("prompt", ""), *more.get("chain", ()), *more.get("prompts", ())]
        own = "" if self.checkpoint else own_checkpoint(context.scene, said)
        self._answers = own or self._answering(more)
        sliders = slider_values(context.scene.att3d, self._answers)
        self.fill_in({"conditions": values_as_text(sliders)})
        conditions = values_in_text(self.conditions)
        self._scene_uid = context.scene.session_uid
        chosen = preferences(context)
        path = catalog.path_of(self._answers, chosen.checkpoint_folder_path)
        return session.submit(
            chosen.launch,
            method,
            params(
                checkpoint=path,
                conditions=conditions,
                objects=objects_named(context.scene, said),
                **self.values,
                **more,
            ),
            lambda result: read(Path(result.mesh)).encode(),
        )

    def _answering(self, asked: Mapping[str, Any]) -> str:
        """The identifier of the checkpoint that answers: on Automatic the words choose it."""
        if self.checkpoint:
            return self.checkpoint
        prompts = asked.get("prompts") or asked.get("chain") or [asked.get("prompt", "")]
        if len(prompts) > 1:
            choice = answering_chain("", prompts)
        else:
            choice = answering("", prompts, wait=True)
        return choice.identifier if choice is not None else ""

    def take(
        self,
        reply: Reply,
        result: GenerateResult | InterpolateResult,
        *,
        prompt: str = "",
        title: str = "",
        source: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        key_names: Sequence[str] = (),
    ) -> Made[Any]:
        """Take an answer in: its file goes into the history, or is removed.

        Args:
            reply: that has been answered.
            result: the answer.
            prompt, title, source: as :class:`Provenance` has them.
            notes: what else there is to say about it.
            key_names: the names of a chain's keys.
        """
        path = Path(result.checkpoint)
        said = [*result.notes, *notes]
        if (changed := catalog.changed_since_added(path, result.checkpoint_hash)) is not None:
            said.append(changed)
        origin = Provenance(
            prompt=prompt,
            checkpoint=catalog.name_of(path),
            checkpoint_hash=result.checkpoint_hash,
            extension_version=extension_version(),
            backend_version=result.version,
            options=self.values | ({"conditions": self.conditions} if self.conditions else {}),
            notes=tuple(said),
            title=title,
            source=source or {},
        )
        seconds = result.timings.get("total", reply.seconds)
        # The backend's folder holds only what is on its way: the file is gone after this.
        record.keep(
            Path(result.mesh),
            reply.prepared,
            origin,
            choice=self._answers,
            seconds=seconds,
            key_names=key_names,
        )
        return Made(reply.prepared, origin, seconds)

    def show(self, context: Context, ob: bpy.types.Object) -> None:
        """Make a new object the active one, where the person is still looking at its scene."""
        if self.scene(context) != context.scene:
            return
        selected = select_only(context, ob)
        if reason := why_hidden(context, ob):
            self.report({"INFO"}, reason)
        elif selected and context.scene.att3d.frame_new:
            frame_selected(context)

    def scene(self, context: Context) -> bpy.types.Scene:
        """The scene that asked; it may have been deleted, or another be in front, since then."""
        return find_by_uid(bpy.data.scenes, self._scene_uid) or context.scene

    def target(self) -> bpy.types.Object | None:
        """The object that the request was about, if it is still there."""
        return find_by_uid(bpy.data.objects, self._object_uid)


@operator_options(MESH_OPTIONS)
class MeshOperator(ResultOperator):
    """An operator that asks for meshes."""

    OPTIONS = MESH_OPTIONS

    def ask_mesh(self, context: Context, prompt: str, **more: Any) -> Reply:
        """Send the request for one mesh."""
        return self.ask(context, "generate", GenerateParams, read_mesh, prompt=prompt, **more)

    def take_mesh(self, reply: Reply) -> Made[MeshArrays]:
        """Take in the answer for one prompt. Raises Att3dError."""
        result = reply.result(GenerateResult)
        return self.take(reply, result, prompt=result.prompt)


class PromptOperator(MeshOperator):
    """An operator that makes one mesh from one prompt."""

    prompt: StringProperty(
        name="Prompt", description="What to make, in a few words", options={"SKIP_SAVE"}
    )


def panel_values(context: Context) -> dict[str, object]:
    """What the panel says, by the operators' names."""
    settings = context.scene.att3d
    names = ("prompt", "checkpoint", *(option.name for option in MESH_OPTIONS))
    return {name: getattr(settings, name) for name in names}

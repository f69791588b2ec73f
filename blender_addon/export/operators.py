"""Bake for export: ``bpy.ops.att3d.bake_for_export`` and ``bpy.ops.att3d.export_animation``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...backend.files import home_folder
from ...backend.protocol.errors import Att3dError, BadRequest, InternalError
from ..process.operator import in_object_mode
from ..process.session import redraw, session
from ..scene.animation import chain_of
from ..scene.collection import select_only
from ..scene.keyframes import animated_range
from ..scene.shape_keys import PATH, TEXTURE_PATH, place_of_colors
from ..ui.status_text import report_failure
from .bake import Colors, bake_copy, bake_in_place, mixed_material
from .formats import FORMATS, GLTF, Format, check_writable, export, format_of, losses
from .gltf_colors import add_morph_colors
from .pictures import ColorTrack
from .sample import Samples, sample
from .settings import colors_property, value_property
from .vertex_colors import MODIFIER, colors_at, key_alphas

if TYPE_CHECKING:
    from bpy.types import Context, Event

MOST_FRAMES = 10_000


class _Baker:
    """Options that both operators have."""

    colors: colors_property()
    value: value_property()
    folder: StringProperty(
        name="Folder",
        description="Where the pictures go. Empty: beside the .blend or the exported file",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    frame_start: IntProperty(
        name="First Frame",
        description="Where the bake begins; with Last Frame 0: at the first keyframe of the chain",
        default=0,
        options={"SKIP_SAVE"},
    )
    frame_end: IntProperty(
        name="Last Frame",
        description="Where the bake ends; 0: at the last keyframe of the chain",
        default=0,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        ob = context.active_object
        if chain_of(ob) is None:
            cls.poll_message_set("Select an animated object that was made from a chain")
            return False
        if ob.library is not None or ob.data.library is not None:
            cls.poll_message_set("The object is linked from another file. Make it local first")
            return False
        return in_object_mode(cls, context)

    def range_in(self, scene: bpy.types.Scene, ob: bpy.types.Object) -> tuple[int, int]:
        """First and last frame: those given, else the chain's own, else the scene's.

        Raises BadRequest when there are none, or far too many.
        """
        if self.frame_start or self.frame_end:
            first, last = self.frame_start, self.frame_end
        else:
            whole = scene.frame_start, scene.frame_end
            ranges = [animated_range(ob, path) for path in (PATH, TEXTURE_PATH)]
            keyed = [each for each in ranges if each is not None] or [whole]
            first, last = min(each[0] for each in keyed), max(each[1] for each in keyed)
        if not first <= last < first + MOST_FRAMES:
            raise BadRequest(
                f"Frames {first} to {last} cannot be baked.",
                f"The last must not be before the first, and {MOST_FRAMES:,} are the most.",
            )
        return first, last

    def colors_for(self, ob: bpy.types.Object, beside: Path | None) -> Colors:
        """What was chosen. Raises BadRequest when there is no place for pictures."""
        if self.colors == "NOW":
            return Colors("VALUE", float(place_of_colors(ob)))
        if self.colors == "VALUE":
            return Colors("VALUE", self.value)
        if self.colors == "VERTEX":
            return Colors("VERTEX")
        if self.folder:
            return Colors("SEQUENCE", folder=Path(bpy.path.abspath(self.folder)))
        if beside is None and bpy.data.filepath:
            beside = Path(bpy.data.filepath)
        if beside is None:
            raise BadRequest(
                "There is no folder for the pictures: the .blend is not saved.",
                "Save it, or choose a folder.",
            )
        return Colors("SEQUENCE", folder=beside.with_name(f"{beside.stem} colors"))

    def work(self, context: Context) -> str:
        """Do it; one line for the report."""
        raise NotImplementedError

    def execute(self, context: Context) -> set[str]:
        session.error = None
        try:
            line = self.work(context)
        except Exception as error:
            if not isinstance(error, Att3dError):  # a mistake of ours
                logging.getLogger(__package__).exception("%s failed", self.bl_idname)
                error = InternalError(f"{self.bl_label} failed: {type(error).__name__}: {error}")
            session.error = error
            redraw()
            report_failure(self, error)
            return {"CANCELLED"}
        redraw()
        self.report({"INFO"}, line)
        return {"FINISHED"}

    def take(self, context: Context, ob: bpy.types.Object) -> tuple[Samples, tuple[int, int]]:
        first, last = self.range_in(context.scene, ob)
        return sample(context.scene, ob, first, last), (first, last)

    def lose(self, wanted: Format | None, ob: bpy.types.Object, colors: Colors) -> None:
        """Say in the panel and in the report what is not there any more."""
        lost = losses(wanted, ob, colors)
        session.notes = tuple(f"Lost: {line}" for line in lost)
        for line in session.notes:
            self.report({"INFO"}, line)


class ATT3D_OT_bake_for_export(_Baker, bpy.types.Operator):
    """Make a copy whose shape keys are keyed one by one, which every exporter understands"""

    bl_idname = "att3d.bake_for_export"
    bl_label = "Bake for Export"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    in_place: BoolProperty(
        name="In Place",
        description=(
            "Bake the object itself rather than a copy. Interpolation and the chain are gone then"
        ),
        options={"SKIP_SAVE"},
    )
    filepath: StringProperty(
        name="File",
        description=(
            "Export the baked copy to this file (.glb, .gltf, .usdc, .usda, .abc) and remove it. "
            "Empty: it stays, and the original is hidden"
        ),
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )

    def work(self, context: Context) -> str:
        if self.filepath:
            return export_copy(self, context, Path(bpy.path.abspath(self.filepath)))
        ob = context.active_object
        colors = self.colors_for(ob, None)
        samples, _ = self.take(context, ob)
        keys = samples.values.shape[1] - 1
        self.lose(None, ob, colors)
        if self.in_place:
            bake_in_place(ob, samples, colors)
            return f"“{ob.name}”: {keys} shape keys keyed at {len(samples.frames)} frames"
        copy = bake_copy(ob, samples, colors)
        ob.hide_render = True
        if ob.name in context.view_layer.objects:
            ob.hide_set(True)
        select_only(context, copy)
        return f"“{copy.name}”: {keys} shape keys keyed at {len(samples.frames)} frames"


class ATT3D_OT_export_animation(_Baker, bpy.types.Operator):
    """Bake the animation and write it to a file, with the settings that keep it. The scene stays"""

    bl_idname = "att3d.export_animation"
    bl_label = "Export Animation"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filepath: StringProperty(
        name="File", description="Where it goes", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(
        default=";".join(f"*{suffix}" for known in FORMATS for suffix in known.suffixes),
        options={"HIDDEN", "SKIP_SAVE"},
        description="Which files are shown",
    )
    check_existing: BoolProperty(
        name="Check Existing",
        description="Ask before a file is overwritten",
        default=True,
        options={"HIDDEN"},
    )

    def invoke(self, context: Context, event: Event) -> set[str]:
        wanted = next(f for f in FORMATS if f.identifier == context.scene.att3d.export_format)
        if not self.filepath:
            home = Path(bpy.data.filepath).parent if bpy.data.filepath else home_folder()
            name = bpy.path.clean_name(context.active_object.name)
            self.filepath = str(home / f"{name}{wanted.suffixes[0]}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: Context) -> bool:
        return True

    def work(self, context: Context) -> str:
        if not self.filepath:
            raise BadRequest("No file was named.", "Choose where the animation goes.")
        return export_copy(self, context, Path(bpy.path.abspath(self.filepath)))


def export_copy(operator: _Baker, context: Context, path: Path) -> str:
    """Bake a copy, write it, and remove it, also when something goes wrong."""
    wanted = format_of(path)
    check_writable(path)
    ob = context.active_object
    colors = operator.colors_for(ob, path)
    samples, frames = operator.take(context, ob)
    material = mixed_material(ob) if wanted is GLTF and colors.kind == "VERTEX" else None
    morphs = None
    if material is not None:
        morphs = colors_at(ob.data, ColorTrack(material), key_alphas(ob))
    copy = bake_copy(ob, samples, colors, numbered=morphs is not None)
    name, copy_name = ob.name, copy.name
    try:
        ob.name, copy.name = copy_name, name  # the file has the object's own name
        copy.hide_render = copy.hide_viewport = False
        context.view_layer.update()
        if copy.name not in context.view_layer.objects:
            raise BadRequest(
                f"“{name}” is not in the current view layer.", "Enable its collection first."
            )
        copy.hide_set(False)
        export(wanted, path, context, copy, frames, colors)
        if morphs is not None:
            add_morph_colors(path, morphs)
    finally:
        remove_baked(copy)
        ob.name = name
    operator.lose(wanted, ob, colors)
    return f"{path.name}: {len(samples.frames)} frames of “{name}”"


def remove_baked(copy: bpy.types.Object) -> None:
    """Take a baked copy out of the file with everything that was made for it."""
    mesh = copy.data
    key_action = mesh.shape_keys.animation_data.action
    own = copy.animation_data.action if copy.animation_data is not None else None
    materials = [slot.material for slot in copy.material_slots if slot.material is not None]
    images = {
        node.image
        for material in materials
        if material.node_tree is not None
        for node in material.node_tree.nodes
        if getattr(node, "image", None) is not None
    }
    groups = [m.node_group for m in copy.modifiers if m.type == "NODES" and m.name == MODIFIER]
    values = [group.animation_data.action for group in groups if group.animation_data is not None]
    bpy.data.objects.remove(copy)
    if not mesh.users:
        bpy.data.meshes.remove(mesh)
    for collection, blocks in (
        (bpy.data.materials, materials),
        (bpy.data.images, images),
        (bpy.data.node_groups, groups),
        (bpy.data.actions, (key_action, own, *values)),
    ):
        for block in blocks:
            if block is not None and not block.users:
                collection.remove(block)


CLASSES = (ATT3D_OT_bake_for_export, ATT3D_OT_export_animation)

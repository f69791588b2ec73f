"""What operators that turn one prompt into a mesh have in common: their options, and the answer."""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false, reportInvalidTypeForm=false, reportMissingImports=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ...backend.protocol.messages import GenerateParams, GenerateResult
from ..checkpoints import catalog
from ..history import record
from ..process.launch import extension_version
from ..process.operator import BackendOperator
from ..process.safetensors_reader import MeshArrays, read_mesh
from ..process.session import Job, session
from ..scene import png_cache
from ..scene.provenance import Provenance
from ..ui.preferences import preferences
from . import properties

if TYPE_CHECKING:
    from bpy.types import Context

MESH_OPTIONS = ("faces", "texture_size", "resolution", "normal_map")


@dataclass(frozen=True)
class Made:
    """An object that the backend has made, not in the scene yet."""

    arrays: MeshArrays
    origin: Provenance
    seconds: float
    """Without the start of the process and the loading, which happen once."""


class MakingOperator(BackendOperator):
    """An operator with a checkpoint and mesh options that asks for meshes."""

    # Not the last values used but the scene's are the defaults, so none of these is saved. Ranges
    # are the backend's to judge: it says what is wrong, where Blender would silently clamp.
    checkpoint: StringProperty(
        name="Checkpoint",
        description="Name or path of the trained model; empty: the scene's choice",
        options={"SKIP_SAVE"},
    )
    faces: IntProperty(
        name="Faces",
        description="At most this many triangles",
        default=properties.FACES,
        soft_min=500,
        soft_max=40_000,
        options={"SKIP_SAVE"},
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Width and height of the color texture, in pixels",
        default=properties.TEXTURE_SIZE,
        soft_min=64,
        soft_max=4096,
        options={"SKIP_SAVE"},
    )
    resolution: IntProperty(
        name="Detail",
        description="How finely the shape is sampled, in steps along each side",
        default=properties.RESOLUTION,
        soft_min=48,
        soft_max=256,
        options={"SKIP_SAVE"},
    )
    normal_map: BoolProperty(
        name="Normal Map",
        description="Also bake the fine shape that the faces cannot hold",
        options={"SKIP_SAVE"},
    )

    _scene_uid = 0

    @property
    def mesh_options(self) -> dict[str, Any]:
        """The mesh options as they are now."""
        return {name: getattr(self, name) for name in MESH_OPTIONS}

    def fill_in(self, values: Mapping[str, object]) -> None:
        """Take these for the properties that the caller has not set."""
        for name, value in values.items():
            if not self.properties.is_property_set(name):
                setattr(self, name, value)

    def ask(self, context: Context, prompt: str) -> Job:
        """Send the request for one prompt."""
        self._scene_uid = context.scene.session_uid
        chosen = preferences(context)
        params = GenerateParams(
            prompt=prompt,
            checkpoint=catalog.path_of(self.checkpoint, chosen.checkpoint_folder_path),
            **self.mesh_options,
        )
        return session.submit(chosen.launch, "generate", params, _read)

    def take(self, job: Job) -> Made:
        """Read the answer; the file goes into the history. Raises Att3dError."""
        result = job.result(GenerateResult)
        file, arrays = Path(result.mesh), job.prepared
        path = Path(result.checkpoint)
        notes = list(result.notes)
        if (changed := catalog.changed_since_added(path, result.checkpoint_hash)) is not None:
            notes.append(changed)
        origin = Provenance(
            prompt=result.prompt,
            checkpoint=catalog.name_of(path),
            checkpoint_hash=result.checkpoint_hash,
            extension_version=extension_version(),
            backend_version=result.version,
            options=self.mesh_options,
            notes=tuple(notes),
        )
        seconds = result.timings.get("total", job.seconds)
        # The backend's folder holds only what is on its way: the file is gone after this.
        record.keep(file, arrays, origin, choice=self.checkpoint, seconds=seconds)
        return Made(arrays, origin, seconds)

    def scene(self, context: Context) -> bpy.types.Scene:
        """The scene that asked; it may have been deleted, or another be in front, since then."""
        return next((s for s in bpy.data.scenes if s.session_uid == self._scene_uid), context.scene)


def _read(result: GenerateResult) -> MeshArrays:
    """The mesh that an answer names, its textures ready to be packed. For any thread."""
    arrays = read_mesh(Path(result.mesh))
    for texture in (arrays.texture, arrays.normal_map):
        if texture is not None:
            png_cache.prepare(texture)
    return arrays


class PromptOperator(MakingOperator):
    """An operator that makes one mesh from one prompt."""

    prompt: StringProperty(
        name="Prompt", description="What to make, in a few words", options={"SKIP_SAVE"}
    )


def panel_values(context: Context) -> dict[str, object]:
    """What the panel says, by the operators' names."""
    settings = context.scene.att3d
    return {name: getattr(settings, name) for name in ("prompt", "checkpoint", *MESH_OPTIONS)}

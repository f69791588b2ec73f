"""The formats that an animated object can be exported to: which exporter, with which settings, and
what each of them loses.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...backend.protocol.errors import BadRequest, OutputError
from .bake import Colors


@dataclass(frozen=True)
class Format:
    """One file format."""

    identifier: str
    label: str
    description: str
    suffixes: tuple[str, ...]
    """File-name suffixes, the usual one first."""
    exporter: str
    """Blender's operator that writes it, "export_scene.gltf"."""
    options: tuple[tuple[str, object], ...]
    """Those that this Blender's exporter does not have are left out."""
    vertex_colors: tuple[tuple[str, object], ...]
    """Those that are others when the colors are at the vertices."""


GLTF = Format(
    "GLTF",
    "glTF",
    "For the web, game engines and most 3D programs. Morph targets with their weights",
    (".glb", ".gltf"),
    "export_scene.gltf",
    (
        ("use_selection", True),
        ("export_yup", True),
        ("export_apply", False),  # modifiers cannot be applied where there are shape keys
        ("export_extras", True),
        ("export_animations", True),
        # The keys' own action, and that of the object if it moves, as one animation.
        ("export_animation_mode", "ACTIVE_ACTIONS"),
        ("export_force_sampling", True),
        ("export_frame_range", True),
        ("export_morph", True),
        ("export_morph_normal", True),
        ("export_morph_animation", True),
        # Sparse accessors are smaller, but not every program reads them.
        ("export_try_sparse_sk", False),
        ("export_try_omit_sparse_sk", False),
        ("export_optimize_animation_size", False),
    ),
    # The colors are put in afterwards, by the vertices' numbers.
    (("export_attributes", True), ("export_vertex_color", "NONE")),
)
USD = Format(
    "USD",
    "USD",
    "For Houdini, Maya, Omniverse and Apple's viewers. Blend shapes with their weights",
    (".usdc", ".usda", ".usd", ".usdz"),
    "wm.usd_export",
    (
        ("selected_objects_only", True),
        ("export_animation", True),
        ("export_shapekeys", True),
        ("export_armatures", True),
        ("export_uvmaps", True),
        ("export_materials", True),
        ("generate_preview_surface", True),
        ("export_textures", True),  # up to 4.3
        ("export_textures_mode", "NEW"),
        ("overwrite_textures", True),
    ),
    # Blend shapes have no colors; without a material every viewer shows the vertices' own.
    (("export_shapekeys", False), ("export_materials", False), ("export_mesh_colors", True)),
)
ALEMBIC = Format(
    "ALEMBIC",
    "Alembic",
    "For renderers and simulation. The positions of all vertices at every frame",
    (".abc",),
    "wm.alembic_export",
    (
        ("selected", True),
        ("uvs", True),
        ("normals", True),
        ("as_background_job", False),
        ("evaluation_mode", "RENDER"),
    ),
    (("vcolors", True),),
)
FORMATS = (GLTF, USD, ALEMBIC)


def format_of(path: Path) -> Format:
    """The format that a file's name means.

    Raises:
        BadRequest: none.
    """
    for known in FORMATS:
        if path.suffix.lower() in known.suffixes:
            return known
    names = ", ".join(suffix for known in FORMATS for suffix in known.suffixes)
    raise BadRequest(
        f"“{path.name}” does not say which format is wanted.", f"End the name in one of {names}."
    )


def losses(wanted: Format | None, ob: bpy.types.Object, colors: Colors) -> list[str]:
    """What the file, or the baked copy, does not have of the object. One line each."""
    lost = ["The property Interpolation: the shape keys are keyed one by one instead"]
    if colors.kind == "VERTEX":
        return _losses_of_vertex_colors(wanted, ob)
    if wanted is ALEMBIC:
        lost = ["Shape keys and Interpolation: every vertex has a position at every frame instead"]
        lost.append("Textures: Alembic has none; the UVs are there")
    elif wanted is not None:
        if colors.kind == "SEQUENCE":
            lost.append(
                f"Changing colors: {wanted.label} keeps one picture; the sequence stays beside it"
            )
        else:
            lost.append(
                f"Changing colors: a texture cannot be blended in {wanted.label}; those at "
                f"Interpolation {colors.value:.2f} are used"
            )
        lost.append("Easing between keyframes: there is a sample every frame")
    elif colors.kind == "VALUE":
        lost.append(f"Changing colors: those at Interpolation {colors.value:.2f} are used")
    if wanted in (GLTF, USD) and ob.modifiers:
        names = ", ".join(modifier.name for modifier in ob.modifiers)
        lost.append(f"Modifiers ({names}): shape keys cannot be exported with modifiers applied")
    return lost


def _losses_of_vertex_colors(wanted: Format | None, ob: bpy.types.Object) -> list[str]:
    points = f"{len(ob.data.vertices):,}"
    lost = [f"Fine texture: the mesh's {points} points have a color each, which changes"]
    if wanted is GLTF:
        lost.insert(0, "The property Interpolation: the shape keys are keyed one by one instead")
        lost.append(
            "Changing colors in programs that read no colors of morph targets: they show those of "
            "the first prompt. three.js and Babylon.js read them, Blender does not"
        )
        if ob.modifiers:
            names = ", ".join(modifier.name for modifier in ob.modifiers)
            lost.append(f"Modifiers ({names}): morph targets cannot be exported with them applied")
    elif wanted is None:
        lost.insert(0, "The property Interpolation: the shape keys are keyed one by one instead")
    else:
        lost.insert(
            0,
            "Shape keys and Interpolation: every vertex has a position and a color at every frame "
            "instead",
        )
    if wanted is not None:
        lost.append("Easing between keyframes: there is a sample every frame")
    return lost


def check_writable(path: Path) -> None:
    """Find out before anything is done.

    Raises:
        OutputError: the folder is not there, or the file cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder, not a file.", "Add a file name.")
    existed = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}.") from None
    if not existed:
        path.unlink(missing_ok=True)


def export(
    wanted: Format,
    path: Path,
    context: bpy.types.Context,
    ob: bpy.types.Object,
    frames: tuple[int, int],
    colors: Colors,
) -> None:
    """Write one object with its animation over ``frames``, first and last.

    Raises:
        OutputError: the exporter could not write the file.
    """
    group, name = wanted.exporter.split(".")
    operator = getattr(getattr(bpy.ops, group), name)
    known = operator.get_rna_type().properties.keys()
    asked = dict(wanted.options)
    if colors.kind == "VERTEX":
        asked |= dict(wanted.vertex_colors)
    options = {key: value for key, value in asked.items() if key in known}
    if wanted is GLTF:
        binary = path.suffix.lower() == ".glb"
        options["export_format"] = "GLB" if binary else "GLTF_SEPARATE"
        options["export_nla_strips_merged_animation_name"] = ob.name
    if wanted is ALEMBIC:
        options |= {"start": frames[0], "end": frames[1]}
    with _only(context, ob), _range(context.scene, frames):
        try:
            done = operator(filepath=str(path), **options)
        except Exception as error:  # an exporter's reports, and whatever its Python raises
            raise OutputError(f"{wanted.label} export of {path.name} failed: {error}") from None
    if done != {"FINISHED"} or not path.is_file() or not os.path.getsize(path):
        raise OutputError(f"The {wanted.label} exporter wrote no {path.name}.")


@contextlib.contextmanager
def _only(context: bpy.types.Context, ob: bpy.types.Object) -> Iterator[None]:
    """``ob`` is the one selected object."""
    layer = context.view_layer
    selected, active = layer.objects.selected[:], layer.objects.active
    for other in selected:
        other.select_set(False, view_layer=layer)
    ob.select_set(True, view_layer=layer)
    layer.objects.active = ob
    try:
        yield
    finally:
        ob.select_set(False, view_layer=layer)
        for other in selected:
            other.select_set(True, view_layer=layer)
        layer.objects.active = active


@contextlib.contextmanager
def _range(scene: bpy.types.Scene, frames: tuple[int, int]) -> Iterator[None]:
    """The scene's range, which the exporters take, is ``frames``."""
    before = (scene.frame_start, scene.frame_end, scene.frame_current, scene.use_preview_range)
    scene.use_preview_range = False
    scene.frame_start, scene.frame_end = frames
    try:
        yield
    finally:
        scene.frame_start, scene.frame_end = before[:2]
        scene.use_preview_range = before[3]
        scene.frame_set(before[2])

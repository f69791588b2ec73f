"""A person's model file: .glb, or .obj with its materials."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from ..export.conventions import y_up_to_z_up
from ..protocol.errors import BadRequest
from ..shapes import UInt8
from ..srgb import srgb_to_linear
from .colored_mesh import ColoredMesh, joined, plain, with_area
from .read_gltf import read_gltf, read_picture

SUFFIXES = (".glb", ".obj")
MOST_BYTES = 512 * 2**20
MOST_FACES = 2_000_000


def read_model(path: Path) -> ColoredMesh:
    """The model in a file, in Blender's axes.

    Raises:
        BadRequest: there is no such file, or it is of another kind, damaged, empty or too large.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadRequest(
            f"{path.name!r} is not a .glb or .obj file",
            "export the object as .glb (in Blender: File > Export > glTF 2.0)",
        )
    try:
        if not path.is_file():
            raise BadRequest(f"there is no model file {path}", "name an existing .glb or .obj file")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadRequest(
                f"the object is too large: {size / 2**20:,.0f} MiB, and {MOST_BYTES // 2**20} is "
                "the most",
                "decimate it, or make its pictures smaller",
            )
        data = path.read_bytes()
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}") from error
    return checked(read_gltf(data) if suffix == ".glb" else _read_obj(data, path.parent))


def model_from_base64(data: str) -> ColoredMesh:
    """The model in the Base64 text of a .glb file, in Blender's axes.

    Raises:
        BadRequest: it is no Base64, or as :func:`read_model`.
    """
    try:
        content = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise BadRequest("invert: the data are not Base64.") from error
    return checked(read_gltf(content))


def checked(mesh: ColoredMesh) -> ColoredMesh:
    """The model without what is no triangle.

    Raises:
        BadRequest: nothing is left, or too much.
    """
    if len(mesh.faces) > MOST_FACES:
        raise BadRequest(
            f"the object is too large: {len(mesh.faces):,} triangles, and {MOST_FACES:,} are the "
            "most",
            "decimate it (in Blender: the Decimate modifier)",
        )
    kept = with_area(mesh)
    if not kept.any():
        raise BadRequest(
            "the object is empty: there is no triangle with an area in it",
            "choose a file or an object with faces",
        )
    notes = mesh.notes
    if not mesh.colored:
        notes = (*notes, "the object says no color: it was taken to be gray")
    return ColoredMesh(
        mesh.vertices, mesh.faces[kept], mesh.base[kept], mesh.corners[kept], mesh.uvs[kept],
        mesh.picture[kept], mesh.pictures, mesh.colored, notes,
    )  # fmt: skip


def _read_obj(data: bytes, folder: Path) -> ColoredMesh:
    """Wavefront OBJ: polygons as fans, the colors of materials, their pictures and vertices."""
    materials: dict[str, _Material] = {}
    places: list[list[float]] = []
    colors: list[list[float]] = []
    uvs: list[list[float]] = []
    triangles: dict[str, list[list[tuple[int, int]]]] = {}
    used = ""
    try:
        for line in data.decode("utf-8", errors="replace").replace("\\\n", " ").splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "v":
                numbers = [float(number) for number in rest.split()]
                places.append(numbers[:3])
                colors.append(numbers[3:6] if len(numbers) >= 6 else [1.0, 1.0, 1.0])
            elif word == "vt":
                uvs.append([float(number) for number in rest.split()[:2]])
            elif word == "f":
                corners = [_corner(text, len(places), len(uvs)) for text in rest.split()]
                fan = triangles.setdefault(used, [])
                fan += [[corners[0], *corners[k : k + 2]] for k in range(1, len(corners) - 1)]
            elif word == "usemtl":
                used = rest.strip()
            elif word == "mtllib":
                materials |= _read_materials(folder, rest.strip())
    except (ValueError, IndexError) as error:
        raise BadRequest(
            f"the object cannot be read: it is damaged ({error})", "export it again"
        ) from error
    if not any(triangles.values()):
        raise BadRequest(
            "the object is empty: there is no triangle in it",
            "choose a file or an object with faces",
        )
    vertices = y_up_to_z_up(np.array(places, dtype=np.float64).reshape(-1, 3))
    painted = np.array(colors)
    flat = np.array([*uvs, [0.0, 0.0]]).reshape(-1, 2)
    meshes = []
    for name, faces in triangles.items():
        if not faces:
            continue
        pair = np.array(faces, dtype=np.int64)
        index = pair[..., 0]
        material = materials.get(name)
        corners = srgb_to_linear(painted[index])
        base = (1.0, 1.0, 1.0) if material is None else material.base
        mesh = plain(vertices, index, base, corners)
        if material is not None and material.picture is not None and uvs:
            uv = flat[pair[..., 1]] * [1.0, -1.0] + [0.0, 1.0]
            number = np.where((pair[..., 1] >= 0).all(axis=1), 0, -1)
            mesh = ColoredMesh(vertices, index, mesh.base, corners, uv, number, [material.picture])
        elif material is None and (painted[index] == 1.0).all():
            mesh = plain(vertices, index, colored=False)
        meshes.append(mesh)
    return joined(meshes)


def _corner(text: str, places: int, uvs: int) -> tuple[int, int]:
    """Index of a corner's place and UV, from 0; no UV is -1. Negative ones count from the end."""
    first, _, rest = text.partition("/")
    second = rest.partition("/")[0]
    place, uv = int(first), int(second) if second else 0
    place = place - 1 if place > 0 else places + place
    uv = uv - 1 if uv > 0 else (uvs + uv if uv < 0 else -1)
    if not 0 <= place < places or not -1 <= uv < uvs:
        raise ValueError(f"a face names what is not there: {text}")
    return place, uv


class _Material:
    """What an .mtl says of a material's color."""

    base: tuple[float, ...] = (1.0, 1.0, 1.0)
    picture: UInt8[np.ndarray, "_ _ 3"] | None = None


def _read_materials(folder: Path, name: str) -> dict[str, _Material]:
    """The materials of a file beside the model; those outside its folder are not read."""
    path = folder / name
    if path.resolve().parent != folder.resolve() or not path.is_file():
        return {}
    found: dict[str, _Material] = {}
    material = _Material()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "newmtl":
            material = found.setdefault(rest.strip(), _Material())
        elif word == "Kd":
            rgb = np.array([float(number) for number in rest.split()[:3]])
            material.base = tuple(srgb_to_linear(rgb).tolist())
        elif word.lower() == "map_kd":
            # Options such as "-s 1 1 1" come before the name.
            named = rest.strip()
            picture = folder / (named.rpartition(" ")[2] if named.startswith("-") else named)
            if picture.resolve().is_relative_to(folder.resolve()) and picture.is_file():
                material.picture = read_picture(picture.read_bytes())
                material.base = (1.0, 1.0, 1.0)
    return found

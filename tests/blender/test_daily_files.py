"""Files of daily use, without Blender: history, pictures, lists, asset catalogues, folders."""

# The extension's package is made up while the tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

import dataclasses
import io
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from backend.model.config import Condition
from tests.tiny import TINY, tiny_checkpoint

from ..wire import extension  # noqa: F401 makes the package importable without bpy

from att3d_extension.backend.protocol.errors import BadPrompt, BadRequest, OutputError  # isort: skip
from att3d_extension.blender_addon.ui import user_folders  # isort: skip
from att3d_extension.blender_addon.scene.arrays import MeshArrays  # isort: skip
from att3d_extension.blender_addon.scene.textures import png_bytes  # isort: skip
from att3d_extension.blender_addon.assets import catalog  # isort: skip
from att3d_extension.blender_addon.batch.prompt_list import Grid, parse_prompts  # isort: skip
from att3d_extension.blender_addon.checkpoints import catalog as checkpoint_catalog  # isort: skip
from att3d_extension.blender_addon.checkpoints.catalog import Choice  # isort: skip
from att3d_extension.blender_addon.history import thumbnail  # isort: skip
from att3d_extension.blender_addon.history.store import Entry, History  # isort: skip


def cube(color: tuple[int, int, int] = (200, 40, 40)) -> MeshArrays:
    """A cube of one color, standing on the floor."""
    vertices = np.array(
        [[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)], np.float32
    )
    faces = np.array(
        [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
         [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.int32
    )  # fmt: skip
    uvs = np.full((12, 3, 2), 0.5, np.float32)
    return MeshArrays(vertices, faces, uvs, np.full((4, 4, 3), color, np.uint8), None)


def entry(prompt: str) -> Entry:
    return Entry(Path(), prompt, "tiny", "0" * 64, options={"faces": 12}, notes=("a note",))


def result(folder: Path, arrays: MeshArrays) -> Path:
    """A file as the backend writes it."""
    path = folder / "result.safetensors"
    said = dataclasses.asdict(arrays)
    said["finish"] = np.array(arrays.finish, np.float32)
    save_file({name: value for name, value in said.items() if value is not None}, path)
    return path


# --- history ---------------------------------------------------------------------------------


def test_what_is_kept_is_read_back_newest_first(tmp_path: Path) -> None:
    history = History(tmp_path / "history", 10**9)
    for prompt in ("a pig", "ein Bär 🐻"):
        file = result(tmp_path, cube())
        history.keep(file, entry(prompt), cube())
        assert not file.exists(), "moved, not copied"
    history.wait()
    other = History(tmp_path / "history", 10**9)  # as another Blender sees it
    assert [found.prompt for found in other.entries()] == ["ein Bär 🐻", "a pig"]
    newest = other.entries()[0]
    assert newest.options == {"faces": 12} and newest.notes == ("a note",)
    assert np.array_equal(newest.read().vertices, cube().vertices)
    with Image.open(newest.picture) as drawn:
        assert drawn.size == (128, 128)
    assert other.find(newest.identifier) == newest and other.find("../..") is None


def test_two_blenders_share_a_history(tmp_path: Path) -> None:
    one, other = (History(tmp_path / "history", 10**9) for _ in range(2))
    for history, prompt in ((one, "a"), (other, "b"), (one, "c")):
        history.keep(result(tmp_path, cube()), entry(prompt), cube())
    one.wait()
    other.wait()
    assert [e.prompt for e in one.entries()] == [e.prompt for e in other.entries()] == list("cba")
    one.remove(one.entries()[0].identifier)
    assert [e.prompt for e in other.entries()] == ["b", "a"]


def test_unfinished_entries_are_not_seen(tmp_path: Path) -> None:
    (tmp_path / "unfinished-1").mkdir()
    (tmp_path / "unfinished-1" / "entry.json").write_text('{"format": 1}')
    assert History(tmp_path, 10**9).entries() == ()


def test_history_that_cannot_be_written_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = result(tmp_path, cube())
    with pytest.raises(OutputError, match="history") as raised:
        History(tmp_path / "file" / "history", 10**9).keep(file, entry("a pig"), cube())
    assert raised.value.remedy
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"], "the result is not left over"


def test_kept_meshes_are_compressed_and_what_went_is_named(tmp_path: Path) -> None:
    history = History(tmp_path / "history", 3000)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    noisy = dataclasses.replace(cube(), texture=noise)
    for prompt in ("a", "b", "c"):
        history.keep(result(tmp_path, noisy), entry(prompt), noisy)
        history.wait()
    (newest,) = history.entries()
    assert newest.prompt == "c" and history.dropped == ("b",)
    assert newest.mesh.name == "mesh.safetensors.z"
    assert not (newest.folder / "mesh.safetensors").exists()
    assert np.array_equal(newest.read().texture, noise)
    for damaged in (b"damaged", newest.mesh.read_bytes()[:-20], b""):
        newest.mesh.write_bytes(damaged)
        with pytest.raises(OutputError, match="gone or damaged"):
            newest.read()


def test_history_of_before_meshes_were_compressed_is_read(tmp_path: Path) -> None:
    history = History(tmp_path, 10**9)
    history.keep(result(tmp_path, cube()), entry("a pig"), cube())
    history.wait()
    (found,) = history.entries()
    raw = zlib.decompress(found.mesh.read_bytes())
    found.mesh.unlink()
    (found.folder / "mesh.safetensors").write_bytes(raw)
    assert np.array_equal(found.read().vertices, cube().vertices)


# --- pictures --------------------------------------------------------------------------------


def test_picture_is_of_the_near_side_and_fills_the_frame() -> None:
    drawn = thumbnail.draw(*_parts(cube()), 64)
    alpha = drawn[..., 3]
    assert alpha[32, 32] == 255 and alpha[0].max() == 0
    inside = drawn[alpha == 255][:, :3].astype(int)
    assert (inside[:, 0] > 2 * inside[:, 1]).all(), "red everywhere: no holes, nothing from behind"
    rows = np.flatnonzero(alpha.max(1))
    assert rows[-1] - rows[0] > 50


def test_back_of_a_single_face_is_not_drawn() -> None:
    arrays = cube()
    front = np.array([[0, 4, 5], [0, 5, 1]], np.int32)  # towards -y
    seen = thumbnail.draw(arrays.vertices, front, arrays.uvs[:2], arrays.texture, 32)
    behind = thumbnail.draw(arrays.vertices, front[:, ::-1], arrays.uvs[:2], arrays.texture, 32)
    assert seen[..., 3].max() == 255 and behind[..., 3].max() == 0


def test_mesh_of_faces_smaller_than_a_pixel_is_drawn() -> None:
    n = 120
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, n), np.linspace(0, 2, n)), -1).reshape(-1, 2)
    vertices = np.stack([grid[:, 0], 0 * grid[:, 0], grid[:, 1]], 1).astype(np.float32)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).reshape(-1)
    faces = np.concatenate(
        [np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)]
    ).astype(np.int32)
    uvs = np.zeros((len(faces), 3, 2), np.float32)
    drawn = thumbnail.draw(vertices, faces, uvs, np.full((1, 1, 3), 255, np.uint8), 48)
    assert drawn[24, 24, 3] == 255


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_png_is_read_back(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_bytes(pixels)))), pixels)


def _parts(arrays: MeshArrays) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return arrays.vertices, arrays.faces, arrays.uvs, arrays.texture


# --- lists of prompts ------------------------------------------------------------------------


def test_lines_are_prompts() -> None:
    assert parse_prompts(" a  pig \r\n\n# no\na lion\n\ta lion") == ["a pig", "a lion", "a lion"]
    with pytest.raises(BadPrompt):
        parse_prompts("# nothing\n\n")
    with pytest.raises(BadRequest, match="1,001"):
        parse_prompts("a pig\n" * 1001)


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(0, 20))
def test_grid_has_a_place_for_each_and_no_row_too_many(count: int, columns: int) -> None:
    grid = Grid(count, 2.0, columns)
    places = {grid.place(index) for index in range(count)}
    assert len(places) == count
    assert grid.rows * grid.columns >= count > (grid.rows - 1) * grid.columns
    if not columns:
        assert abs(grid.rows - grid.columns) <= 1


# --- catalogues and folders ------------------------------------------------------------------


def test_catalogue_is_written_once_and_others_stay(tmp_path: Path) -> None:
    mine = "11111111-2222-3333-4444-555555555555:Rocks/Big:Rocks-Big\n"
    (tmp_path / catalog.FILE).write_text(f"VERSION 1\n{mine}")
    first = catalog.ensure_catalog(tmp_path, "ATT3D/Animals")
    assert first == catalog.ensure_catalog(tmp_path, " ATT3D // Animals ")
    assert first == catalog.find_catalog(tmp_path, "ATT3D/Animals")
    lines = (tmp_path / catalog.FILE).read_text().splitlines()
    assert mine.strip() in lines and f"{first}:ATT3D/Animals:ATT3D-Animals" in lines
    assert len(lines) == 4, "and ATT3D itself"
    assert catalog.ensure_catalog(tmp_path, "Rocks/Big") == mine[:36]
    assert [path.name for path in tmp_path.iterdir()] == [catalog.FILE]


def test_catalogue_of_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="catalogue"):
        catalog.ensure_catalog(tmp_path / "nowhere", "ATT3D")


def test_file_in_a_library_belongs_to_the_innermost() -> None:
    libraries = [Path("/assets"), Path("/assets/toys"), Path("/other")]
    assert catalog.library_root(Path("/assets/toys/new/a.blend"), libraries) == Path("/assets/toys")
    assert catalog.library_root(Path("/home/me/a.blend"), libraries) == Path("/home/me")


def test_own_files_live_where_the_system_wants_them() -> None:
    home = Path("/home/me")
    named = {"LOCALAPPDATA": "/local", "XDG_DATA_HOME": "/data"}
    assert user_folders.data_folder(named, "win32", home) == Path("/local/ATT3D")
    assert user_folders.data_folder({}, "win32", home) == home / "AppData/Local/ATT3D"
    assert (
        user_folders.data_folder(named, "darwin", home)
        == home / "Library/Application Support/ATT3D"
    )
    assert user_folders.data_folder(named, "linux", home) == Path("/data/att3d")
    for environ in ({}, {"XDG_DATA_HOME": ""}, {"XDG_DATA_HOME": "relative"}):
        assert user_folders.data_folder(environ, "linux", home) == home / ".local/share/att3d"


def test_somebody_without_a_home_has_a_folder_too(tmp_path: Path, monkeypatch) -> None:
    """As the arbitrary user of a container: no HOME, and no entry in passwd."""

    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert user_folders.data_folder({}, "linux") == tmp_path / ".local/share/att3d"
    assert user_folders.data_folder({"XDG_DATA_HOME": "/data"}, "linux") == Path("/data/att3d")


def test_a31_conditions_of_a_checkpoint_are_read_from_its_file(tmp_path: Path) -> None:
    trained = (
        Condition("guidance_weight", 5.0, 100.0, 20.0, logarithmic=True),
        Condition("albedo", 0.0, 1.0, 0.5),
    )
    config = dataclasses.replace(TINY, conditions=trained)
    path = tiny_checkpoint(tmp_path / "conditioned.safetensors", config=config)
    found = Choice(str(path), path, False).conditions
    assert [dataclasses.astuple(one) for one in found] == [
        (one.name, one.low, one.high, one.default) for one in trained
    ]
    assert [one.label for one in found] == ["Guidance Weight", "Albedo"]
    assert [found[0].clamp(value) for value in (1, 40, 1e9, "high")] == [5.0, 40.0, 100.0, 20.0]
    plain = tiny_checkpoint(tmp_path / "plain.safetensors")
    assert Choice(str(plain), plain, False).conditions == ()


def test_conditions_that_no_slider_can_have_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"name": "albedo", "low": 0, "high": 1, "default": 0.5}
    wrong = [
        7, {}, good | {"name": 3}, good | {"name": ""}, good | {"name": "a" * 64},
        good | {"name": "two\nlines"}, good | {"low": "0"}, good | {"high": True},
        good | {"high": 10**400}, good | {"default": float("nan")}, good | {"default": 2},
    ]  # fmt: skip
    choice = Choice("any", tmp_path, False)
    for conditions, count in ((wrong, 0), ([*wrong, good], 1), ([good] * 99, 32), ("none", 0)):
        said = {"config": {"conditions": conditions}}
        monkeypatch.setattr(checkpoint_catalog, "metadata", lambda path, said=said: said)
        assert len(choice.conditions) == count

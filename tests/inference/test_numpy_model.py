"""Numpy computes the same objects as torch: every architecture, storage, and way to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.accelerator import TorchField, TorchModel
from backend.field_reader import Field, Reader
from backend.inference.grid import GridTable, touching_ball
from backend.inference.model import NumpyModel
from backend.loading import load_model, text_encoder
from backend.mesh_pipeline import field_to_mesh
from backend.model.checkpoint import Storage, load_checkpoint
from backend.model.config import GridConfig, ModelConfig
from backend.model.grid import FeatureGrid
from backend.paths import bundled_checkpoints, default_checkpoint
from backend.progress import CancelToken
from backend.protocol.errors import BadRequest, MissingDependency
from backend.protocol.options import MeshOptions
from backend.surface.contour import contour
from backend.surface.geometry import face_areas
from backend.surface.refine import finer_grid, near_surface
from backend.surface.topology import label_parts
from backend.textured_mesh import GeneratedMesh
from tests.model.test_variants import VARIANTS, embeddings, loud, round_trip

WITHOUT_TORCH = {name: c for name, c in VARIANTS.items() if c.mapping != "attention"}
PROMPTS = ["a pig wearing a tophat", "a rabbit"]


def points_in_cube(count: int = 20_000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (count, 3)).astype(np.float32)


def inside_ball(points: np.ndarray) -> np.ndarray:
    """Beyond the ball the vertices that are not stored count as zero, or are not there."""
    return points[np.linalg.norm(points, axis=1) <= 1.0]


def assert_same_field(ours: Field, reference: Field) -> None:
    """1e-4 of the range of the pre-density, and 1e-4 of colors."""
    points = inside_ball(points_in_cube())
    density, color = ours.sample(points)
    expected, expected_color = reference.sample(points)
    close = 1e-4 * float(np.ptp(expected))
    np.testing.assert_allclose(density, expected, atol=close, rtol=0)
    np.testing.assert_allclose(color, expected_color, atol=1e-4, rtol=0)
    np.testing.assert_allclose(ours.pre_density(points), expected, atol=close, rtol=0)
    lines = [
        np.linspace(-0.5, high, n, dtype=np.float32) for high, n in ((0.5, 7), (0.6, 4), (0, 9))
    ]
    np.testing.assert_allclose(ours.lattice(*lines), reference.lattice(*lines), atol=close, rtol=0)
    assert (ours.bound, ours.level) == (reference.bound, reference.level)
    assert ours.density_scale == reference.density_scale


@pytest.mark.parametrize("config", WITHOUT_TORCH.values(), ids=WITHOUT_TORCH.keys())
@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_every_architecture_is_the_same_function(
    config: ModelConfig, storage: Storage, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    model = loud(config).eval().requires_grad_(False)
    offset = 0.1 * torch.randn(model.grid.size) if storage == "int8" else None
    round_trip(model, path, storage=storage, offset=offset)
    ours, reference = NumpyModel(path), load_checkpoint(path)
    for embedding in embeddings():
        assert_same_field(ours.field(embedding.numpy()), TorchField(reference.field(embedding)))
    given = {condition.name: condition.high for condition in config.conditions}
    if given:
        other = ours.field(embeddings()[0].numpy(), given)
        assert_same_field(other, TorchField(reference.field(embeddings()[0], given)))
        default = ours.field(embeddings()[0].numpy()).pre_density(points_in_cube(100))
        assert not np.allclose(default, other.pre_density(points_in_cube(100)))


def test_an_unknown_condition_is_refused(tiny_checkpoint_path: Path) -> None:
    with pytest.raises(BadRequest, match="mood"):
        NumpyModel(tiny_checkpoint_path).field(np.zeros((8, 16), np.float32), {"mood": 1.0})


@pytest.mark.parametrize("path", bundled_checkpoints(), ids=lambda path: path.stem)
def test_the_bundled_checkpoints_are_the_same_objects(path: Path) -> None:
    ours, reference = NumpyModel(path), TorchModel(path)
    _, encode = text_encoder(ours)
    _, other = text_encoder(reference)
    prompt = ours.metadata.prompts[0]
    np.testing.assert_array_equal(encode([prompt]), other([prompt]))
    field, truth = ours.field(encode([prompt])[0]), reference.field(encode([prompt])[0])
    assert_same_field(field, truth)
    (vertices, faces), (expected, triangles) = contoured(field), contoured(truth)
    np.testing.assert_array_equal(faces, triangles)
    np.testing.assert_allclose(vertices, expected, atol=1e-4)


def contoured(field: Field) -> tuple[np.ndarray, np.ndarray]:
    reader = Reader(field, CancelToken())
    grid = finer_grid(reader, near_surface(reader, 64, 48, 20.0), 96)
    return contour(grid, field.level, field.bound, reader.cancel)


def test_meshes_have_the_same_parts_and_textures() -> None:
    options = MeshOptions(faces=3000, texture_size=256)
    models = NumpyModel(default_checkpoint()), TorchModel(default_checkpoint())
    _, encode = text_encoder(models[0])
    for embedding in encode(PROMPTS):
        ours, reference = (field_to_mesh(model.field(embedding), options) for model in models)
        parts = [label_parts(mesh.faces, len(mesh.vertices))[0] for mesh in (ours, reference)]
        assert parts[0] == parts[1]
        euler = [len(mesh.vertices) - len(mesh.faces) // 2 for mesh in (ours, reference)]
        assert euler[0] == euler[1]
        # Where a chart lies in the texture follows from roundings; what the surface shows does not.
        np.testing.assert_allclose(mean_color(ours), mean_color(reference), atol=1.0)


def mean_color(mesh: GeneratedMesh) -> np.ndarray:
    """The texture's mean over the surface, read at faces' centres, weighted by their area."""
    column, row = (mesh.uvs.mean(1) * [1, -1] + [0, 1]).T * len(mesh.texture)
    colors = mesh.texture[row.astype(int), column.astype(int)]
    return np.average(colors, axis=0, weights=face_areas(mesh.vertices, mesh.faces))


def test_few_points_and_none_are_read_too(tiny_checkpoint_path: Path) -> None:
    field = NumpyModel(tiny_checkpoint_path).field(np.zeros((8, 16), np.float32))
    assert field.pre_density(np.zeros((0, 3), np.float32)).shape == (0,)
    density, color = field.sample(np.zeros((1, 3), np.float32))
    assert density.shape == (1,)
    assert color.shape == (1, 3)


@pytest.mark.parametrize("support", ["cube", "ball"])
def test_the_table_has_torchs_vertices(support) -> None:
    config = GridConfig(resolutions=(5, 9), hashed=(14,), table=7, support=support)
    table, grid = GridTable(config), FeatureGrid(config)
    assert len(table.stored) == grid.vertices
    assert table.channels == grid.channels


def test_a_ball_needs_about_half_of_a_cube() -> None:
    assert 0.5 < touching_ball(36).mean() < 0.7


def test_attention_is_torchs(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    round_trip(loud(VARIANTS["attention"]), path)
    with pytest.raises(MissingDependency) as info:
        NumpyModel(path)
    assert "torch" in info.value.message
    assert "accelerator" in info.value.remedy
    assert isinstance(load_model(path), TorchModel)


def test_a_processor_is_numpys(tiny_checkpoint_path: Path) -> None:
    assert isinstance(load_model(tiny_checkpoint_path, "cpu"), NumpyModel)

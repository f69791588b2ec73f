"""One mesh of the analytic toy, made once for all tests that only look at it."""

from __future__ import annotations

import pytest

from backend.mesh_pipeline import field_to_mesh
from backend.protocol.options import MeshOptions
from backend.textured_mesh import GeneratedMesh

from .analytic import BALLOON, SPECK, TOY, AnalyticField

OPTIONS = MeshOptions(faces=6000, texture_size=512, resolution=96, normal_map=True)


@pytest.fixture(scope="session")
def toy() -> AnalyticField:
    """A bear with a balloon beside it, a speck of dirt, and a hollow belly."""
    return AnalyticField(balls=(*TOY, BALLOON, SPECK), cavities=((0.0, 0.0, -0.25, 0.2),))


@pytest.fixture(scope="session")
def mesh(toy: AnalyticField) -> GeneratedMesh:
    result = field_to_mesh(toy, OPTIONS)
    result.prompt, result.checkpoint_hash = "a bear – with a balloon", "0123abcd"
    return result

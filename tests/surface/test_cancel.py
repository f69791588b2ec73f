"""A cancel is heard within 200 ms, whatever runs."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from backend.mesh_pipeline import field_to_mesh
from backend.progress import CancelToken, Stages
from backend.protocol.errors import Cancelled
from backend.protocol.options import MeshOptions
from backend.surface.marching import marching_cubes
from backend.surface.simplify import IN_PROCESS_FACES, decimate
from tests.timed import within

from .analytic import AnalyticField


@pytest.mark.parametrize("stage", ["density", "contour", "clean", "decimate", "uv", "bake"])
def test_a_cancel_at_any_stage_stops_the_job(toy: AnalyticField, stage: str):
    token = CancelToken()

    def progress(_: float, name: str) -> None:
        if name == stage:
            token.cancel()

    options = MeshOptions(faces=2000, texture_size=256, resolution=48)
    with pytest.raises(Cancelled):
        field_to_mesh(toy, options, Stages(progress, token))


@pytest.mark.timed
def test_a_large_decimation_is_killed_in_the_middle():
    field = AnalyticField()
    vertices, faces = marching_cubes(field.dense(250), field.level)
    assert len(faces) > IN_PROCESS_FACES
    token = CancelToken()
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.perf_counter())
        token.cancel()

    timer = threading.Timer(0.15, cancel)
    timer.start()
    with pytest.raises(Cancelled):
        decimate(vertices, faces, 5000, token)
    assert within(time.perf_counter() - asked[0], 0.2)


def test_a_large_decimation_gives_the_same_as_a_small_one(monkeypatch: pytest.MonkeyPatch):
    field = AnalyticField()
    vertices, faces = marching_cubes(field.dense(40), field.level)
    here = decimate(vertices, faces, 500, CancelToken())
    monkeypatch.setattr("backend.surface.simplify.IN_PROCESS_FACES", 0)
    there = decimate(vertices, faces, 500, CancelToken())
    np.testing.assert_array_equal(here[0], there[0])
    np.testing.assert_array_equal(here[1], there[1])

"""The quick pictures are those of the renderer that reads every sample."""

from __future__ import annotations

import numpy as np
import pytest

from backend.accelerator import TorchModel
from backend.loading import text_encoder
from backend.paths import default_checkpoint
from backend.progress import CancelToken
from backend.protocol.errors import Cancelled
from backend.rendering import Shading
from backend.rendering.cameras import orbit
from backend.rendering.turntable import Turntable
from backend.rendering.volume import render_field

SIZE = 48


@pytest.fixture(scope="module")
def model() -> TorchModel:
    return TorchModel(default_checkpoint())


@pytest.mark.parametrize("shading", ["full", "textureless", "albedo"])
def test_views_are_those_of_the_volume_renderer(model: TorchModel, shading: Shading) -> None:
    _, encode = text_encoder(model)
    embedding = encode(["a pig wearing a tophat"])[0]
    field = model.field(embedding)
    turntable = Turntable(field)
    expected, opacity = render_field(field._field, orbit(4), SIZE, shading=shading)
    for view in range(4):
        color, alpha = turntable.view(90.0 * view, SIZE, shading)
        off = np.abs(color - expected[view].numpy())
        assert off.mean() < 2e-3
        assert np.quantile(off, 0.99) < 0.03
        np.testing.assert_allclose(alpha, opacity[view].numpy(), atol=0.01)
        assert 0.05 < (alpha > 0.5).mean() < 0.95


def test_it_can_be_cancelled(model: TorchModel) -> None:
    token = CancelToken()
    field = model.field(np.zeros((32, 128), np.float32))
    turntable = Turntable(field, token)
    token.cancel()
    with pytest.raises(Cancelled):
        turntable.view(0.0, SIZE)

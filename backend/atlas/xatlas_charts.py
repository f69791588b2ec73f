"""Charts by xatlas: more of them and less distorted than ours; several times slower.

xatlas is the unwrapper of the paper's lineage. It runs in a process of its own: its one call takes
about a second, holds Python's lock and cannot be interrupted. Its charts are packed by our packer:
xatlas mirrors a few of them where it packs, and a mirrored chart's normal map would be wrong.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from ..cancellable import run_in_child
from ..progress import CancelToken
from ..protocol.errors import MissingDependency
from ..shapes import Float
from ..surface.topology import Faces, Vertices, label_parts
from .charts import Labels

_UNWRAP = """
import xatlas
atlas = xatlas.Atlas()
atlas.add_mesh(arrays["vertices"], arrays["faces"])
pack = xatlas.PackOptions()
pack.resolution, pack.padding, pack.bilinear = int(arrays["size"]), int(arrays["padding"]), True
atlas.generate(xatlas.ChartOptions(), pack)
_, corners, uvs = atlas[0]
texels = uvs * numpy.array([atlas.width, atlas.height], dtype=uvs.dtype)
results = {"uvs": texels / max(atlas.width, atlas.height), "corners": corners}
"""


def xatlas_layout(
    vertices: Vertices, faces: Faces, texture_size: int, padding: int, cancel: CancelToken
) -> tuple[Float[np.ndarray, "faces 3 2"], Labels]:
    """UV coordinates of the corners as xatlas packs them, and the chart of each face.

    Args:
        padding: Texels between charts.

    Raises:
        Cancelled: asked to stop.
        MissingDependency: xatlas is not installed.
        InternalError: xatlas failed.
    """
    if importlib.util.find_spec("xatlas") is None:
        raise MissingDependency(
            "unwrapping by xatlas needs the package xatlas, which is not installed",
            "set up the engine again, or choose the own unwrapper (--unwrap own)",
        )
    request = {
        "vertices": vertices.astype(np.float32),
        "faces": faces.astype(np.uint32),
        "size": texture_size,
        "padding": padding,
    }
    found = run_in_child("unwrapping", _UNWRAP, request, cancel)
    corners = found["corners"].astype(np.int64)
    _, charts = label_parts(corners, len(found["uvs"]))
    return found["uvs"][corners].astype(np.float64), charts.astype(np.int64)


def xatlas_charts(
    vertices: Vertices, faces: Faces, texture_size: int, cancel: CancelToken
) -> tuple[Float[np.ndarray, "faces 3 2"], Labels]:
    """Each chart in a plane, its faces counter-clockwise, and the chart of each face.

    Raises:
        Cancelled: asked to stop.
        MissingDependency: xatlas is not installed.
        InternalError: xatlas failed.
    """
    flat, labels = xatlas_layout(vertices, faces, texture_size, 1, cancel)
    a, b = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    mirrored = np.bincount(labels, a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) < 0.0
    flat[..., 0] *= np.where(mirrored, -1.0, 1.0)[labels][:, None]
    return flat, labels

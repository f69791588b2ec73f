"""A backend that answers ``interpolate`` and ``preview`` at once: ``python stand_in.py``.

It speaks the real protocol, with the extension's own ``backend.protocol``, but makes a ball whose
size and colour depend on the prompt. Words in the first prompt ask for trouble:

    slow    progress for a minute, unless cancelled        empty   no surface
    die     the process is killed half-way                 broken  a file that is cut off
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
import zlib
from pathlib import Path

import numpy as np

from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.errors import BadRequest, Cancelled
from backend.protocol.framing import read_frame, write_frame
from backend.protocol.schema import decode, encode

VERSION = "0.1.0"
CODES = {"float32": "F32", "int32": "I32", "uint8": "U8"}
SIZE = 32
"""Pixels of a texture's edge."""


def radius(prompt: str) -> float:
    return 0.3 + 0.4 * (zlib.crc32(prompt.encode()) % 1000) / 1000


def color(prompt: str) -> np.ndarray:
    return np.frombuffer(zlib.crc32(prompt.encode()).to_bytes(4, "little"), np.uint8)[:3]


def ball(rows: int = 8, columns: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit directions f32[V,3], faces i32[F,3], uvs f32[F,3,2]."""
    polar = np.linspace(0.2, np.pi - 0.2, rows)
    azimuth = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    p, a = np.meshgrid(polar, azimuth, indexing="ij")
    points = np.stack([np.sin(p) * np.cos(a), np.sin(p) * np.sin(a), np.cos(p)], -1)
    faces, uvs = [], []
    for i in range(rows - 1):
        for j in range(columns):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            for triangle in ((0, 1, 2), (0, 2, 3)):
                chosen = [corners[k] for k in triangle]
                faces.append([r * columns + k % columns for r, k in chosen])
                uvs.append([(k / columns, r / (rows - 1)) for r, k in chosen])
    return (
        points.reshape(-1, 3).astype(np.float32),
        np.array(faces, np.int32),
        np.array(uvs, np.float32),
    )


def chain_arrays(prompts: list[str], keys: int) -> dict[str, np.ndarray]:
    """Between two prompts one key in the middle that is not a blend: the ball is a lens there."""
    directions, faces, uvs = ball()
    step = 1.0 if keys < 3 else 0.5
    alphas = np.arange(0, len(prompts) - 1 + step / 2, step, dtype=np.float32)
    positions, textures = [], []
    for alpha in alphas:
        first = min(int(alpha), len(prompts) - 2)
        share = alpha - first
        one, other = prompts[first], prompts[first + 1]
        size = radius(one) * (1 - share) + radius(other) * share
        squash = np.array([1, 1, 1 - share * (1 - share)], np.float32)
        positions.append(directions * squash * np.float32(size))
        mixed = color(one) * (1.0 - share) + color(other) * float(share)
        texture = np.tile(mixed.astype(np.uint8), (SIZE, SIZE, 1))
        texture[: SIZE // 2, :, 0] = 255 if share == 0.5 else texture[0, 0, 0]
        textures.append(texture)
    return {
        "faces": faces,
        "uvs": uvs,
        "positions": np.stack(positions).astype(np.float32),
        "alphas": alphas,
        "textures": np.stack(textures),
    }


def save(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    header, body = {}, b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": CODES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    head = json.dumps(header).encode()
    path = folder / f"{uuid.uuid4().hex}.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head + body)
    return path


class StandIn:
    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self.lock = threading.Lock()
        self.cancelled: set[object] = set()
        self.folder = Path()

    def send(self, message: rpc.Message) -> None:
        with self.lock:
            write_frame(self.out, rpc.dump_message(message))

    def run(self) -> None:
        while (body := read_frame(sys.stdin.buffer)) is not None:
            match rpc.parse_message(body):
                case rpc.Notification(_, params):
                    self.cancelled.add(params["id"])
                case rpc.Request(id, method, params):
                    work = threading.Thread(target=self.answer, args=(id, method, params))
                    work.daemon = True
                    work.start()
                    if method == "initialize":
                        work.join()
        os._exit(0)

    def answer(self, id: object, method: str, params: object) -> None:
        try:
            wanted = decode(m.METHODS[method].params, params, method)
            result = getattr(self, f"do_{method}")(id, wanted)
            self.send(rpc.Response(id, encode(result)))
        except Exception as error:
            self.send(rpc.ErrorResponse(id, error))

    def do_initialize(self, id: object, params: m.InitializeParams) -> m.InitializeResult:
        self.folder = Path(params.session_folder) / "att3d-results"
        self.folder.mkdir()
        self.send(rpc.Notification("$/status", {"state": "ready", "device": "none"}))
        return m.InitializeResult(
            protocol_version=m.PROTOCOL_VERSION,
            server=VERSION,
            python="",
            platform="",
            pid=os.getpid(),
            session_folder=str(self.folder),
        )

    def do_interpolate(self, id: object, params: m.InterpolateParams) -> m.InterpolateResult:
        prompts = params.prompts
        for step in range(6000 if "slow" in prompts[0] else 3):
            if id in self.cancelled:
                raise Cancelled
            if "die" in prompts[0] and step == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            progress = {"id": id, "fraction": step / 6000, "stage": "track"}
            self.send(rpc.Notification("$/progress", progress))
            time.sleep(0.01)
        if "empty" in prompts[0]:
            raise BadRequest("the object at alpha 0.50 has no surface", "choose other prompts")
        arrays = chain_arrays(prompts, params.keys)
        path = save(self.folder, arrays)
        if "broken" in prompts[0]:
            path.write_bytes(path.read_bytes()[:-10])
        keys = [
            m.InterpolatedKey(
                alpha=float(alpha),
                name=f"{alpha + 1:05.2f} {prompts[int(alpha)]}"
                if alpha % 1
                else f"{int(alpha) + 1:02d} {prompts[int(alpha)]}",
                prompt="" if alpha % 1 else prompts[int(alpha)],
            )
            for alpha in arrays["alphas"]
        ]
        return m.InterpolateResult(
            mesh=str(path),
            prompts=prompts,
            keys=keys,
            vertices=arrays["positions"].shape[1],
            faces=len(arrays["faces"]),
            quality=[],
            between=[],
            drift_pct=0.0,
            changes=[m.TopologyChange(alpha=0.5, kind="part appears", count=2)],
            timings={"total": 0.5},
            notes=["a note about the chain"],
            checkpoint="tiny.safetensors",
            checkpoint_hash="0" * 64,
            version=VERSION,
        )

    def do_preview(self, id: object, params: m.PreviewParams) -> m.PreviewResult:
        prompts = params.prompts
        if "die" in prompts[0] and params.alpha > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        directions, faces, _ = ball()
        first = min(int(params.alpha), len(prompts) - 2)
        share = params.alpha - first
        size = radius(prompts[first]) * (1 - share) + radius(prompts[first + 1]) * share
        colors = np.tile(color(prompts[first]), (len(directions), 1))
        if "empty" in prompts[0]:
            directions, faces, colors = directions[:0], faces[:0], colors[:0]
        arrays = {
            "vertices": (directions * size).astype(np.float32),
            "faces": faces,
            "colors": colors,
        }
        return m.PreviewResult(
            mesh=str(save(self.folder, arrays)),
            alpha=params.alpha,
            vertices=len(directions),
            faces=len(faces),
            timings={"total": 0.0},
            notes=[],
            checkpoint="tiny.safetensors",
            checkpoint_hash="0" * 64,
        )


if __name__ == "__main__":
    StandIn().run()

"""A backend that answers at once, for checks about Blender and not about the model.

Speaks the real protocol on real pipes, with the standard library and ``backend.protocol`` only, so
that it starts in a fraction of a second. The prompt says how it behaves: ``slow`` waits,
``hang`` never answers, ``die`` ends, ``memory`` and ``broken`` fail; all others make a cube.

Of a chain, which needs numpy, the first prompt says it:

    slow    progress for a minute, unless cancelled        empty   no surface
    die     the process is killed half-way                 broken  a file that is cut off
"""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from backend.prompts.mixes import mix_name
from backend.protocol import jsonrpc as rpc
from backend.protocol import messages as m
from backend.protocol.errors import BadRequest, Cancelled, OutOfMemory
from backend.protocol.framing import read_frame, write_frame
from backend.protocol.schema import decode, encode

VERSION = "0.1.0"

SIDE = 64
"""Of the texture."""


def cube() -> bytes:
    """A .safetensors file with a textured cube."""
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)]
    faces = [
        (0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1),
        (2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3),
    ]  # fmt: skip
    arrays = {
        "vertices": ("F32", [8, 3], struct.pack("<24f", *(v for c in corners for v in c))),
        "faces": ("I32", [12, 3], struct.pack("<36i", *(v for f in faces for v in f))),
        "uvs": ("F32", [12, 3, 2], struct.pack("<72f", *([0, 0, 1, 0, 1, 1] * 12))),
        "texture": ("U8", [SIDE, SIDE, 3], bytes([200, 120, 80]) * SIDE * SIDE),
    }
    header, body = {}, b""
    for name, (dtype, shape, data) in arrays.items():
        header[name] = {
            "dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]
        }  # fmt: skip
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def said_conditions(request: rpc.Request) -> list[str]:
    """A note that says which conditions were asked for."""
    values = request.params.get("conditions")
    return [json.dumps(values, sort_keys=True)] if values else []


def said(request: rpc.Request) -> list[str]:
    """What came with a request beside its prompts, as notes."""
    return said_conditions(request) + said_places(request)


def said_places(request: rpc.Request) -> list[str]:
    """Notes that say which inverted models and which shares came with a request."""
    names = [f"model {name}" for name in request.params.get("objects") or ()]
    weights = request.params.get("weights")
    return names + ([f"weights {json.dumps(weights)}"] if weights else [])


class StandIn:
    """One client's backend."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled: set[object] = set()
        self._cube = cube()
        self._session = Path()

    def run(self) -> None:
        while (body := read_frame(sys.stdin.buffer)) is not None:
            message = rpc.parse_message(body)
            if isinstance(message, rpc.Notification):
                self._cancelled.add(message.params["id"])
            elif isinstance(message, rpc.Request):
                threading.Thread(target=self._answer, args=(message,), daemon=True).start()

    def _send(self, message: rpc.Message) -> None:
        with self._lock:
            write_frame(sys.stdout.buffer, rpc.dump_message(message))

    def _answer(self, request: rpc.Request) -> None:
        try:
            result = getattr(self, f"_{request.method}")(request)
        except Exception as error:
            known = error if hasattr(error, "to_dict") else BadRequest(repr(error))
            self._send(rpc.ErrorResponse(request.id, known))
            return
        if result is not None:
            self._send(rpc.Response(request.id, encode(result)))

    def _initialize(self, request: rpc.Request) -> m.InitializeResult:
        folder = Path(str(request.params["session_folder"]))
        here = folder if (folder / "token").is_file() else None
        self._session = Path(tempfile.mkdtemp(prefix="att3d-", dir=here)).resolve()
        status = m.StatusParams(
            state="ready",
            device="cpu",
            library="numpy",
            reason="no_torch",
            checkpoint="/x/tiny.safetensors",
            memory_bytes=10**9,
        )
        result = m.InitializeResult(
            protocol_version=m.PROTOCOL_VERSION, server="stand-in", python="3", platform="test",
            pid=os.getpid(), session_folder=str(self._session),
        )  # fmt: skip
        self._send(rpc.Response(request.id, encode(result)))
        self._send(rpc.Notification("$/status", encode(status)))
        return None  # type: ignore[return-value]

    def _info(self, request: rpc.Request) -> m.InfoResult:
        return m.InfoResult(
            server="stand-in", state="ready", queued=0, memory_bytes=10**9, engine={}
        )

    def _fetch(self, request: rpc.Request) -> m.FetchResult:
        data = Path(str(request.params["path"])).read_bytes()
        return m.FetchResult(data=base64.b64encode(data).decode(), size=len(data))

    def _generate(self, request: rpc.Request) -> m.GenerateResult | None:
        prompt = str(request.params["prompt"]).strip()
        word = prompt.partition(" ")[0]
        for step in range(1 if word != "slow" else 200):
            if request.id in self._cancelled:
                raise Cancelled
            params = m.ProgressParams(id=request.id, fraction=step / 200, stage="density")
            self._send(rpc.Notification("$/progress", encode(params)))
            time.sleep(0.002 if word == "slow" else 0)
        if word == "die":
            os._exit(9)
        if word == "hang":
            threading.Event().wait()
        if word == "memory":
            raise OutOfMemory("The GPU has too little memory for this.")
        if word == "broken":
            raise BadRequest("This prompt cannot be made.")
        path = self._session / f"{uuid.uuid4().hex}.safetensors"
        path.write_bytes(self._cube)
        return m.GenerateResult(
            mesh=str(path), prompt=prompt, vertices=8, faces=12, timings={"total": 0.01},
            notes=["a note"] if word == "noted" else said(request),
            checkpoint="/x/tiny.safetensors", checkpoint_hash="0" * 64, version="stand-in",
        )  # fmt: skip

    def _interpolate(self, request: rpc.Request) -> m.InterpolateResult:
        import chain_shapes as shapes  # numpy: its start is not for every check

        params = decode(m.InterpolateParams, request.params, request.method)
        prompts = params.prompts
        if params.weights:
            prompts = [mix_name(prompts, weights) for weights in params.weights]
        for step in range(6000 if "slow" in prompts[0] else 3):
            if request.id in self._cancelled:
                raise Cancelled
            if "die" in prompts[0] and step == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            progress = {"id": request.id, "fraction": step / 6000, "stage": "track"}
            self._send(rpc.Notification("$/progress", progress))
            time.sleep(0.01)
        if "empty" in prompts[0]:
            raise BadRequest("the object at alpha 0.50 has no surface", "choose other prompts")
        arrays = shapes.chain_arrays(prompts, params.keys)
        path = shapes.save(self._session, arrays)
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
            timings={"keys": 0.4, "bake": 0.1, "total": 0.5},
            notes=["a note about the chain", *said(request)],
            checkpoint="tiny.safetensors",
            checkpoint_hash="0" * 64,
            version=VERSION,
        )

    def _preview(self, request: rpc.Request) -> m.PreviewResult:
        import chain_shapes as shapes
        import numpy as np

        params = decode(m.PreviewParams, request.params, request.method)
        prompts = params.prompts
        if "die" in prompts[0] and params.alpha > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        directions, faces, _ = shapes.ball()
        first = 0
        if params.weights:
            shares = zip(prompts, params.weights, strict=True)
            size = sum(shapes.radius(prompt) * weight for prompt, weight in shares)
        else:
            first = min(int(params.alpha), len(prompts) - 2)
            share = params.alpha - first
            one, other = shapes.radius(prompts[first]), shapes.radius(prompts[first + 1])
            size = one * (1 - share) + other * share
        colors = np.tile(shapes.color(prompts[first]), (len(directions), 1))
        if "empty" in prompts[0]:
            directions, faces, colors = directions[:0], faces[:0], colors[:0]
        arrays = {
            "vertices": (directions * size).astype(np.float32),
            "faces": faces,
            "colors": colors,
        }
        return m.PreviewResult(
            mesh=str(shapes.save(self._session, arrays)),
            alpha=params.alpha,
            vertices=len(directions),
            faces=len(faces),
            timings={"total": 0.0},
            notes=[],
            checkpoint="tiny.safetensors",
            checkpoint_hash="0" * 64,
        )

    def _invert(self, request: rpc.Request) -> m.InvertResult:
        """Any .glb is caught; the name says how: ``slow``, ``broken``, ``memory``, ``far``."""
        params = decode(m.InvertParams, request.params, request.method)
        model = base64.b64decode(params.data)
        if model[:4] != b"glTF":
            raise BadRequest("the model cannot be read: it is not binary glTF")
        for step in range(200 if "slow" in params.name else 1):
            if request.id in self._cancelled:
                raise Cancelled
            progress = {"id": request.id, "fraction": step / 200, "stage": "fit"}
            self._send(rpc.Notification("$/progress", progress))
            time.sleep(0.01)
        if "broken" in params.name:
            raise BadRequest("the object is empty: there is no triangle in it", "choose another")
        if "memory" in params.name:
            raise OutOfMemory("There was not enough memory to finish.")
        far = "far" in params.name
        return m.InvertResult(
            name=params.name,
            object=m.ObjectCode(code=[0.25, -1.5, len(model)], checkpoint_hash="0" * 64),
            psnr=12.0 if far else 28.5,
            iou=0.5 if far else 0.97,
            nearest="a pig",
            far=far,
            timings={"total": 0.1},
            notes=["too far"] if far else [],
            checkpoint="tiny.safetensors",
            checkpoint_hash="0" * 64,
        )


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent))  # the client's environment leaves it out
    StandIn().run()

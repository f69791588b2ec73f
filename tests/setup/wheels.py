"""Tiny wheels, and a simple index that serves them and can be told to break."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    tag: str = "py3-none-any",
    size: int = 0,
    about: str = "",
) -> Path:
    """A wheel with one module, whose ``VERSION`` says which it is.

    Args:
        folder: where it goes.
        name: of distribution and module.
        tag: of the file name; another system's makes it unusable here.
        size: bytes of ballast, so that a download can break in the middle.
        about: more lines of its metadata.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{name.replace('-', '_')}.py": f"VERSION = {version!r}\n".encode(),
        f"{stem}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{about}".encode()
        ),
        f"{stem}.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        ),
    }
    if size:
        files[f"{name}_ballast.bin"] = hashlib.shake_128(name.encode()).digest(size)
    record = "".join(f"{path},{_digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, data in files.items():
            archive.writestr(inside, data)
    return path


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


class Index:
    """A simple package index on this machine, as a context manager.

    As the real ones do, it gives the metadata of a wheel without the wheel.

    ``breaks`` names a file whose download ends in the middle, once for each time that is asked for;
    ``changed`` has the content that is sent instead of what the index says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.breaks: dict[str, int] = {}
        self.ready: Callable[[], bool] = lambda: True
        """A download does not break before this holds."""
        self.changed: dict[str, bytes] = {}
        self.served: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> Index:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = request.path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            found = [
                path
                for path in sorted(self.folder.glob("*.whl"))
                if path.name.split("-")[0].replace("_", "-").lower() == parts[1]
            ]
            links = "".join(
                f'<a href="/files/{path.name}#sha256='
                f'{hashlib.sha256(path.read_bytes()).hexdigest()}" '
                f'data-dist-info-metadata="true">{path.name}</a>\n'
                for path in found
            )
            self._send(request, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
            return
        path = self.folder / parts[-1].removesuffix(".metadata")
        if not path.is_file():
            request.send_error(404)
            return
        if parts[-1].endswith(".metadata"):
            with zipfile.ZipFile(path) as archive:
                name = next(n for n in archive.namelist() if n.endswith("/METADATA"))
                self._send(request, archive.read(name))
            return
        self.served.append(path.name)
        data = path.read_bytes()
        data = self.changed.get(path.name, data)
        cut = len(data)
        if self.breaks.get(path.name, 0):
            self.breaks[path.name] -= 1
            for _ in range(6000):
                if self.ready():
                    break
                time.sleep(0.01)
            cut //= 2
        self._send(request, data, cut)

    def _send(self, request: BaseHTTPRequestHandler, data: bytes, cut: int | None = None) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html" if cut is None else "application/zip")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:cut])

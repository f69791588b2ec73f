"""What uv and pip really say when the network is in the way, and what a person is told of it.

Everything is on this machine: an index with a certificate that nobody trusts, proxies that refuse.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme

from .extension import errors, failures, uv
from .wheels import Index, make_wheel

ELSEWHERE = "https://packages.example.org/simple"
"""Nothing asks for this address itself: the proxies of the tests are asked, and refuse."""
Tool = Callable[..., str]


@contextlib.contextmanager
def refusing(code: int, **headers: str) -> Iterator[str]:
    """A server, or proxy, that answers everything with one code; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_CONNECT = do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(params=["uv", "pip"])
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Tool:
    """Asks an index for the package alpha, as the set-up does; what was said if it failed."""

    def ask(index: str, **variables: str) -> str:
        environ = uv.environment(os.environ | variables, tmp_path / "cache", offline=False)
        environ |= {"UV_HTTP_RETRIES": "0", "PIP_RETRIES": "1"}
        if request.param == "uv":
            command = [str(next(uv.find())), "pip", "install", "--target", str(tmp_path / "target")]
            command += ["--python", sys.executable, "--default-index", index, "--no-deps", "alpha"]
        else:
            environ["PIP_INDEX_URL"] = index
            command = [sys.executable, "-I", "-m", "pip", *uv.fetch("alpha", tmp_path / "target")]
        done = subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return "" if done.returncode == 0 else done.stdout

    return ask


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return make_wheel(tmp_path / "wheels", "alpha", "1.0").parent


@contextlib.contextmanager
def https(index: Index, authority: trustme.CA) -> Iterator[str]:
    """The index over TLS, with a certificate of a company's own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    index._server.socket = context.wrap_socket(index._server.socket, server_side=True)
    with index:
        yield index.url.replace("http://127.0.0.1", "https://localhost")


def test_an_untrusted_certificate(tool: Tool, wheels: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    with https(Index(wheels), authority) as url:
        said = tool(url)
        error = failures.explain(said)
        assert "certificate of localhost:" in error.message and "not trusted" in error.message, said
        assert "SSL_CERT_FILE" in error.remedy
        authority.cert_pem.write_to_path(str(tmp_path / "company.pem"))
        named = str(tmp_path / "company.pem")
        assert tool(url, SSL_CERT_FILE=named) == "", "the remedy helps"


def test_a_proxy_that_wants_a_password(tool: Tool) -> None:
    with refusing(407, Proxy_Authenticate='Basic realm="company"') as proxy:
        error = failures.explain(tool(ELSEWHERE, HTTPS_PROXY=proxy), proxy=proxy)
    assert "wants a name and a password" in error.message and "(407)" in error.message
    assert "packages.example.org" in error.message and proxy in error.message
    assert "HTTPS_PROXY" in error.remedy


def test_a_proxy_that_refuses(tool: Tool) -> None:
    with refusing(403) as proxy:
        secret = proxy.replace("//", "//me:secret@")
        error = failures.explain(tool(ELSEWHERE, HTTPS_PROXY=secret), proxy=secret)
    assert "does not let this machine reach packages.example.org (403)" in error.message
    assert "secret" not in error.message + error.remedy
    assert "UV_DEFAULT_INDEX" in error.remedy


def test_a_proxy_that_is_not_there(tool: Tool) -> None:
    proxy = "http://127.0.0.1:9"
    error = failures.explain(tool(ELSEWHERE, HTTPS_PROXY=proxy), proxy=proxy)
    assert f"{proxy} cannot be reached" in error.message
    assert "packages.example.org" in error.message and "HTTPS_PROXY" in error.remedy


def test_a_proxy_that_is_not_there_in_the_words_of_pip_26() -> None:
    said = (
        "Could not fetch URL https://packages.example.org/simple/alpha/: proxy connection error: "
        "('Unable to connect to proxy', NewConnectionError(\"HTTPSConnection(host='127.0.0.1', "
        'port=9): Failed to establish a new connection: [Errno 111] Connection refused")) - '
        "skipping\nERROR: No matching distribution found for alpha"
    )
    error = failures.explain(said, proxy="http://127.0.0.1:9")
    assert error.message == (
        "http://127.0.0.1:9 cannot be reached, and packages.example.org was to be reached "
        "through it."
    )
    assert "HTTPS_PROXY" in error.remedy


@pytest.mark.parametrize("code", [401, 403])
def test_an_index_that_wants_a_password(tool: Tool, code: int) -> None:
    with refusing(code) as server:
        said = tool(f"{server}/simple")
        error = failures.explain(said)
    assert server.removeprefix("http://") in error.message, said
    assert "name and a password" in error.message and "UV_DEFAULT_INDEX" in error.remedy


def test_an_index_that_cannot_be_reached(tool: Tool) -> None:
    error = failures.explain(tool("http://127.0.0.1:9/simple"))
    assert isinstance(error, errors.NotDownloaded)
    assert re.fullmatch(r"127\.0\.0\.1(:9)? cannot be reached\.", error.message)
    assert "HTTPS_PROXY" in error.remedy and "folder of packages" in error.remedy


def test_a_package_that_is_not_there(tool: Tool, wheels: Path) -> None:
    (wheels / "alpha-1.0-py3-none-any.whl").unlink()
    make_wheel(wheels, "alpha", "1.0", tag="cp27-cp27m-win32")
    with Index(wheels) as index:
        error = failures.explain(tool(index.url))
    assert "alpha" in error.message and "not published for this system" in error.message


def test_a_file_that_was_changed_on_the_way(tool: Tool, wheels: Path) -> None:
    with Index(wheels) as index:
        other = make_wheel(wheels / "other", "alpha", "1.0", size=10)
        index.changed = {other.name: other.read_bytes()}
        error = failures.explain(tool(index.url))
    assert "not the one that its index names" in error.message


def test_a_download_that_breaks_off(tool: Tool, wheels: Path) -> None:
    make_wheel(wheels, "alpha", "1.0", size=300_000)
    with Index(wheels) as index:
        index.breaks = {"alpha-1.0-py3-none-any.whl": 99}
        error = failures.explain(tool(index.url))
    # pip compares the half of a file with the hash of the whole one.
    assert re.search("broke off|not the one that its index names", error.message)
    assert error.remedy.startswith("Continue")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk() -> None:
    """What the system says, as uv (Rust), pip and Python write it."""
    try:
        Path("/dev/full").write_text("x")
    except OSError as error:
        for said in (f"error: cause: {error.strerror} (os error 28)", f"ERROR: {error}"):
            assert "disk is full" in failures.explain(said).message


@pytest.mark.parametrize("said", ["", "error: a new kind of trouble"])
def test_what_is_not_known_is_passed_on(said: str) -> None:
    error = failures.explain(said)
    assert error.code == "internal" and error.remedy
    assert (said.removeprefix("error: ") or "said nothing") in error.message

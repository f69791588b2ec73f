"""What a set-up is asked to do, as data that goes to the worker in one line of JSON. No bpy."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from ...backend.protocol.errors import BadRequest
from ...backend.protocol.schema import decode
from .builds import PYPI

CHECK = ("-m", "backend", "doctor", "--json")
"""How the environment's Python is asked whether the backend works in it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that the worker needs to know."""

    folder: str
    build: str
    """Identifier of torch's build."""
    torch_index: str
    """Where torch comes from; not used with ``wheels``."""
    index: str = ""
    """Where everything else comes from; empty: as uv or pip is configured here, else PyPI."""
    wheels: str = ""
    """A folder with all wheels: the network is not used. Empty: from the indexes."""
    python: str = ""
    """The Python to make the environment with; empty: look for one."""
    uv: str = ""
    """The program uv; empty: look for it, else fetch it."""
    blender_prefix: str = ""
    """The folder of Blender's own Python, to be copied if there is no other; empty: it has none."""
    extension: str = ""
    """Version of the extension."""
    needed_mb: int = 0
    """Free space that is asked for before anything is begun."""
    pins: str = ""
    """A file with another list of versions; empty: the extension's."""
    check: tuple[str, ...] = CHECK
    """Arguments for the environment's Python: exit code 0 says that the backend works."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment of the check: what the backend will be started with."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Plan:
        return decode(Plan, json.loads(text))


def check_index(url: str) -> None:
    """Downloads are encrypted and from a place whose name was proven.

    Raises:
        BadRequest: the address is not https. This machine's own (``http://localhost``) may be http.
    """
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise BadRequest(
            f"The index {url!r} is not an https address.",
            f"Use one that begins with https://, for example {PYPI}.",
        )

"""Shuts the tests off from the machine's settings: of pip and uv, proxies, language, home.

A test that passes here passes on a machine with a mirror, a proxy, another language or a home full
of caches. A test that wants such a setting makes it itself.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_OURS = {"ATT3D_BLENDERS", "ATT3D_TIMED"}
"""What a person says to the suite itself."""
_PREFIXES = ("PIP_", "UV_", "XDG_", "LC_", "ATT3D_", "CONDA_", "VIRTUAL_ENV")
_NAMES = {
    "LANG",
    "LANGUAGE",
    "NETRC",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
}


def is_machine_setting(name: str) -> bool:
    """Whether a variable says something about the machine that must not reach a test."""
    upper = name.upper()  # proxies are written in either case
    if upper in _OURS:
        return False
    return upper.endswith("_PROXY") or upper in _NAMES or upper.startswith(_PREFIXES)


def shut_off(environ: MutableMapping[str, str], home: Path, system: str = os.name) -> None:
    """Clean an environment, which every process that a test starts inherits.

    Args:
        environ: is changed.
        home: an empty folder, becomes the person's home. Not on Windows, where the folders that
            programs need are found through it.
        system: as ``os.name``.
    """
    for name in [name for name in environ if is_machine_setting(name)]:
        del environ[name]
    environ["LANG"] = "C.UTF-8"
    environ["PIP_CONFIG_FILE"] = os.devnull  # pip then reads no file at all
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environ["UV_NO_CONFIG"] = "1"
    if system == "posix":
        environ["HOME"] = str(home)

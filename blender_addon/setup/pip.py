"""pip in the backend's environment: how it is called, what it says, why it fails. No bpy."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ...backend.protocol.errors import Att3dError, InternalError, NotDownloaded, OutputError

VERSION = "pip==26.3"
"""Resumes broken downloads and tells how far they are; the one that Python brings may not."""
_RAW_PROGRESS = (24, 1)
_RESUMES = (25, 1)
_KEPT = {
    f"PIP_{name}"
    for name in (
        "INDEX_URL",
        "EXTRA_INDEX_URL",
        "FIND_LINKS",
        "TRUSTED_HOST",
        "CERT",
        "CLIENT_CERT",
        "PROXY",
        "CONFIG_FILE",
        "KEYRING_PROVIDER",
    )
}
"""Of pip's variables: where a company's mirror is. Others (PIP_USER, PIP_TARGET) would install
somewhere else."""
_COLLECTING = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
_PROCESSING = re.compile(r"^Processing (?:.*[/\\])?([A-Za-z0-9._]+)-[^/\\]*\.whl")
"""A wheel that is on the disk already."""
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")
_DOWNLOADING = re.compile(r"^\s+(?:Downloading|Using cached|Resuming download) \S+")
_INSTALLING = re.compile(r"^Installing collected packages:")
_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|getaddrinfo failed"
    r"|nodename nor servname|NewConnectionError|Failed to establish a new connection"
    r"|Network is unreachable|ConnectTimeout|ProxyError|Max retries exceeded"
    r"|Connection to \S+ timed out|No route to host"
)
_BROKEN = re.compile(
    r"IncompleteRead|ProtocolError|ReadTimeout|Connection aborted|Connection reset"
    r"|ConnectionResetError|RemoteDisconnected|incomplete-download|THESE PACKAGES DO NOT MATCH"
)
_ABSENT = re.compile(r"No matching distribution found for ([^\s;]+)")


def environment(environ: Mapping[str, str], scratch: str, offline: bool) -> dict[str, str]:
    """What pip is run with: ours without what would send packages elsewhere.

    Args:
        environ: this process's.
        scratch: a folder on the disk of the environment: large wheels do not fit everywhere.
        offline: only the folder of wheels counts, so no configuration is read.
    """
    clean = {
        key: value
        for key, value in environ.items()
        if not key.startswith(("PYTHON", "PIP_", "VIRTUAL_ENV", "CONDA_", "__PYVENV"))
        or (key in _KEPT and not offline)
    }
    clean |= {
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "PIP_USER": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "TMPDIR": scratch,
        "TEMP": scratch,
        "TMP": scratch,
    }
    if offline:
        clean["PIP_CONFIG_FILE"] = os.devnull
    return clean


def install(
    packages: Sequence[str],
    *,
    version: tuple[int, int],
    cache: str,
    wheels: str = "",
    index: str = "",
    resolve: bool = False,
) -> list[str]:
    """Arguments after ``python``.

    Args:
        packages: requirements.
        version: of the pip that will run.
        cache: folder for downloads, so that an interrupted set-up goes on where it was.
        wheels: folder to install from, without the network; empty: from an index.
        index: address; empty: as pip is configured.
        resolve: also install what they need.
    """
    words = ["-I", "-m", "pip", "install", "--only-binary=:all:", "--no-warn-script-location"]
    words += ["--progress-bar", "raw" if version >= _RAW_PROGRESS else "off"]
    if not resolve:
        words.append("--no-deps")
    if wheels:
        words += ["--no-index", "--find-links", wheels, "--no-cache-dir"]
    else:
        words += ["--cache-dir", cache, "--retries", "5", "--timeout", "30"]
        if index:
            words += ["--index-url", index]
        if version >= _RESUMES:
            words += ["--resume-retries", "10"]
    return [*words, *packages]


class Progress:
    """Follows pip's lines: which package, how many, how far.

    Args:
        expected: about how many packages there will be.
        expected_mb: about how much they are; 0: not known, packages are counted.
        installing: what to show when all are there and only have to be unpacked.
    """

    def __init__(self, expected: int, expected_mb: int = 0, installing: str = "") -> None:
        self.text = ""
        """The package in hand."""
        self.fraction = 0.0
        """Never goes back."""
        self._installing = installing
        self._expected = max(expected, 1)
        self._expected_bytes = expected_mb << 20
        self._seen = 0
        self._finished = 0
        self._current = 0

    def line(self, line: str) -> bool:
        """Take one line; true when there is something new to show."""
        if found := _PROGRESS.match(line):
            self._current = int(found[1])
            if self._current >= int(found[2]):
                self._finished, self._current = self._finished + self._current, 0
        elif found := _COLLECTING.match(line) or _PROCESSING.match(line):
            self._seen += 1
            self.text = found[1]
        elif _INSTALLING.match(line):
            self.text = self._installing
            self._seen = self._expected
            self._finished = max(self._finished, self._expected_bytes)
            self.fraction = max(self.fraction, 0.85)
        elif not _DOWNLOADING.match(line):
            return False
        share = min(max(self._seen - 1, 0) / self._expected, 1.0)
        if self._expected_bytes:
            share = max(min((self._finished + self._current) / self._expected_bytes, 1.0), 0.0)
        self.fraction = max(self.fraction, 0.85 * share)
        return True


def explain(output: str, wheels: str) -> Att3dError:
    """Why pip failed, and what to do, from what it said."""
    if "No space left on device" in output or "not enough space" in output:
        return OutputError(
            "The disk is full.", "Free some space and continue; what was downloaded is kept."
        )
    if found := _ABSENT.search(output):
        network = _NETWORK.search(output)
        if wheels:
            return NotDownloaded(
                f"The folder of wheels has no {found[1]} for this machine.",
                "Put its .whl file into the folder and continue.",
            )
        if not network:
            return NotDownloaded(
                f"{found[1]} is not published for this system and Python.",
                "Choose another build of PyTorch or another Python in the advanced options.",
            )
    if _NETWORK.search(output):
        return NotDownloaded(
            "The network cannot be reached.",
            "Connect and continue, or choose a folder of wheels in the advanced options.",
        )
    if "CERTIFICATE_VERIFY_FAILED" in output or "SSLError" in output:
        return NotDownloaded(
            "The connection is not trusted: its certificate could not be verified.",
            "Set the clock, or name your company's certificate in the variable PIP_CERT; then "
            "continue.",
        )
    if _BROKEN.search(output):
        return NotDownloaded("The download broke off.", "Continue: what was downloaded is kept.")
    if "Permission denied" in output or "WinError 5" in output:
        return OutputError(
            "A file could not be written: permission denied.",
            "Close programs that use the backend, or choose another folder.",
        )
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line or "error:" in line]
    said = (lines or output.strip().splitlines() or ["it said nothing"])[-1]
    return InternalError(f"pip failed: {said[:300]}", "Open the log, then continue.")


FROM_WHEEL = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from pip._internal.cli.main import main
sys.exit(main())
"""
"""Runs the pip in a wheel, whose path is the first argument."""

MISSING = """
import json, sys
from pathlib import Path
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.tags import sys_tags
from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename
folder, pins = json.loads(sys.argv[1])
fits = set(sys_tags())
have = {}
for path in Path(folder).glob("*.whl"):
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except ValueError:
        continue
    have.setdefault(name, []).append((version, bool(tags & fits)))
missing = []
for pin in map(Requirement, pins):
    if pin.marker and not pin.marker.evaluate():
        continue
    found = [fit for version, fit in have.get(canonicalize_name(pin.name), ())
             if pin.specifier.contains(version, prereleases=True)]
    if not any(found):
        missing.append(f"{pin.name}{pin.specifier}" + (" (for another system)" if found else ""))
print(json.dumps(missing))
"""
"""Run by the environment's Python: prints the pins that a folder has no usable wheel of."""

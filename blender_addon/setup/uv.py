"""The program uv, which finds Pythons, makes environments and installs packages. No bpy.

Used where it is found, else fetched with the pip that Python brings, or taken from a folder of
wheels. A person's own settings of uv, of pip and of proxies are honoured: whoever has set a mirror
means it. What would install packages somewhere else is taken away.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from ...backend.protocol.errors import NotDownloaded
from .failures import explain

REQUIREMENT = "uv==0.13.9"
"""The uv that is fetched where there is none."""
OLDEST = (0, 9)
"""Before this one the options that are used here had other names."""
PROGRAM = "uv.exe" if sys.platform == "win32" else "uv"
PYTHONS = ">=3.11,<3.15"
"""Versions of Python that every pinned package has wheels for."""
PREFERRED = "3.11"
"""The one that is tested most; fetched where there is no Python at all."""

Run = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a command; its exit code and what it said."""

_KEPT = re.compile(
    r"UV_(INDEX|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|INSECURE_HOST|KEYRING_PROVIDER"
    r"|NATIVE_TLS|SYSTEM_CERTS|HTTP_\w+|CONFIG_FILE|NO_CONFIG|PYTHON_\w*MIRROR)(_\w+)?$"
    r"|PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|TRUSTED_HOST|CERT|PROXY|CONFIG_FILE)$"
)
"""Variables of uv and pip that say where packages come from."""
_OF_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
"""What uv calls pip's settings."""
_FROM_WHEEL = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from pip._internal.cli.main import main
sys.exit(main())
"""
"""Runs the pip in a wheel, whose path is the first argument."""


def environment(environ: Mapping[str, str], cache: Path, offline: bool) -> dict[str, str]:
    """What uv and pip are run with: ours without what would send packages elsewhere.

    Args:
        environ: this process's.
        cache: a folder on the disk of the environment: packages go there first, and stay until the
            set-up is complete, so that it goes on where it broke off.
        offline: only the folder of wheels counts, so no configuration is read.
    """
    clean = {
        key: value
        for key, value in environ.items()
        if not key.startswith(("PYTHON", "PIP_", "UV_", "VIRTUAL_ENV", "CONDA_", "__PYVENV"))
        or (_KEPT.match(key) and not offline)
    }
    clean |= {
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        "PIP_USER": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(cache),
        "UV_PYTHON_INSTALL_DIR": str(cache.parent / "python"),
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }
    if offline:
        return clean | {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}
    if not clean.keys() & {"UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "SSL_CERT_FILE", "PIP_CERT"}:
        clean["UV_SYSTEM_CERTS"] = "1"  # where a company's own certificate is, if there is one
    if "SSL_CERT_FILE" in clean:
        clean.setdefault("PIP_CERT", clean["SSL_CERT_FILE"])  # old versions of pip need that
    return clean


def settings_of_pip(said: str) -> dict[str, str]:
    """The variables that tell uv what ``pip config list`` said.

    A line is ``global.index-url='https://mirror/simple'``, or ``:env:.cert='/etc/ssl/ca.pem'``.
    """
    found: dict[str, str] = {}
    for line in said.splitlines():
        key, equals, value = line.partition("=")
        section, _, name = key.strip().rpartition(".")
        variable = _OF_PIP.get(name.lower().replace("_", "-"))
        if equals and variable and section in ("global", "install", ":env:"):
            try:
                words = str(ast.literal_eval(value)).split()
            except (ValueError, SyntaxError):
                continue
            comma = variable == "UV_FIND_LINKS"
            found[variable] = ("," if comma else " ").join(words)
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # which is how pip uses extra indexes
    return found


def find(environ: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Where uv may be on this machine, the most likely first; files that exist.

    Beside this Python, on the path, and where its own installer puts it.
    """
    environ = os.environ if environ is None else environ
    yield from (path for path in (Path(sys.executable).with_name(PROGRAM),) if path.is_file())
    on_path = shutil.which(PROGRAM, path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    home = Path(environ.get("USERPROFILE" if sys.platform == "win32" else "HOME", "/"))
    for folder in (".local/bin", ".cargo/bin", "homebrew/bin"):
        if (home / folder / PROGRAM).is_file():
            yield home / folder / PROGRAM


def usable(program: Path, run: Run) -> bool:
    """Whether this is a uv that starts and is not too old."""
    code, said = run([str(program), "--version"])
    found = re.search(r"uv (\d+)\.(\d+)", said)
    return not code and found is not None and (int(found[1]), int(found[2])) >= OLDEST


def obtain(named: str, folder: Path, wheels: str, run: Run, proxy: str = "") -> Path:
    """A uv that works: named, found, in the folder of wheels, or fetched.

    Args:
        named: the program; empty: look for one.
        folder: where it goes if it has to be fetched.
        wheels: a folder of wheels, from which it is taken instead; empty: the network is used.
        run: runs a command.
        proxy: the address of the proxy that commands use, if any.

    Raises:
        NotDownloaded: there is none, and it cannot be fetched.
    """
    for program in [Path(named)] if named else [folder / PROGRAM, *find()]:
        if program.is_file() and usable(program, run):
            return program
    folder.mkdir(parents=True, exist_ok=True)
    if wheels:
        for wheel in sorted(Path(wheels).glob("uv-*.whl"), reverse=True):
            if unpack(wheel, folder) and usable(folder / PROGRAM, run):
                return folder / PROGRAM
        raise NotDownloaded(
            "The program uv was not found, and the folder of packages has none for this machine.",
            f"Put its .whl file into the folder (pip download --no-deps -d FOLDER {REQUIREMENT}).",
        )
    code, said = run([*_pip(), *fetch(REQUIREMENT, folder)])
    if code:
        raise explain(said, "", proxy)
    for wheel in folder.glob("uv-*.whl"):
        if unpack(wheel, folder) and usable(folder / PROGRAM, run):
            return folder / PROGRAM
    raise NotDownloaded(
        "The program uv does not start on this machine.", "Install uv yourself, then continue."
    )


def fetch(requirement: str, folder: Path) -> list[str]:
    """Arguments after pip: the wheel of one package into a folder.

    With ``-vv``, as otherwise pip keeps to itself why an index was left out.
    """
    words = ["--no-deps", "--only-binary=:all:", "--progress-bar", "off", "-vv"]
    return ["download", *words, "--dest", str(folder), requirement]


def unpack(wheel: Path, folder: Path) -> bool:
    """Take the program out of its wheel; false where there is none in it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(f"/scripts/{PROGRAM}")]
            for name in names[:1]:
                (folder / PROGRAM).write_bytes(archive.read(name))
                (folder / PROGRAM).chmod(0o755)
                return True
    except (OSError, zipfile.BadZipFile):
        pass
    return False


def _pip() -> list[str]:
    """How the pip is run that comes with this Python: installed, or the wheel in ensurepip."""
    ask = [sys.executable, "-I", "-c", "import pip"]
    if not subprocess.run(ask, capture_output=True, stdin=subprocess.DEVNULL).returncode:
        return [sys.executable, "-I", "-m", "pip"]
    import ensurepip

    for wheel in Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl"):
        return [sys.executable, "-I", "-c", _FROM_WHEEL, str(wheel)]
    raise NotDownloaded(
        "The program uv was not found, and this Python has no pip to fetch it with.",
        "Install uv yourself, then continue.",
    )


def pip_settings(environ: Mapping[str, str], run: Run) -> dict[str, str]:
    """What this machine's pip is told, in uv's words; what uv itself is told goes before it."""
    try:
        code, said = run([*_pip(), "config", "list"])
    except NotDownloaded:
        return {}
    told = {} if code else settings_of_pip(said)
    return {name: value for name, value in told.items() if name not in environ}

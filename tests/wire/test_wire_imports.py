"""What each side of the wire may load, seen in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from .pipes import environment

SHOW = """
import sys, json
before = set(sys.modules)
{}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(code: str) -> set[str]:
    """Top-level packages outside the standard library that ``code`` loads."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(code)],
        env=environment(),
        capture_output=True,
        check=True,
        timeout=600,
    )
    names = {name.partition(".")[0] for name in json.loads(done.stdout)}
    return names - set(sys.stdlib_module_names) - {"tests"}


@pytest.mark.parametrize(
    "module", ["errors", "framing", "jsonrpc", "messages", "options", "schema"]
)
def test_the_protocol_needs_the_standard_library_only(module: str) -> None:
    assert loaded_by(f"import backend.protocol.{module}") == {"backend"}


def test_the_supervisor_and_the_worker_start_without_numpy_and_torch() -> None:
    code = "import backend.__main__, backend.server.supervisor, backend.server.worker"
    assert loaded_by(code) == {"backend"}


def test_the_client_needs_the_standard_library_only() -> None:
    code = (
        "import types\n"
        "for name, path in (('ext', '.'), ('ext.blender_addon', 'blender_addon')):\n"
        "    package = types.ModuleType(name); package.__path__ = [path]\n"
        "    sys.modules[name] = package\n"
        "import ext.blender_addon.process.client"
    )
    assert loaded_by(code) == {"ext"}


def test_this_test_can_fail() -> None:
    assert "numpy" in loaded_by("import backend.textured_mesh")

"""One backend process for a Blender, ended when it is no longer wanted; nothing else is touched."""

from __future__ import annotations

import os
import sys
import time

import bpy
from harness import PACKAGE, Bench, alive, contents, quick


def check_torch_is_never_imported_into_blender(bench: Bench) -> None:
    """The add-on's own modules import bpy, numpy, the protocol and the standard library only."""
    bench.generate()
    assert not {"torch", "scipy", "safetensors", "open_clip"} & set(sys.modules)
    assert "backend" not in sys.modules and "blender_addon" not in sys.modules
    ours = {name.removeprefix(f"{PACKAGE}.") for name in sys.modules if name.startswith(PACKAGE)}
    backend = {name for name in ours if name.startswith("backend")}
    shared = ("backend.protocol", "backend.prompts")
    allowed = {name for name in backend if name.startswith(shared)} | {
        "backend", "backend.files", "backend.shapes", "backend.srgb", "backend.text",
        "backend.text.word_meanings",
    }  # fmt: skip
    assert backend == allowed, backend - allowed


@quick
def check_process_starts_with_the_first_prompt_and_is_used_again(bench: Bench) -> None:
    bench.session.close()
    assert bench.session.pid is None and bench.session.state.name == "STOPPED"
    bench.generate()
    pid = bench.session.pid
    assert alive(pid) and bench.session.state.name == "READY"
    bench.generate("a lion")
    assert bench.session.pid == pid


@quick
def check_backend_is_tested_from_the_preferences(bench: Bench) -> None:
    bench.session.close()
    assert bpy.ops.att3d.test_backend() == {"FINISHED"}
    assert alive(bench.session.pid)
    assert contents()["objects"] == []


@quick
def check_python_that_worked_is_remembered(bench: Bench) -> None:
    bench.generate()
    assert bench.preferences.remembered_python == bench.quick_python
    bench.session.close()
    del os.environ["ATT3D_PYTHON"]
    bench.generate()


def check_environment_folder_is_enough(bench: Bench) -> None:
    """The preference may name the interpreter, its environment, or the folder of the checkout."""
    launch = bench.module("process.launch")
    path = launch.Path(bench.python)
    assert launch.interpreter(path) == path
    assert launch.interpreter(path.parent.parent).parent == path.parent
    assert launch.interpreter(bench.folder) is None


def check_backend_gets_a_clean_environment(bench: Bench) -> None:
    clean = bench.module("process.launch").clean_environment
    environment = clean({"PYTHONHOME": "/b", "PYTHONPATH": "/b", "PATH": "/bin"}, online=False)
    assert environment["PATH"] == "/bin" and "PYTHONHOME" not in environment
    assert environment["PYTHONPATH"] != "/b" and environment["PYTHONNOUSERSITE"] == "1"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in clean({}, online=True)


@quick
def check_log_is_written_where_the_preferences_say(bench: Bench) -> None:
    bench.preferences.log_folder = str(bench.folder / "other logs")
    bench.generate()
    bench.session.close()
    log = bench.folder / "other logs" / "backend.log"
    assert log.is_file() and "Traceback" not in log.read_text()
    bench.preferences.log_folder = ""
    assert "extensions" in str(bench.preferences.log_folder_path)
    assert not str(bench.preferences.log_folder_path).startswith(sys.modules[PACKAGE].__path__[0])


@quick
def check_results_do_not_pile_up_on_the_disk(bench: Bench) -> None:
    bench.generate()
    folder = bench.session._client._folders[-1]
    assert not list(folder.rglob("*.safetensors"))
    bench.session.close()
    assert not folder.exists()


@quick
def check_disabling_ends_the_process_and_enabling_works_again(bench: Bench) -> None:
    bench.generate()
    pid = bench.session.pid
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert not alive(pid)
    assert not hasattr(bpy.types.Scene, "att3d")
    assert not hasattr(bpy.types, "ATT3D_PT_create")
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    bench.reset()
    bench.generate()


def check_uninstalling_leaves_no_process_and_no_files(bench: Bench) -> None:
    bench.generate()
    pid, folder = bench.session.pid, sys.modules[PACKAGE].__path__[0]
    bpy.ops.extensions.package_uninstall(repo_index=repository(), pkg_id="att3d")
    deadline = time.monotonic() + 120
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not os.path.exists(folder)
    bench.install()
    bench.reset()
    bench.generate()


def repository() -> int:
    repositories = bpy.context.preferences.extensions.repos
    return next(i for i, repo in enumerate(repositories) if repo.module == "user_default")

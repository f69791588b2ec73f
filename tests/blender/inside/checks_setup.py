"""Setting up the backend from inside Blender: the button, what it says, what it leaves.

The packages are tiny wheels in a folder, so that nothing is downloaded; worker and uv are real.
``tests/setup`` looks at each step; here it is the whole.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
from checks_interface import Layout, drawn
from checks_random import children, connect
from harness import PACKAGE, Bench, refused

TESTS = Path(__file__).resolve().parents[2]


@contextmanager
def small_set_up(bench: Bench, name: str, check: str = "import torch, alpha"):
    """Preferences for a set-up in a new folder, from wheels made here; without any other Python."""
    sys.path.insert(0, str(TESTS))
    try:
        from setup.wheels import make_wheel
    finally:
        sys.path.remove(str(TESTS))
    wheels = bench.folder / "wheels"
    listed = bench.folder / "list.txt"
    packages = {"torch": "9.9.9", "torchvision": "9.9.1", "alpha": "1.2"}
    for package, version in packages.items():
        make_wheel(wheels, package, version)
    listed.write_text("".join(f"{package}=={version}\n" for package, version in packages.items()))
    operators = bench.module("setup.operators")
    plan = bench.module("setup.plan")
    original = operators.Plan

    def small(**values):
        values |= {"pins": str(listed), "check": ("-c", check), "needed_mb": 10}
        values["uv"] = str(Path(bench.python).with_name("uv"))
        return original(**values)

    os.environ.pop("ATT3D_PYTHON", None)
    chosen = bench.preferences.setup
    chosen.folder, chosen.wheels = str(bench.folder / name), str(wheels)
    chosen.python, chosen.build = bench.python, "cpu"
    operators.Plan = small
    bench.session.close()
    try:
        yield Path(chosen.folder)
    finally:
        operators.Plan = original
        bench.module("setup.control").control.close()
        chosen = bench.preferences.setup  # the extension may have been disabled meanwhile
        chosen.folder = chosen.wheels = chosen.python = chosen.torch_index = ""
        chosen.build = "AUTO"
        assert plan.Plan is original


def words(bench: Bench) -> str:
    return " ".join(drawn("ATT3D_PT_create", bench, 2000))


def check_new_user_sees_what_to_do(bench: Bench) -> None:
    """The tab says that nothing is set up, what it takes, and has the button."""
    with small_set_up(bench, "none"):
        bench.preferences.setup.wheels = ""
        assert bench.session.state.name == "NOT_SET_UP"
        text = words(bench)
        assert "Not set up" in text and "Set Up Engine" in text
        assert "Needs 1.4 GB" in text and "free" in text


def check_set_up_with_one_click_then_deleted(bench: Bench) -> None:
    with small_set_up(bench, "backend ä") as folder:
        before = {path: path.stat().st_mtime_ns for path in site_packages(sys.prefix)}
        assert bpy.ops.att3d.set_up() == {"FINISHED"}
        assert bench.session.error is None
        assert bench.session.state.name == "STOPPED", "it starts with the first prompt"
        environment = bench.preferences.setup.environment
        assert Path(environment).is_file() and folder in Path(environment).parents
        assert bench.preferences.launch().command[0] == environment
        assert "Set Up Again" not in words(bench)
        after = {path: path.stat().st_mtime_ns for path in site_packages(sys.prefix)}
        assert before == after, "nothing is installed into Blender's Python"
        assert not children()

        assert bpy.ops.att3d.delete_backend("EXEC_DEFAULT") == {"FINISHED"}
        assert not folder.exists()
        assert bench.session.state.name == "NOT_SET_UP"
        assert not bpy.ops.att3d.delete_backend.poll()


def check_path_that_leads_nowhere_hides_no_set_up(bench: Bench) -> None:
    with small_set_up(bench, "instead"):
        bench.preferences.backend_python = "/nowhere/bin/python"
        for text in (words(bench), preferences_text(bench)):
            assert "No Python at /nowhere/bin/python" in text and "Set Up Engine" in text
            assert "Correct or empty Engine Python" in text
        assert bpy.ops.att3d.set_up() == {"FINISHED"}
        assert bench.preferences.backend_python == "", "it would still come first"
        assert bench.preferences.missing is None


def site_packages(prefix: str) -> list[Path]:
    return [path for path in Path(prefix).glob("lib/python*/site-packages/*") if path.is_dir()]


def check_missing_wheels_are_named_and_setting_up_goes_on(bench: Bench) -> None:
    with small_set_up(bench, "lacking") as folder:
        (bench.folder / "wheels" / "alpha-1.2-py3-none-any.whl").unlink()
        text = refused(bpy.ops.att3d.set_up)
        assert "alpha==1.2" in text, text
        text = words(bench)
        assert "alpha==1.2" in text, text
        control = bench.module("setup.panel")
        marker = bench.module("setup.folders").read_marker(folder)
        assert control.set_up_label(marker) == "Continue Set-Up"
    with small_set_up(bench, "lacking"):
        assert bpy.ops.att3d.set_up() == {"FINISHED"}
        assert bpy.ops.att3d.delete_backend("EXEC_DEFAULT") == {"FINISHED"}


def check_offline_blender_downloads_nothing(bench: Bench) -> None:
    with small_set_up(bench, "offline") as folder:
        bench.preferences.setup.wheels = ""
        assert not bpy.app.online_access, "as tests are run"
        text = refused(bpy.ops.att3d.set_up)
        assert "offline" in text and "Allow Online Access" in text
        assert bench.session.error.code == "not_downloaded"
        assert not folder.exists()


def check_reason_of_a_failure_stays_and_another_index_is_offered(bench: Bench) -> None:
    """As when only pytorch.org is blocked; a later Generate does not hide why."""
    from urllib.parse import urlsplit

    builds = bench.module("setup.builds")
    control = bench.module("setup.control").control
    errors = sys.modules[bench.module("setup.failures").explain.__module__]
    host = urlsplit(builds.BUILDS["cpu"].index).hostname
    with small_set_up(bench, "blocked"):
        bench.preferences.setup.wheels = ""
        said = f"error: Failed to fetch: https://{host}/whl/cpu/torch/\n client error (Connect)"
        control.error = bench.session.error = errors.explain(said)
        assert "Take PyTorch from PyPI" in words(bench)
        refused(lambda: bpy.ops.att3d.generate(prompt="a pig"))
        assert bench.session.error is not control.error
        text = words(bench)
        assert f"{host} cannot be reached" in text and "Take PyTorch from PyPI" in text
        assert "offline" in refused(bpy.ops.att3d.set_up_from_pypi), "as tests are run"
        assert bench.preferences.setup.torch_index == builds.PYPI
        control.error = bench.session.error = errors.explain(said)
        assert "Take PyTorch from PyPI" not in words(bench), "it was tried"
        control.error = bench.session.error = None


def check_index_without_encryption_is_refused(bench: Bench) -> None:
    with small_set_up(bench, "http"):
        bench.preferences.setup.wheels = ""
        bench.preferences.setup.torch_index = "http://example.org/simple"
        assert "https" in refused(bpy.ops.att3d.set_up)


def check_folder_of_a_blender_version_is_refused(bench: Bench) -> None:
    with small_set_up(bench, "x"):
        for inside in (
            bpy.utils.user_resource("EXTENSIONS"),
            sys.modules[PACKAGE].__path__[0],
            bpy.utils.extension_path_user(PACKAGE, path="backend", create=True),
        ):
            bench.preferences.setup.folder = str(Path(inside) / "att3d")
            assert "belongs to one Blender version" in refused(bpy.ops.att3d.set_up), inside


def check_read_only_home_is_one_clear_error(bench: Bench) -> None:
    """A file is in the way of the folder: permissions would not stop root."""
    (bench.folder / "file").touch()
    with small_set_up(bench, "file/att3d"):
        assert "cannot be written" in refused(bpy.ops.att3d.set_up)
    utilities, original = bpy.utils, bpy.utils.extension_path_user

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    bench.preferences.log_folder = ""
    utilities.extension_path_user = refuse
    try:
        connect(bench)
        bench.generate("a lion")
    finally:
        utilities.extension_path_user = original


def check_disabling_ends_a_set_up(bench: Bench) -> None:
    with small_set_up(bench, "disabled", check="import time; time.sleep(60)"):
        control = bench.module("setup.control").control
        operators = bench.module("setup.operators")
        control.start(lambda suggestion: operators.make_plan(bpy.context, suggestion))
        deadline = time.monotonic() + 600
        while control.step[0] != "check":
            control.tick()
            assert time.monotonic() < deadline and control.error is None, control.error
            time.sleep(0.02)
        assert bench.session.state.name == "SETTING_UP"
        assert "Testing the engine" in words(bench)
        assert not bpy.ops.att3d.set_up.poll() and bpy.ops.att3d.cancel_set_up.poll()
        assert children()
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not children()
        bpy.ops.preferences.addon_enable(module=PACKAGE)
    bench.reset()


def check_half_an_environment_is_never_started(bench: Bench) -> None:
    """Not even when its Python is the one that worked last time."""
    folders = bench.module("setup.folders")
    with small_set_up(bench, "half") as folder:
        folders.begin(folder, folders.Marker("incomplete"))
        python = folders.environment_python(folder)
        python.parent.mkdir(parents=True)
        python.symlink_to(bench.python)
        bench.preferences.remembered_python = str(python)
        assert bench.session.state.name == "NOT_SET_UP"
        folders.write_marker(folder, folders.Marker("complete"))
        assert bench.session.state.name == "STOPPED"
        folders.delete(folder)


def check_new_versions_are_offered_as_an_update(bench: Bench) -> None:
    label = bench.module("setup.panel").set_up_label
    marker, pins = bench.module("setup.folders").Marker, bench.module("setup.pins")
    assert label(marker("complete", pins="older")) == "Update Engine"
    assert label(marker("complete", pins=pins.read().fingerprint)) == "Set Up Again"
    assert label(None) == "Set Up Engine"
    assert label(None, carried=True) == "Set Up Accelerator"
    assert label(marker("complete", pins="older"), carried=True) == "Update Accelerator"


def preferences_text(bench: Bench) -> str:
    class Hand:
        """The preferences with a layout that takes notes."""

        layout = Layout()

        def __getattr__(self, name: str) -> object:
            return getattr(bench.preferences, name)

    region = SimpleNamespace(width=1000)
    context = SimpleNamespace(region=region, preferences=bpy.context.preferences)
    type(bench.preferences).draw(Hand(), context)
    return " ".join(Hand.layout.texts)


def check_preferences_draw_in_every_state(bench: Bench) -> None:
    bench.session.close()
    assert "Starts with the first prompt" in preferences_text(bench)
    with small_set_up(bench, "drawn"):
        assert "Not set up" in preferences_text(bench)


@contextmanager
def carried(bench: Bench, package: str):
    """The extension as if it had come with wheels, of which ``package`` is one."""
    launch = bench.module("process.launch")
    manifest, one = launch.manifest, launch.CARRIED
    launch.manifest = lambda: {**manifest(), "wheels": ["./wheels/one.whl"]}
    launch.CARRIED = package
    bench.preferences.remembered_python = ""
    try:
        yield
    finally:
        launch.manifest, launch.CARRIED = manifest, one


def check_carried_backend_needs_no_set_up(bench: Bench) -> None:
    """The tab has no set-up; the preferences offer the accelerator, and say that it is optional."""
    with small_set_up(bench, "carried"), carried(bench, "numpy"):
        assert bench.session.state.name == "STOPPED", "it starts with the first prompt"
        assert "Set Up" not in words(bench)
        text = preferences_text(bench)
        assert "Set Up Accelerator" in text and "Optional" in text
        assert "Set Up Engine" not in text


def check_failed_accelerator_does_not_say_that_the_carried_engine_failed(bench: Bench) -> None:
    control = bench.module("setup.control").control
    errors = sys.modules[bench.module("setup.failures").explain.__module__]
    with small_set_up(bench, "accelerator"), carried(bench, "numpy"):
        control.error = bench.session.error = errors.explain("error: no space left on device")
        lines = drawn("ATT3D_PT_create", bench)
        assert "Set-up failed" in lines and "Failed" not in lines, lines
        bench.session.error = errors.explain("another")
        assert "Failed" in drawn("ATT3D_PT_create", bench), "what came later"
        control.error = bench.session.error = None


def check_carried_packages_that_blender_has_not_installed_are_named(bench: Bench) -> None:
    with small_set_up(bench, "uninstalled"), carried(bench, "att3d_no_such_package"):
        assert bench.session.state.name == "NOT_SET_UP"
        assert "has not installed the packages" in words(bench)
        assert "has not installed the packages" in preferences_text(bench)


def check_panel_and_preferences_say_what_works_and_why(bench: Bench) -> None:
    bench.session.close()
    connect(bench)
    text = preferences_text(bench)
    assert "Runs by the command of the preferences" in text, text
    bench.generate("a lion")
    works = "numpy on CPU, by the command of the preferences: PyTorch is not installed there"
    assert works in words(bench)
    assert works in preferences_text(bench)


def check_broken_accelerator_is_named_while_numpy_works(bench: Bench) -> None:
    connect(bench)
    bench.generate("a lion")
    client = bench.session._client
    said = "PyTorch is installed and cannot be loaded: libcudart.so.12"
    client._connection.status = replace(client.status, reason="broken", broken=said)
    for text in (words(bench), preferences_text(bench)):
        assert "PyTorch cannot be loaded" in text and said in text, text


def check_accelerator_that_is_not_used_is_said(bench: Bench) -> None:
    with small_set_up(bench, "second"):
        assert bpy.ops.att3d.set_up() == {"FINISHED"}
        assert "Runs in the accelerator" in preferences_text(bench)
        bench.preferences.backend_python = bench.python
        try:
            text = preferences_text(bench)
        finally:
            bench.preferences.backend_python = ""
        name = bench.preferences.bl_rna.properties["backend_python"].name
        assert f"set up too, and not used: {name} comes first" in text, text
        assert bpy.ops.att3d.delete_backend("EXEC_DEFAULT") == {"FINISHED"}

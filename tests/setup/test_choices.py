"""What is chosen before anything is installed: build, folder, interpreter, list of versions."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .extension import builds, errors, folders, install, pins, plan, uv

ROOT = Path(__file__).resolve().parents[2]


def machine(system: str = "linux", processor: str = "x86_64", **more: object) -> builds.Machine:
    return builds.Machine(system, processor, **more)


class TestBuild:
    @pytest.mark.parametrize(
        ("here", "wanted"),
        [
            (machine(), "cpu"),
            (machine("win32"), "cpu"),
            (machine("darwin", "arm64"), "mps"),
            (machine("darwin", "x86_64"), None),
            (machine(nvidia="RTX 4090", driver=580, capability=8.9), "cu130"),
            (machine("win32", nvidia="RTX 5090", driver=590, capability=12.0), "cu130"),
            (machine(nvidia="RTX 5090", driver=570, capability=12.0), "cpu"),
            (machine(nvidia="RTX 4090", driver=550, capability=8.9), "cu126"),
            (machine(nvidia="GTX 1080", driver=580, capability=6.1), "cu126"),
            (machine(nvidia="GTX 680", driver=470, capability=3.0), "cpu"),
            (machine(nvidia="an old card", driver=470), "cpu"),
            (machine(amd=True), "rocm"),
            (machine("win32", amd=True), "cpu"),
        ],
    )
    def test_suits_the_machine(self, here: builds.Machine, wanted: str | None) -> None:
        found = builds.suggest(here)
        assert (found.build and found.build.identifier) == wanted
        assert found.reason
        if found.build is not None:
            assert found.build in builds.offered(here.system)

    def test_card_is_asked_through_the_drivers_own_program(self) -> None:
        found = builds.look(lambda command: "NVIDIA H200, 580.95.05, 9.0\n")
        assert (found.nvidia, found.driver, found.capability) == ("NVIDIA H200", 580, 9.0)

    @pytest.mark.parametrize("said", ["", "No devices were found\n", "a, b\n"])
    def test_strange_answers_are_no_card(self, said: str, tmp_path: Path) -> None:
        assert builds.look(lambda command: said, tmp_path / "kfd").nvidia == ""

    def test_a_missing_program_is_no_card(self) -> None:
        def fail(command: list[str]) -> str:
            raise FileNotFoundError(command[0])

        assert builds.look(fail).nvidia == ""

    def test_another_index_is_named_only_where_it_has_the_same(self) -> None:
        other = {
            (name, system)
            for name, build in builds.BUILDS.items()
            for system in ("linux", "win32", "darwin")
            if builds.elsewhere(build, system)
        }
        assert other == {("cpu", "linux"), ("cu130", "linux"), ("cpu", "win32")}

    def test_every_index_is_https_and_every_cost_is_said(self) -> None:
        for build in builds.BUILDS.values():
            plan.check_index(build.index)
            assert build.needed_mb > build.disk_mb > 0


class TestFolder:
    def test_default_belongs_to_no_blender(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        default = folders.default_folder
        assert default({}, "linux", home) == home / ".local/share/att3d/backend"
        assert default({"XDG_DATA_HOME": "/data"}, "linux", home) == Path("/data/att3d/backend")
        mac = home / "Library" / "Application Support" / "ATT3D" / "backend"
        assert default({}, "darwin", home) == mac
        windows = default({"LOCALAPPDATA": "/c/Local"}, "win32", home)
        assert windows == Path("/c/Local/ATT3D/backend")

    def test_interpreter_of_each_system(self, tmp_path: Path) -> None:
        python = folders.environment_python
        assert python(tmp_path, "linux") == tmp_path / "env" / "bin" / "python"
        assert python(tmp_path, "win32") == tmp_path / "env" / "Scripts" / "python.exe"
        copied = tmp_path / "env" / "bin" / "python.exe"
        copied.parent.mkdir(parents=True)
        copied.touch()
        assert python(tmp_path, "win32") == copied, "Blender's own Python, copied"

    def test_marker_is_written_and_read(self, tmp_path: Path) -> None:
        assert folders.read_marker(tmp_path) is None
        marker = folders.Marker("complete", "cpu", "abc", "0.1.0", "3.11.7", 1234)
        folders.write_marker(tmp_path, marker)
        assert folders.read_marker(tmp_path) == marker

    @pytest.mark.parametrize(
        "text",
        ["", "[]", "{}", '{"format": 1}', '{"format": 1, "state": 3}', "\0", '{"format": 2}'],
    )
    def test_strange_markers_are_none(self, tmp_path: Path, text: str) -> None:
        (tmp_path / folders.MARKER).write_text(text)
        assert folders.read_marker(tmp_path) is None

    def test_only_empty_or_own_folders_are_used(self, tmp_path: Path) -> None:
        folders.check(tmp_path / "new")
        folders.check(tmp_path)
        (tmp_path / "novel.txt").touch()
        with pytest.raises(errors.BadRequest, match="other files"):
            folders.check(tmp_path)
        with pytest.raises(errors.BadRequest, match="is a file"):
            folders.check(tmp_path / "novel.txt")
        with pytest.raises(errors.BadRequest, match="whole path"):
            folders.check(Path("here"))
        with pytest.raises(errors.BadRequest, match="one Blender version"):
            folders.check(tmp_path / "5.2" / "att3d", [tmp_path / "5.2"])
        folders.begin(tmp_path / "own", folders.Marker("complete"))
        folders.check(tmp_path / "own")
        marker = folders.read_marker(tmp_path / "own")
        assert marker is not None and marker.state == "incomplete"

    def test_a_folder_that_cannot_be_made_is_one_clear_error(self, tmp_path: Path) -> None:
        """As in a home that is read-only. A file is in the way: permissions do not stop root."""
        (tmp_path / "home").touch()
        with pytest.raises(errors.OutputError, match="cannot be written"):
            folders.begin(tmp_path / "home" / "att3d", folders.Marker("incomplete"))

    def test_a_file_with_two_names_counts_once(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_bytes(bytes(3 << 20))
        os.link(tmp_path / "cache", tmp_path / "env")
        assert folders.size_mb(tmp_path) == 3

    def test_free_space_is_that_of_the_nearest_folder(self, tmp_path: Path) -> None:
        assert folders.free_mb(tmp_path / "a" / "b") == folders.free_mb(tmp_path)


class TestDelete:
    def test_everything_of_ours_goes(self, tmp_path: Path) -> None:
        folder = tmp_path / "backend"
        folders.begin(folder, folders.Marker("complete"))
        (folder / "env" / "bin").mkdir(parents=True)
        (folder / "env" / "bin" / "python").symlink_to(sys.executable)
        (folder / folders.LOG).touch()
        folders.delete(folder)
        assert not folder.exists()
        assert Path(sys.executable).exists()

    def test_a_folder_without_our_marker_is_not_touched(self, tmp_path: Path) -> None:
        (tmp_path / "env").mkdir()
        with pytest.raises(errors.BadRequest, match="not made by this extension"):
            folders.delete(tmp_path)
        assert (tmp_path / "env").is_dir()

    def test_other_files_in_it_stay(self, tmp_path: Path) -> None:
        folders.begin(tmp_path, folders.Marker("complete"))
        (tmp_path / "novel.txt").touch()
        (tmp_path / "env").mkdir()
        folders.delete(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["novel.txt"]

    def test_links_are_not_followed(self, tmp_path: Path) -> None:
        folder, mine = tmp_path / "backend", tmp_path / "mine"
        (mine / "env").mkdir(parents=True)
        folders.begin(folder, folders.Marker("complete"))
        (folder / "env").symlink_to(mine / "env")
        folders.delete(folder)
        assert (mine / "env").is_dir()
        folders.begin(mine / "env", folders.Marker("complete"))
        (tmp_path / "link").symlink_to(mine / "env")
        with pytest.raises(errors.BadRequest):
            folders.delete(tmp_path / "link")
        assert folders.read_marker(mine / "env") is not None


class TestVersions:
    def test_list_is_what_the_project_needs(self) -> None:
        """Every requirement of the backend is pinned to a version that it allows."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        listed = pins.read()
        pinned = {pins.name_of(pin): pin for pin in (*listed.torch, *listed.others)}
        for text in project["optional-dependencies"]["backend"]:
            wanted = Requirement(text)
            pin = Requirement(pinned[canonicalize_name(wanted.name)])
            version = next(iter(pin.specifier)).version
            assert wanted.specifier.contains(version), text
            assert (wanted.marker is None) == (pin.marker is None), text

    def test_list_is_up_to_date(self) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "pin_requirements.py"), "--check"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def test_list_is_what_the_suite_runs_with(self) -> None:
        listed = pins.read()
        for pin in map(Requirement, (*listed.torch, *listed.others)):
            if pin.name == "numpy" or (pin.marker and not pin.marker.evaluate()):
                continue
            have = importlib.metadata.version(pin.name)
            assert pin.specifier.contains(have, prereleases=True), f"{pin} but {have} is here"

    def test_torch_comes_apart(self) -> None:
        listed = pins.read()
        assert [pins.name_of(pin) for pin in listed.torch] == ["torch", "torchvision"]
        assert len(listed.others) > 30

    def test_a_loose_line_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "list.txt").write_text("numpy>=1\n")
        with pytest.raises(ValueError, match="line 1"):
            pins.read(tmp_path / "list.txt")

    def test_fingerprint_changes_with_a_version(self) -> None:
        assert pins.Pins(("a==1",), ()).fingerprint != pins.Pins(("a==2",), ()).fingerprint


class TestUv:
    def test_nothing_can_send_packages_elsewhere(self, tmp_path: Path) -> None:
        environ = {
            "PIP_TARGET": "/evil", "PIP_USER": "1", "PYTHONPATH": "/b", "PYTHONHOME": "/b",
            "UV_PYTHON": "/evil", "UV_SYSTEM_PYTHON": "1", "UV_CACHE_DIR": "/evil",
            "UV_OVERRIDE": "/evil", "UV_DEFAULT_INDEX": "https://mirror", "CONDA_PREFIX": "/c",
            "UV_INDEX_COMPANY_PASSWORD": "secret", "UV_HTTP_TIMEOUT": "90",
            "HTTPS_PROXY": "http://proxy",
        }  # fmt: skip
        clean = uv.environment(environ, tmp_path / "downloads", offline=False)
        assert "/evil" not in clean.values() and "/b" not in clean.values()
        assert "CONDA_PREFIX" not in clean and "UV_SYSTEM_PYTHON" not in clean
        assert clean["PIP_USER"] == "0" and clean["UV_CACHE_DIR"] == str(tmp_path / "downloads")
        assert clean["UV_DEFAULT_INDEX"] == "https://mirror", "a company's mirror is honoured"
        assert clean["UV_INDEX_COMPANY_PASSWORD"] == "secret", "and so is what it wants"
        assert clean["HTTPS_PROXY"] == "http://proxy" and clean["UV_HTTP_TIMEOUT"] == "90"
        assert clean["UV_SYSTEM_CERTS"] == "1", "the system knows a company's certificate"
        offline = uv.environment(environ, tmp_path / "downloads", offline=True)
        assert "UV_DEFAULT_INDEX" not in offline and offline["UV_OFFLINE"] == "1"
        assert offline["PIP_CONFIG_FILE"] == os.devnull and offline["UV_NO_CONFIG"] == "1"

    def test_a_named_certificate_comes_before_the_systems(self, tmp_path: Path) -> None:
        clean = uv.environment({"SSL_CERT_FILE": "/company.pem"}, tmp_path, offline=False)
        assert "UV_SYSTEM_CERTS" not in clean and clean["SSL_CERT_FILE"] == "/company.pem"

    def test_what_pip_is_told_is_told_to_uv(self, tmp_path: Path) -> None:
        """What a real pip prints about a real file."""
        (tmp_path / "pip.conf").write_text(
            "[global]\nindex-url = https://mirror/simple\ncert = /company.pem\n"
            "find-links = /a\n    /b\nextra-index-url =\n    https://one\n    https://two\n"
            "[install]\ntarget = /evil\n[freeze]\ntimeout = 10\n"
        )
        environ = os.environ | {
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "PIP_PROXY": "http://proxy:3128",
        }
        command = [sys.executable, "-m", "pip", "config", "list"]
        said = subprocess.run(command, env=environ, capture_output=True, text=True).stdout
        assert uv.settings_of_pip(said) == {
            "UV_DEFAULT_INDEX": "https://mirror/simple",
            "UV_INDEX": "https://one https://two",
            "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_FIND_LINKS": "/a,/b",
            "SSL_CERT_FILE": "/company.pem",
            "ALL_PROXY": "http://proxy:3128",
        }
        assert uv.settings_of_pip("nonsense\n= = =\nglobal.index-url=not quoted\n") == {}

    def test_it_is_found_on_the_path_and_where_its_installer_puts_it(self, tmp_path: Path) -> None:
        on_path, at_home = tmp_path / "bin" / uv.PROGRAM, tmp_path / ".local/bin" / uv.PROGRAM
        for program in (on_path, at_home):
            program.parent.mkdir(parents=True)
            program.write_text("#!/bin/sh\necho uv 0.1.0\n")
            program.chmod(0o755)
        environ = {"PATH": str(on_path.parent), "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
        assert [on_path, at_home] == [p for p in uv.find(environ) if tmp_path in p.parents]
        assert not uv.usable(on_path, lambda command: (0, "uv 0.1.0")), "it is too old"
        assert uv.usable(on_path, lambda command: (0, "uv 0.13.9 (x86_64)"))
        assert not uv.usable(on_path, lambda command: (127, ""))

    def test_this_one_is_the_one_that_would_be_fetched(self) -> None:
        """The suite runs with the version that users get."""
        have = importlib.metadata.version("uv")
        assert Requirement(uv.REQUIREMENT).specifier.contains(have)


class TestPlan:
    def test_goes_through_json_and_back(self) -> None:
        one = plan.Plan(folder="/a b/ü", build="cpu", torch_index="https://i", check=("-c", "1"))
        assert plan.Plan.from_json(one.to_json()) == one
        assert "\n" not in one.to_json()

    @pytest.mark.parametrize("url", ["http://example.org", "ftp://x", "file:///x", "x", ""])
    def test_indexes_are_https(self, url: str) -> None:
        with pytest.raises(errors.BadRequest, match="https"):
            plan.check_index(url)

    def test_what_the_backend_finds_wrong_is_said(self) -> None:
        said = (
            'x\n{"findings": [{"what": "torch", "status": "missing", "detail": "not installed"}]}'
        )
        error = install._unwell(said)
        assert "torch" in error.message and "not installed" in error.message
        assert "no module" in install._unwell("Traceback\nno module").message

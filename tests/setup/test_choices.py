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

from .extension import builds, errors, folders, install, interpreters, pins, pip, plan

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

    def test_every_index_is_https_and_every_cost_is_said(self) -> None:
        for build in builds.BUILDS.values():
            plan.check_index(build.index)
            assert build.needed_mb > build.disk_mb > build.download_mb > 0


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


class TestInterpreter:
    def test_this_one_will_do(self) -> None:
        found = interpreters.find(sys.executable, None)
        assert found.version == sys.version_info[:3] and not found.problem
        assert found.path.resolve() == Path(sys._base_executable).resolve()  # type: ignore

    def test_what_is_no_python_is_refused(self, tmp_path: Path) -> None:
        script = tmp_path / "python3"
        script.write_text("#!/bin/sh\necho hello\n")
        script.chmod(0o755)
        for named in (script, tmp_path / "missing", tmp_path):
            with pytest.raises(errors.MissingDependency, match="does not start"):
                interpreters.find(str(named), None)

    def test_one_is_found_on_the_path(self, tmp_path: Path) -> None:
        link = tmp_path / "bin" / "python3.11"
        link.parent.mkdir()
        link.symlink_to(sys.executable)
        environ = {"PATH": f"{tmp_path}{os.pathsep}{link.parent}", "HOME": str(tmp_path)}
        assert interpreters.find("", None, environ).version == sys.version_info[:3]

    def test_without_any_it_says_what_to_install(self, tmp_path: Path) -> None:
        with pytest.raises(errors.MissingDependency, match=r"3\.11 to 3\.14") as caught:
            interpreters.find("", None, {"PATH": "", "HOME": str(tmp_path)})
        assert "python.org" in caught.value.remedy

    def test_blenders_own_is_the_last_choice_and_is_copied(self, tmp_path: Path) -> None:
        """A folder laid out as Blender's, whose Python starts because it is this one's."""
        prefix = tmp_path / "blender" / "python"
        library = prefix / "lib" / "python3.11"
        (prefix / "bin").mkdir(parents=True)
        for part in ("site-packages/addons", "test", "json"):
            (library / part).mkdir(parents=True)
            (library / part / "module.py").touch()
        (prefix / "bin" / "python3.11").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (prefix / "bin" / "python3.11").chmod(0o755)
        assert interpreters.bundled(prefix).name == "python3.11"
        environ = {"PATH": "", "HOME": str(tmp_path)}
        assert interpreters.find("", prefix, environ).version == sys.version_info[:3]
        interpreters.copy(prefix, tmp_path / "env")
        copied = {str(p.relative_to(tmp_path / "env")) for p in (tmp_path / "env").rglob("*")}
        assert "lib/python3.11/json/module.py" in copied
        assert not any("site-packages" in name or "test" in name for name in copied)
        assert interpreters.probe(tmp_path / "env" / "bin" / "python") is not None

    def test_windows_and_macos_are_searched_where_pythons_are(self, tmp_path: Path) -> None:
        local = tmp_path / "Local"
        python = local / "Programs" / "Python" / "Python312" / "python.exe"
        stub = tmp_path / "WindowsApps" / "python.exe"
        for path in (python, stub):
            path.parent.mkdir(parents=True)
            path.touch()
        environ = {"LOCALAPPDATA": str(local), "PATH": str(stub.parent), "USERPROFILE": "/u"}
        found = list(interpreters.candidates(environ, "win32"))
        assert found == [python], "the stand-in that opens the shop is left out"
        places = [str(p) for p in interpreters._places({"PATH": "", "HOME": "/u"}, "darwin")]
        assert "/opt/homebrew/bin/python3.12" in places
        assert "/Library/Frameworks/Python.framework/Versions/3.13/bin/python3.13" in places


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


class TestPip:
    def test_what_pip_says_becomes_progress(self) -> None:
        follow = pip.Progress(expected=2, expected_mb=1, installing="2 / 2")
        seen = []
        for line in (
            "Collecting alpha==1.0",
            "  Downloading alpha-1.0-py3-none-any.whl (0.5 MB)",
            "Progress 0 of 524288",
            "Progress 262144 of 524288",
            "Progress 524288 of 524288",
            "Collecting beta==1.0",
            "Progress 524288 of 524288",
            "Installing collected packages: alpha, beta",
        ):
            follow.line(line)
            seen.append((follow.text, round(follow.fraction, 2)))
        assert seen[0] == ("alpha", 0.0) and seen[3] == ("alpha", 0.21)
        assert seen[-2] == ("beta", 0.85) and seen[-1][0] == "2 / 2"
        assert [f for _, f in seen] == sorted(f for _, f in seen)

    def test_packages_are_counted_where_bytes_are_not_told(self) -> None:
        follow = pip.Progress(expected=4)
        for line in ("Collecting a", "Processing /w x/b_c-1.0-py3-none-any.whl", "Collecting d"):
            follow.line(line)
        assert follow.text == "d" and follow.fraction == pytest.approx(0.85 * 0.5)
        follow.line("Processing C:\\wheels\\e-2-py3-none-any.whl (from -r list.txt)")
        assert follow.text == "e" and follow.fraction == pytest.approx(0.85 * 0.75)

    @pytest.mark.parametrize(
        ("output", "kind", "words"),
        [
            ("OSError: [Errno 28] No space left on device", "output", "disk is full"),
            ("NewConnectionError(... Name or service not known)", "not_downloaded", "network"),
            ("ERROR: No matching distribution found for foo==1\n", "not_downloaded", "foo==1"),
            ("ssl.SSLError CERTIFICATE_VERIFY_FAILED", "not_downloaded", "certificate"),
            ("urllib3 IncompleteRead(5 bytes read)", "not_downloaded", "broke off"),
            ("THESE PACKAGES DO NOT MATCH THE HASHES", "not_downloaded", "broke off"),
            ("PermissionError: [Errno 13] Permission denied", "output", "permission"),
            ("ERROR: a new kind of trouble", "internal", "a new kind of trouble"),
            ("", "internal", "said nothing"),
        ],
    )
    def test_failures_are_explained(self, output: str, kind: str, words: str) -> None:
        error = pip.explain(output, "")
        assert error.code == kind and words in error.message and error.remedy

    def test_nothing_can_send_packages_elsewhere(self) -> None:
        environ = {
            "PIP_TARGET": "/evil", "PIP_USER": "1", "PYTHONPATH": "/b", "PYTHONHOME": "/b",
            "PIP_INDEX_URL": "https://mirror", "HTTPS_PROXY": "http://proxy", "CONDA_PREFIX": "/c",
        }  # fmt: skip
        clean = pip.environment(environ, "/scratch", offline=False)
        assert "PIP_TARGET" not in clean and clean["PIP_USER"] == "0"
        assert "PYTHONPATH" not in clean and "PYTHONHOME" not in clean
        assert clean["PIP_INDEX_URL"] == "https://mirror", "a company's mirror is honoured"
        assert clean["HTTPS_PROXY"] == "http://proxy" and clean["TMPDIR"] == "/scratch"
        offline = pip.environment(environ, "/scratch", offline=True)
        assert "PIP_INDEX_URL" not in offline and offline["PIP_CONFIG_FILE"] == os.devnull

    def test_only_wheels_and_no_network_when_offline(self) -> None:
        words = pip.install(["a==1"], version=(26, 0), cache="/c", wheels="/w", index="https://i")
        assert "--no-index" in words and "--index-url" not in words and "https://i" not in words
        assert "--only-binary=:all:" in words, "nothing is built, so no set-up code is run"
        online = pip.install(["a==1"], version=(26, 0), cache="/c", index="https://i")
        assert "--resume-retries" in online and "--no-index" not in online
        assert "--resume-retries" not in pip.install(["a"], version=(23, 2), cache="/c")


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

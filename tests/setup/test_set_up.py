"""Setting up for real: a worker process, uv, an environment; the wheels are tiny and made here."""

from __future__ import annotations

import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.timed import within

from .extension import errors, folders, plan, run, uv
from .wheels import Index, make_wheel

PACKAGES = {"torch": "9.9.9", "torchvision": "9.9.1", "alpha": "1.2", "beta": "0.3"}
CHECK = ("-c", "import torch, torchvision, alpha, beta; print(torch.VERSION)")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A folder with every wheel that the list of :func:`make_plan` names."""
    for name, version in PACKAGES.items():
        make_wheel(tmp_path / "wheels", name, version, size=200_000 if name == "beta" else 0)
    return tmp_path / "wheels"


@pytest.fixture
def make_plan(tmp_path: Path) -> Callable[..., plan.Plan]:
    """A plan for ``tmp_path / "backend ü"``, with a list of the tiny packages."""
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{name}=={version}\n" for name, version in PACKAGES.items()))

    def make(**changes: object) -> plan.Plan:
        values = {
            "folder": str(tmp_path / "backend ü"),
            "build": "cpu",
            "torch_index": "",
            "python": sys.executable,
            "pins": str(listed),
            "check": CHECK,
        }
        return plan.Plan(**(values | changes))

    return make


def finish(started: run.SetupRun, seconds: float = 600) -> run.SetupRun:
    deadline = time.monotonic() + seconds
    while started.running:
        assert time.monotonic() < deadline, (started.step, started.text)
        time.sleep(0.01)
    return started


def installed(folder: Path) -> set[str]:
    found = folder.glob("env/lib/python*/site-packages/*.dist-info")
    return {path.name.split("-")[0] for path in found} - {"pip", "setuptools"}


def processes_of(folder: Path) -> list[str]:
    """The command lines of processes that work in or for ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def wait_for_process(folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not processes_of(folder):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_none(folder: Path) -> None:
    """A process that is killed is still listed for a moment, longer on a busy machine."""
    deadline = time.monotonic() + 120
    while left := processes_of(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


Make = Callable[..., "plan.Plan"]


def test_a_folder_of_wheels_becomes_a_backend(make_plan: Make, wheels: Path) -> None:
    """Offline, into a folder whose name has a space and an umlaut.

    There was an environment for another build of PyTorch: that one is not used.
    """
    folder = Path(make_plan().folder)
    stale = folders.environment_python(folder).with_name("stale")
    folders.begin(folder, folders.Marker("incomplete", build="cu130"))
    stale.parent.mkdir(parents=True)
    stale.touch()
    started = run.SetupRun(make_plan(wheels=str(wheels)))
    seen: list[tuple[float, str]] = []
    while started.running:
        seen.append((started.fraction, started.step))
        time.sleep(0.005)
    assert started.error is None, started.error
    assert started.succeeded
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and started.fraction == 1.0
    steps = list(dict.fromkeys(step for _, step in seen))
    assert {"environment", "packages", "torch", "check"} <= set(steps)
    assert not stale.exists()
    marker = folders.read_marker(folder)
    assert marker is not None and marker.state == "complete" and marker.build == "cpu"
    assert installed(folder) == set(PACKAGES)
    assert "VERSION" not in sys.modules, "nothing is imported here"
    assert not (folder / folders.DOWNLOADS).exists()
    assert "alpha" in (folder / folders.LOG).read_text()

    # A second time there is nothing to do, and it takes no environment away.
    inode = folders.environment_python(folder).parent.stat().st_ino
    again = finish(run.SetupRun(make_plan(wheels=str(wheels))))
    assert again.succeeded
    assert folders.environment_python(folder).parent.stat().st_ino == inode


def test_a_broken_download_goes_on_where_it_was(
    make_plan: Make, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with Index(wheels) as index:
        index.breaks = {"beta-0.3-py3-none-any.whl": 99}
        chosen = make_plan(index=index.url, torch_index=index.url)
        # uv writes this when a package is whole in its cache; what it fetches beside it may be cut.
        whole = "downloads/wheels-*/*/*/alpha/*.http"
        index.ready = lambda: any(Path(chosen.folder).glob(whole))
        first = finish(run.SetupRun(chosen))
        assert isinstance(first.error, errors.NotDownloaded), first.error
        assert "kept" in first.error.message + first.error.remedy
        marker = folders.read_marker(Path(chosen.folder))
        assert marker is not None and marker.state == "incomplete"
        before = index.served.count("alpha-1.2-py3-none-any.whl")
        index.breaks = {}
        second = finish(run.SetupRun(chosen))
        assert second.error is None, second.error
        assert installed(Path(chosen.folder)) == set(PACKAGES)
        assert index.served.count("alpha-1.2-py3-none-any.whl") == before == 1, "it was kept"


def test_a_file_that_is_not_what_the_index_says_is_not_installed(
    make_plan: Make, wheels: Path
) -> None:
    """Each file's SHA-256 is compared with the one that the index names."""
    with Index(wheels) as index:
        other = make_wheel(wheels / "other", "alpha", "1.2", size=10)
        index.changed = {other.name: other.read_bytes()}
        failed = finish(run.SetupRun(make_plan(index=index.url, torch_index=index.url)))
        assert isinstance(failed.error, errors.NotDownloaded), failed.error
    folder = Path(failed.plan.folder)
    assert "Hash mismatch" in (folder / folders.LOG).read_text()
    assert "not the one that its index names" in failed.error.message
    assert installed(folder) == set()


@pytest.mark.timed
def test_a_cancelled_set_up_leaves_no_process_and_can_go_on(
    make_plan: Make, wheels: Path, tmp_path: Path
) -> None:
    chosen = make_plan(wheels=str(wheels), check=("-c", "import time; time.sleep(60)"))
    started = run.SetupRun(chosen)
    while started.step != "check":
        assert started.running, started.error
        time.sleep(0.01)
    wait_for_process(tmp_path)
    before = time.monotonic()
    started.cancel()
    assert within(time.monotonic() - before, 0.05), "cancelling does not block"
    finish(started)
    assert isinstance(started.error, errors.Cancelled)
    assert not started.succeeded
    wait_for_none(tmp_path)
    marker = folders.read_marker(Path(chosen.folder))
    assert marker is not None and marker.state == "incomplete"
    assert finish(run.SetupRun(make_plan(wheels=str(wheels)))).succeeded


def test_the_worker_ends_when_its_blender_is_gone(
    make_plan: Make, wheels: Path, tmp_path: Path
) -> None:
    """Only its stdin tells it, as after a crash."""
    started = run.SetupRun(
        make_plan(wheels=str(wheels), check=("-c", "import time; time.sleep(60)"))
    )
    while started.step != "check":
        assert started.running, started.error
        time.sleep(0.01)
    wait_for_process(tmp_path)
    assert started.process.stdin is not None
    started.process.stdin.close()
    finish(started)
    wait_for_none(tmp_path)


def test_missing_wheels_are_all_named_before_anything_is_installed(
    make_plan: Make, wheels: Path
) -> None:
    (wheels / "alpha-1.2-py3-none-any.whl").unlink()
    (wheels / "torch-9.9.9-py3-none-any.whl").unlink()
    make_wheel(wheels, "torch", "9.9.9", tag="cp27-cp27m-win32")
    chosen = make_plan(wheels=str(wheels))
    failed = finish(run.SetupRun(chosen))
    assert isinstance(failed.error, errors.NotDownloaded)
    assert "alpha==1.2" in failed.error.message and "beta" not in failed.error.message
    assert "torch==9.9.9 (for another system)" in failed.error.message
    assert "uv==" in failed.error.remedy and "pip download" in failed.error.remedy
    assert installed(Path(chosen.folder)) == set()


def test_a_backend_that_does_not_work_is_not_called_complete(make_plan: Make, wheels: Path) -> None:
    chosen = make_plan(wheels=str(wheels), check=("-c", "import nothing_of_that_name"))
    failed = finish(run.SetupRun(chosen))
    assert failed.error is not None and "nothing_of_that_name" in failed.error.message
    marker = folders.read_marker(Path(chosen.folder))
    assert marker is not None and marker.state == "incomplete"


def test_too_little_space_is_said_before_anything_is_made(make_plan: Make) -> None:
    failed = finish(run.SetupRun(make_plan(needed_mb=10**9)))
    assert isinstance(failed.error, errors.OutputError)
    assert "1000000.0 GB" in failed.error.message
    assert not Path(failed.plan.folder).exists()


def test_what_is_not_published_is_said_before_anything_is_downloaded(
    make_plan: Make, wheels: Path
) -> None:
    """A wheel for another Python is none: gigabytes are not fetched to find that out."""
    (wheels / "torch-9.9.9-py3-none-any.whl").unlink()
    make_wheel(wheels, "torch", "9.9.9", tag="cp27-cp27m-win32")
    with Index(wheels) as index:
        failed = finish(run.SetupRun(make_plan(index=index.url, torch_index=index.url)))
        assert isinstance(failed.error, errors.NotDownloaded)
        assert "torch==9.9.9 is not published for this system and Python" in failed.error.message
        assert index.served == []


def test_indexes_must_be_https(make_plan: Make) -> None:
    failed = finish(run.SetupRun(make_plan(torch_index="http://example.org/simple")))
    assert isinstance(failed.error, errors.BadRequest)
    assert "https" in failed.error.message
    assert not Path(failed.plan.folder).exists()


def test_two_blenders_do_not_set_up_one_folder_at_once(make_plan: Make, wheels: Path) -> None:
    chosen = make_plan(wheels=str(wheels), check=("-c", "import time; time.sleep(60)"))
    first = run.SetupRun(chosen)
    while first.step != "check":
        assert first.running, first.error
        time.sleep(0.01)
    second = finish(run.SetupRun(chosen))
    assert second.error is not None and "Another Blender" in second.error.message
    first.close()
    assert not first.running


def test_a_folder_with_other_files_is_left_alone(make_plan: Make, wheels: Path) -> None:
    chosen = make_plan(wheels=str(wheels))
    Path(chosen.folder).mkdir()
    (Path(chosen.folder) / "novel.txt").write_text("mine")
    failed = finish(run.SetupRun(chosen))
    assert failed.error is not None and "other files" in failed.error.message
    assert [path.name for path in Path(chosen.folder).iterdir()] == ["novel.txt"]


@pytest.mark.slow  # copies a whole Python
@pytest.mark.skipif(sys.platform == "win32", reason="Blender lays out its Python otherwise there")
def test_blenders_python_is_copied_where_there_is_no_other(
    make_plan: Make, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, so that none can be fetched; this Python's own stands in for Blender's."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    chosen = make_plan(wheels=str(wheels), python="", blender_prefix=sys.base_prefix)
    done = finish(run.SetupRun(chosen))
    assert done.succeeded, done.error
    folder = Path(chosen.folder)
    assert installed(folder) == set(PACKAGES), "what was installed into the other stays behind"
    assert not (folder / "env" / "pyvenv.cfg").exists(), "it is no environment of the other"
    folders.delete(folder)
    assert not folder.exists() and Path(sys.base_prefix).exists()


def test_without_any_python_it_says_what_to_install(
    make_plan: Make, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    failed = finish(run.SetupRun(make_plan(wheels=str(wheels), python="")))
    assert isinstance(failed.error, errors.MissingDependency)
    assert "3.11 to 3.14" in failed.error.message and "python.org" in failed.error.remedy


def test_a_python_that_cannot_be_fetched_is_said(
    make_plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the host that it would come from, and the proxy on the way."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    failed = finish(run.SetupRun(make_plan(python="")))
    assert isinstance(failed.error, errors.NotDownloaded)
    assert "http://127.0.0.1:9 cannot be reached" in failed.error.message
    assert "github.com was to be reached through it" in failed.error.message


def test_what_is_no_python_is_refused(make_plan: Make, wheels: Path, tmp_path: Path) -> None:
    script = tmp_path / "python3"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    for named in (script, tmp_path / "missing", tmp_path):
        failed = finish(run.SetupRun(make_plan(wheels=str(wheels), python=str(named))))
        assert isinstance(failed.error, errors.MissingDependency), failed.error
        assert "cannot be the engine's Python: it does not start" in failed.error.message


def test_a_named_python_is_used_though_another_is_found(make_plan: Make, wheels: Path) -> None:
    done = finish(run.SetupRun(make_plan(wheels=str(wheels))))
    marker = folders.read_marker(Path(done.plan.folder))
    assert marker is not None and marker.python == ".".join(map(str, sys.version_info[:3]))


def test_settings_of_pip_and_uv_are_honoured(
    make_plan: Make, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror that only pip's own file names; then one that only uv's variable names."""
    with Index(wheels) as index:
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        assert finish(run.SetupRun(make_plan())).succeeded
        monkeypatch.delenv("PIP_CONFIG_FILE")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        assert finish(run.SetupRun(make_plan(folder=str(tmp_path / "second")))).succeeded


def test_uv_comes_out_of_the_folder_of_wheels_or_its_lack_is_said(
    make_plan: Make, wheels: Path, tmp_path: Path
) -> None:
    lacking = make_plan(wheels=str(wheels), uv=str(tmp_path / "nowhere"))
    failed = finish(run.SetupRun(lacking))
    assert isinstance(failed.error, errors.NotDownloaded)
    assert "uv was not found" in failed.error.message and "uv==" in failed.error.remedy
    program = next(uv.find())
    with zipfile.ZipFile(wheels / "uv-9.9-py3-none-any.whl", "w") as wheel:
        wheel.write(program, f"uv-9.9.data/scripts/{uv.PROGRAM}")
    assert finish(run.SetupRun(lacking)).succeeded

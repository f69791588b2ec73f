"""Hung, killed, asleep, remote, two at once: the backend may do what it likes, Blender goes on.

The backend is the scripted one; ``checks_random.py`` mixes these with everything else.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import bpy
from checks_interface import drawn
from checks_random import children, connect
from harness import PACKAGE, PROMPT, SCRIPTED, Bench, contents, refused, unchanged
from modal import Modal
from timed import within


def check_hung_backend_is_said_and_can_be_restarted(bench: Bench) -> None:
    """It is stopped (SIGSTOP), so it neither answers nor ends."""
    connect(bench)
    bench.generate()
    session, watchdog = bench.session, bench.module("process.watchdog")
    pid = session.pid
    os.kill(pid, signal.SIGSTOP)
    modal = Modal(bench, "a lion")
    clock = [time.monotonic()]
    real, session_time = time.monotonic, bench.module("process.session").time

    class Clock:
        sleep = staticmethod(time.sleep)
        monotonic = staticmethod(lambda: clock[0])

    bench.module("process.session").time = Clock
    try:
        for _ in range(int(watchdog.SILENT_SECONDS) + 5):
            clock[0] += 1.0
            session.look()
    finally:
        bench.module("process.session").time = session_time
    assert session.state.name == "HUNG"
    text = " ".join(drawn("ATT3D_PT_create", bench))
    assert "Not answering" in text
    before = real()
    assert bpy.ops.att3d.restart_backend() == {"FINISHED"}
    assert within(real() - before, 2), "restarting waits for nothing"
    deadline = real() + 120
    while not modal.ended:
        modal.event()
        assert real() < deadline
        time.sleep(0.01)
    assert session.error is None, session.error
    assert bench.generate("a lion") is not None
    assert session.pid != pid
    session.close()
    deadline = real() + 120
    while children():
        assert real() < deadline, "the stopped one is gone, too"
        time.sleep(0.05)


def check_script_does_not_wait_for_ever(bench: Bench) -> None:
    """Without a window nobody can click on Restart: a hung backend is ended."""
    connect(bench)
    watchdog = bench.module("process.watchdog")
    kept = watchdog.SILENT_SECONDS
    watchdog.SILENT_SECONDS = 1.0
    try:
        with unchanged():
            assert "said nothing" in refused(bpy.ops.att3d.generate, prompt="hang on")
    finally:
        watchdog.SILENT_SECONDS = kept
    bench.generate("a lion")


def check_lack_of_memory_offers_smaller_settings(bench: Bench) -> None:
    connect(bench)
    error = bench.fails("memory of a goldfish")
    states = bench.module("process.backend_state")
    assert states.mends(bench.session.state, error)[0].operator == "att3d.smaller"
    settings = bpy.context.scene.att3d
    settings.resolution, settings.texture_size, settings.faces = 256, 2048, 20_000
    assert bpy.ops.att3d.smaller() == {"FINISHED"}
    assert (settings.resolution, settings.texture_size, settings.faces) == (128, 1024, 10_000)
    assert bench.session.error is None
    for _ in range(10):
        if bpy.ops.att3d.smaller.poll():
            bpy.ops.att3d.smaller()
    assert not bpy.ops.att3d.smaller.poll()
    assert (settings.resolution, settings.texture_size, settings.faces) == (64, 256, 1000)


def check_file_opened_while_a_job_runs(bench: Bench) -> None:
    """The result has no scene to go to: nothing comes, nothing is said to be in progress."""
    connect(bench)
    bench.generate()
    path = str(bench.folder / "reloaded.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    modal = Modal(bench, "slow snail")
    modal.event()
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not bench.session.busy and bench.session.error is None
    modal.end()
    before = contents()
    time.sleep(0.5)
    assert contents() == before
    connect(bench)
    bench.generate("a lion")


def check_scene_that_asked_is_deleted(bench: Bench) -> None:
    connect(bench)
    other = bpy.data.scenes.new("other")
    modal = Modal(bench, "slow snail")
    bpy.data.scenes.remove(next(s for s in bpy.data.scenes if s != other))
    deadline = time.monotonic() + 120
    while not modal.ended:
        modal.event()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [ob.name for ob in other.collection.all_objects] == ["slow snail"]


def check_extension_disabled_while_a_job_runs(bench: Bench) -> None:
    connect(bench)
    bench.generate()
    Modal(bench, "slow snail")
    handlers = [len(group) for group in (bpy.app.handlers.load_pre, bpy.app.handlers.load_post)]
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    assert not children()
    left = [bpy.app.handlers.load_pre, bpy.app.handlers.load_post]
    assert [len(group) for group in left] < handlers
    assert not [h for group in left for h in group if PACKAGE in getattr(h, "__module__", "")]
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    assert [len(group) for group in left] == handlers
    bench.reset()


def check_remote_command_runs_elsewhere(bench: Bench) -> None:
    """As through ssh: an empty environment, another folder, and a disk that is not ours.

    The stand-in for ssh is ``elsewhere.py``: the folder that the client proposes arrives as one
    that is not there, so the result has to come through the pipe.
    """
    elsewhere = Path(__file__).with_name("elsewhere.py")
    root = bench.module("process.launch").EXTENSION_ROOT
    connect(bench)
    words = [bench.python, elsewhere, bench.folder / "far away", root, bench.python, SCRIPTED]
    bench.preferences.backend_command = shlex.join(map(str, words))
    ob = bench.generate("a lion from afar")
    assert len(ob.data.polygons) == 12
    folder = bench.session._client._folders[-1]
    assert not list(folder.glob("*/")), "the other side made its folder on its own disk"
    assert bench.session._client._connection._remote
    bench.session.close()
    assert not children()
    assert not folder.exists()


def check_two_blenders_have_a_session_each(bench: Bench) -> None:
    """Two clients, as two Blenders have them: neither sees the other's folder, nor ends it."""
    connect(bench)
    bench.generate("a lion")
    client = bench.module("process.client")
    launch = bench.preferences.launch()
    other = client.BackendClient(launch.command, launch.environment, launch.log)
    messages = bench.module("generate.operators").InfoParams
    other.request("info", messages()).result(object, 20)
    mine, theirs = bench.session._client._folders[-1], other._folders[-1]
    assert mine != theirs and mine.exists() and theirs.exists()
    assert mine.stat().st_mode & 0o077 == 0, "nobody else may look into it"
    other.close()
    assert not theirs.exists() and mine.exists()
    bench.generate("another lion")


def check_nothing_is_sent_anywhere(bench: Bench) -> None:
    """No module of the extension can open a connection: none imports what that takes."""
    network = {"socket", "http", "urllib", "ssl", "ftplib", "smtplib", "requests", "asyncio"}
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE}.blender_addon"):
            held = {getattr(value, "__name__", "").split(".")[0] for value in vars(module).values()
                    if type(value) is type(sys)}  # fmt: skip
            assert not held & network, (name, held & network)


def check_reading_only_home_keeps_generating(bench: Bench) -> None:
    """Neither the history nor the log can be written; the object comes all the same."""
    (bench.folder / "a file").touch()
    connect(bench)
    bench.preferences.keep_history = True
    bench.preferences.history_folder = str(bench.folder / "a file" / "history")
    bench.preferences.log_folder = str(bench.folder / "a file" / "logs")
    assert bench.generate(PROMPT) is not None

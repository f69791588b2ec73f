"""What goes wrong leaves the scene as it was, with a message and a remedy in the panel.

``bench.fails`` asserts just that for every case here.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import bpy
from harness import PROMPT, Bench, alive, quick, unchanged
from timed import within


@quick
def check_missing_python_says_where_to_set_it(bench: Bench) -> None:
    del os.environ["ATT3D_PYTHON"]
    error = bench.fails()
    assert error.code == "missing_dependency"
    assert "preferences" in error.remedy
    assert bench.session.state.name == "NOT_SET_UP"


@quick
def check_python_that_is_not_there_is_named(bench: Bench) -> None:
    bench.preferences.backend_python = "/nowhere/bin/python"
    assert "/nowhere/bin/python" in bench.fails().message
    bench.preferences.backend_python = ""
    os.environ["ATT3D_PYTHON"] = "/nowhere/else"
    assert "ATT3D_PYTHON" in bench.fails().message


@quick
def check_python_without_the_backends_packages_is_explained(bench: Bench) -> None:
    """A bare interpreter: the backend starts, and says what is missing."""
    bare = bench.folder / "bare"
    if not bare.exists():
        import venv

        venv.create(bare, symlinks=True)
    bench.preferences.backend_python = str(bare)
    error = bench.fails()
    assert error.code in ("missing_dependency", "backend_died"), error.code
    bench.preferences.backend_python = ""
    bench.generate()


@quick
def check_command_that_is_no_backend_is_explained(bench: Bench) -> None:
    for command in ("/nowhere/ssh host", f"{bench.python} -c 'print(1)'"):
        bench.preferences.backend_command = command
        assert bench.fails().code in ("backend_died", "protocol")
    bench.preferences.backend_command = ""
    bench.generate()


def check_broken_checkpoints_are_refused(bench: Bench) -> None:
    folder = bench.folder / "broken"
    folder.mkdir(exist_ok=True)
    whole = bench.checkpoint.read_bytes()
    files = {
        "empty": b"",
        "text": b"not a checkpoint" * 100,
        "truncated": whole[: len(whole) // 2],
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}\x94.",
    }
    for name, data in files.items():
        path = folder / f"{name}.safetensors"
        path.write_bytes(data)
        assert bench.fails(checkpoint=str(path)).code == "checkpoint", name
    assert bench.fails(checkpoint=str(folder / "missing.safetensors")).code == "checkpoint"
    bench.generate()


def check_choosing_another_checkpoint_settles_what_was_wrong_with_it(bench: Bench) -> None:
    bench.fails(checkpoint="/nowhere/mine.safetensors")
    settings = bpy.context.scene.att3d
    settings.checkpoint_choice = str(bench.checkpoint)
    settings.checkpoint = ""
    assert bench.session.problem is None and bench.session.state.name == "READY"
    settings.checkpoint = str(bench.checkpoint)
    assert bench.fails("").code == "bad_prompt"
    settings.checkpoint = ""
    assert bench.session.error is not None, "another checkpoint does not mend everything"


def check_broken_checkpoint_in_the_folder_does_not_break_the_list(bench: Bench) -> None:
    folder = bench.folder / "list"
    folder.mkdir(exist_ok=True)
    (folder / "broken.safetensors").write_bytes(b"\xff" * 100)
    bench.preferences.checkpoint_folder = str(folder)
    bpy.context.scene.att3d.checkpoint = str(folder / "broken.safetensors")
    assert bench.fails().code == "checkpoint"


def check_prompts_without_words_are_refused(bench: Bench) -> None:
    for prompt in ("", "   \t ", "\x00\x07"[1:], "\u200b"):
        assert bench.fails(prompt).code == "bad_prompt", repr(prompt)
    assert bpy.context.scene.att3d.prompt == ""
    bench.generate()


def check_endless_prompts_are_refused(bench: Bench) -> None:
    error = bench.fails("a pig " * 1667)
    assert error.code == "bad_prompt"
    assert len(error.message) < 300, "the message does not repeat the prompt"


def check_options_out_of_range_are_refused(bench: Bench) -> None:
    for options in (
        {"faces": 0}, {"faces": -5}, {"faces": 10_000_000},
        {"texture_size": 1}, {"texture_size": 100_000},
        {"resolution": 1}, {"resolution": 100_000},
    ):  # fmt: skip
        error = bench.fails(**options)
        assert error.code == "bad_request", options
        assert next(iter(options)) in error.message
    bench.generate()


def check_panel_values_stay_in_the_backends_range(bench: Bench) -> None:
    settings = bpy.context.scene.att3d
    for name in ("faces", "texture_size", "resolution"):
        for value in (-1, 2**30):
            setattr(settings, name, value)
            held = getattr(settings, name)
            limits = settings.bl_rna.properties[name]
            assert held in (limits.hard_min, limits.hard_max)


def check_backend_killed_in_the_middle_is_survived(bench: Bench) -> None:
    bench.generate()
    session = bench.session
    pid = session.pid

    def kill_when_busy() -> None:
        while not (session.busy and session.fraction > 0):
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_when_busy, daemon=True)
    killer.start()
    error = bench.fails(resolution=512, faces=200_000, texture_size=4096)
    killer.join(10)
    assert error.code == "backend_died"
    assert "SIGKILL" in error.message
    assert bench.session.state.name == "FAILED"
    assert bench.generate() is not None
    assert session.pid != pid and alive(session.pid)
    assert session.error is None and session.state.name == "READY"


@quick
def check_backend_killed_while_idle_is_not_noticed(bench: Bench) -> None:
    bench.generate()
    pid = bench.session.pid
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while bench.session.state.name != "STOPPED":
        assert time.monotonic() < deadline, bench.session.state
        time.sleep(0.01)
    bench.generate()


def check_cancelled_request_leaves_nothing(bench: Bench) -> None:
    """As ESC does it: the request is given up, and the backend is free again at once."""
    bench.generate()
    module, operators = bench.session, bench.module("generate.result_operator")
    params = operators.GenerateParams(
        prompt=PROMPT, checkpoint=str(bench.checkpoint), resolution=512, texture_size=4096
    )
    with unchanged():
        job = module.submit(bench.preferences.launch, "generate", params)
        assert not bpy.ops.att3d.generate.poll(), "only one at a time"
        assert bpy.ops.att3d.cancel() == {"FINISHED"}
        assert job.done()
        try:
            job.result(operators.GenerateResult)
        except bench.module("process.operator").Cancelled as cancelled:
            module.fail(cancelled)
        else:
            raise AssertionError("the result came in spite of it")
    assert module.error is None and not module.busy
    started = time.monotonic()
    bench.generate()
    assert within(time.monotonic() - started, 20)


@quick
def check_full_or_forbidden_log_folder_does_not_matter(bench: Bench) -> None:
    (bench.folder / "file").write_text("in the way")
    bench.preferences.log_folder = str(bench.folder / "file" / "logs")
    bench.generate()


def check_error_goes_away_with_the_next_success(bench: Bench) -> None:
    bench.fails("")
    bench.generate()
    assert bench.session.error is None and bench.session.problem is None

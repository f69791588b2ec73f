"""The states that a person is told, from facts; and how silence becomes one of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .extension import _module, errors

states = _module("process.backend_state")
watchdog = _module("process.watchdog")
reply = _module("process.reply")
Facts, State, Status = states.Facts, states.State, reply.Status

PROCESS = (None, "starting", "loading", "ready", "busy", "failed")
ERRORS = (None, errors.MissingDependency("no torch"), errors.OutOfMemory("too little"))


def every() -> list[Any]:
    """All combinations of facts."""
    flags = (False, True)
    return [
        Facts(a, b, Status(state), busy, silent, error)
        for a, b, state, busy, silent, error in itertools.product(
            flags, flags, PROCESS, flags, flags, ERRORS
        )
    ]


class TestState:
    @pytest.mark.parametrize(
        ("facts", "wanted"),
        [
            (Facts(set_up=False), "NOT_SET_UP"),
            (Facts(set_up=False, setting_up=True), "SETTING_UP"),
            (Facts(), "STOPPED"),
            (Facts(busy=True), "STARTING"),
            (Facts(process=Status("starting")), "STARTING"),
            (Facts(process=Status("loading"), busy=True), "LOADING"),
            (Facts(process=Status("ready")), "READY"),
            (Facts(process=Status("ready"), busy=True), "GENERATING"),
            (Facts(process=Status("busy")), "READY"),
            (Facts(process=Status("failed")), "FAILED"),
            (Facts(process=Status("failed"), busy=True), "GENERATING"),
            (Facts(process=Status("ready"), busy=True, silent=True), "HUNG"),
            (Facts(silent=True), "STOPPED"),
            (Facts(error=ERRORS[2]), "FAILED"),
            (Facts(error=ERRORS[1]), "FAILED"),
            (Facts(error=ERRORS[1], set_up=False), "NOT_SET_UP"),
            (Facts(error=ERRORS[2], process=Status("ready")), "FAILED"),
            (Facts(error=ERRORS[2], of_set_up=True), "SETUP_FAILED"),
            (Facts(error=ERRORS[2], of_set_up=True, process=Status("ready")), "SETUP_FAILED"),
            (Facts(error=ERRORS[2], of_set_up=True, setting_up=True), "SETTING_UP"),
            (Facts(error=ERRORS[2], of_set_up=True, busy=True), "STARTING"),
            (Facts(error=ERRORS[2], busy=True, process=Status("ready")), "GENERATING"),
        ],
    )
    def test_follows_from_the_facts(self, facts: Any, wanted: str) -> None:
        assert states.state_of(facts).name == wanted

    def test_is_never_ready_when_nothing_runs(self) -> None:
        for facts in every():
            if states.state_of(facts) in (State.READY, State.GENERATING, State.LOADING):
                assert facts.process.state is not None

    def test_is_never_idle_while_something_waits(self) -> None:
        for facts in every():
            if facts.busy and not facts.setting_up:
                idle = (State.READY, State.STOPPED, State.NOT_SET_UP, State.FAILED)
                assert states.state_of(facts) not in idle

    def test_every_error_has_a_button_that_mends_it_or_a_changed_prompt_does(self) -> None:
        without = {"bad_prompt", "bad_request", "checkpoint", "cancelled", "training"}
        for kind in errors.Att3dError._by_code.values():
            mends = states.mends(State.FAILED, kind("it went wrong"))
            assert bool(mends) == (kind.code not in without), kind

    def test_lack_of_memory_suggests_a_smaller_setting(self) -> None:
        assert states.mends(State.FAILED, errors.OutOfMemory("x"))[0] is states.SMALLER
        killed = errors.BackendDied("The backend ended: killed by SIGKILL (perhaps out of memory).")
        assert states.mends(State.FAILED, killed)[0] is states.SMALLER

    def test_what_is_too_thin_for_quads_offers_triangles(self) -> None:
        assert states.mends(State.FAILED, errors.TooThin("x")) == (states.TRIANGLES,)

    def test_what_needs_torch_or_is_not_installed_leads_to_the_set_up(self) -> None:
        missing = errors.MissingDependency("the checkpoint a needs torch, which is not installed")
        assert states.mends(State.FAILED, missing)[0] is states.SET_UP

    def test_what_set_up_failed_by_is_in_its_own_log(self) -> None:
        for error in (errors.OutputError("x"), errors.NotDownloaded("x")):
            shown = states.mends(State.SETUP_FAILED, error)
            assert states.SETUP_LOG in shown and states.LOG not in shown
            assert (states.ONLINE in shown) == isinstance(error, errors.NotDownloaded)

    def test_what_hangs_can_be_restarted(self) -> None:
        assert states.mends(State.HUNG, None)[0] is states.RESTART

    def test_the_set_up_that_is_shown_anyway_has_no_second_button(self) -> None:
        assert states.mends(State.NOT_SET_UP, None, set_up=False) == ()

    def test_nothing_is_mended_where_nothing_is_wrong(self) -> None:
        for state in (State.READY, State.GENERATING, State.STARTING, State.STOPPED):
            assert states.mends(state, None) == ()


def run(dog: Any, seconds: float, *, start: float = 0.0, step: float = 0.5, **looks: Any) -> float:
    """Tick for a while; the clock at the end."""
    now = start
    while now < start + seconds:
        now += step
        dog.tick(now, looks.get("heard", 1), looks.get("expecting", True))
    return now


class TestWatchdog:
    def test_silence_is_noticed(self) -> None:
        dog = watchdog.Watchdog()
        run(dog, watchdog.SILENT_SECONDS - 5)
        assert not dog.silent
        run(dog, 10, start=watchdog.SILENT_SECONDS - 5)
        assert dog.silent

    def test_it_asks_once_before_that(self) -> None:
        dog = watchdog.Watchdog()
        asked = [now for now in range(60) if dog.tick(float(now), 1, True)]
        assert len(asked) == 1
        assert watchdog.ASK_SECONDS <= asked[0] < watchdog.SILENT_SECONDS

    def test_any_message_ends_it(self) -> None:
        dog = watchdog.Watchdog()
        now = run(dog, 200)
        assert dog.silent
        dog.tick(now + 0.5, 2, True)
        assert not dog.silent

    def test_nothing_is_expected_of_one_that_owes_no_answer(self) -> None:
        dog = watchdog.Watchdog()
        run(dog, 1000, expecting=False)
        assert not dog.silent

    def test_sleep_is_not_silence(self) -> None:
        """The lid is closed for eight hours between two ticks."""
        dog = watchdog.Watchdog()
        now = run(dog, 20)
        dog.tick(now + 8 * 3600, 1, True)
        assert not dog.silent
        run(dog, 20, start=now + 8 * 3600)
        assert not dog.silent

    def test_a_clock_that_goes_back_does_no_harm(self) -> None:
        dog = watchdog.Watchdog()
        now = run(dog, 20)
        dog.tick(now - 1000, 1, True)
        assert not dog.silent


class TestCommand:
    launch = _module("process.launch")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("ssh box python -m backend serve", ("ssh", "box", "python", "-m", "backend", "serve")),
            (
                r'"C:\Program Files\py\python.exe" -c x',
                (r"C:\Program Files\py\python.exe", "-c", "x"),
            ),
            (r"wsl.exe python3 it's", ("wsl.exe", "python3", "it's")),
        ],
    )
    def test_is_split_as_on_windows(self, text: str, words: tuple[str, ...]) -> None:
        assert self.launch.split_command(text, windows=True) == words

    def test_is_split_as_in_a_shell_elsewhere(self) -> None:
        assert self.launch.split_command("'/a b/py' -m x", windows=False) == ("/a b/py", "-m", "x")
        with pytest.raises(errors.BadRequest, match="cannot be read"):
            self.launch.split_command("'open", windows=False)

"""How long Blender's window stands still while a prompt becomes an object.

Run by a Blender with its window:

    blender --python benchmarks/window.py -- [--times N] [--no-viewport] [--output FILE.json]

The extension must be installed and set up. A timer that wants to fire every 5 ms notes the gaps
between its ticks: while nothing happens ("idle"), while the sidebar is drawn ten times a second and
nothing else happens ("drawing"), and while objects are made as the button makes them ("making").
What "making" has over "drawing" is ours; the rest is Blender's drawing and the machine's other
programs. So the time that our own code takes on the main thread (operators' events, the panels) is
measured apart, as elapsed time and as processor time. The limit is 50 ms.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy

ADDONS = bpy.context.preferences.addons
PACKAGE = next(addon.module for addon in ADDONS if addon.module.endswith(".att3d"))
LIMIT_MS = 50.0
IDLE_SECONDS = 5.0
TICK_SECONDS = 0.005
REDRAW_SECONDS = 0.1


def module(name: str):
    return importlib.import_module(f"{PACKAGE}.blender_addon.{name}")


class Ours:
    """Time spent in calls of our code on the main thread: the longest of each kind, in ms."""

    def __init__(self) -> None:
        self.longest: dict[str, tuple[float, float]] = {}

    def wrap(self, kind: type, name: str, title: str) -> None:
        """Measure a method that Blender calls. It counts the parameters, so they are named."""
        original: Callable = getattr(kind, name)

        def timed(*arguments: object) -> object:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return original(*arguments)
            finally:
                spent = (time.perf_counter() - wall, time.thread_time() - cpu)
                before = self.longest.get(title, (0.0, 0.0))
                self.longest[title] = (
                    max(before[0], 1000 * spent[0]),
                    max(before[1], 1000 * spent[1]),
                )

        def draws(self, context):
            return timed(self, context)

        def handles(self, context, event):
            return timed(self, context, event)

        setattr(kind, name, draws if name == "draw" else handles)


class Measurement:
    """Idle first, then ``times`` objects one after another."""

    def __init__(self, prompt: str, times: int, viewport: bool, output: Path | None) -> None:
        self.prompt, self.left, self.viewport, self.output = prompt, times, viewport, output
        self.gaps: dict[str, list[float]] = {"idle": [], "drawing": [], "making": []}
        self.drawn = 0.0
        self.phase = "idle"
        self.last = 0.0
        self.until = time.perf_counter() + IDLE_SECONDS
        self.worst: list[tuple[float, str]] = []
        """Long gaps while making, in ms, and the stage in which they were seen."""
        self.draws: list[float] = []
        """How long Blender took to draw the viewport while making, in ms."""
        self.began = 0.0
        views = bpy.types.SpaceView3D
        views.draw_handler_add(self.draw_begins, (), "WINDOW", "PRE_VIEW")
        views.draw_handler_add(self.draw_ends, (), "WINDOW", "POST_PIXEL")
        self.ours = Ours()
        for kind in (bpy.types.ATT3D_OT_generate,):
            for name in ("invoke", "modal"):
                self.ours.wrap(kind, name, f"generate.{name}")
        for name in ("create", "mesh", "object"):
            self.ours.wrap(getattr(bpy.types, f"ATT3D_PT_{name}"), "draw", f"draw {name}")

    def draw_begins(self) -> None:
        self.began = time.perf_counter()

    def draw_ends(self) -> None:
        if self.phase == "making":
            self.draws.append(1000 * (time.perf_counter() - self.began))

    def tick(self) -> float | None:
        now = time.perf_counter()
        session = module("process.session").session
        if self.last:
            gap = 1000 * (now - self.last)
            self.gaps[self.phase].append(gap)
            if self.phase == "making" and gap > LIMIT_MS:
                self.worst.append((round(gap, 1), session.stage or "after the result"))
        self.last = now
        if self.phase != "making" and now > self.until:
            self.phase = "drawing" if self.phase == "idle" else "making"
            self.until = now + IDLE_SECONDS
        if self.phase == "drawing" and now - self.drawn > REDRAW_SECONDS:
            self.drawn = now
            module("process.session").redraw()
        if self.phase == "making" and not session.busy:
            if session.error is not None:
                print("failed:", session.error.message, session.error.remedy, flush=True)
                return None
            if not self.left:
                self.report()
                return None
            self.left -= 1
            self.begin()
        return TICK_SECONDS

    def begin(self) -> None:
        window = bpy.context.window_manager.windows[0]
        area = max(window.screen.areas, key=lambda area: area.width * area.height)
        area.type = "VIEW_3D"
        region = next(region for region in area.regions if region.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.att3d.generate("INVOKE_DEFAULT", prompt=self.prompt)
        if not self.viewport:
            area.type = "TEXT_EDITOR"

    def report(self) -> None:
        figures = {
            phase: {
                "ticks": len(gaps),
                "longest_ms": round(max(gaps), 1),
                "median_ms": round(sorted(gaps)[len(gaps) // 2], 1),
                "above_limit": sum(gap > LIMIT_MS for gap in gaps),
            }
            for phase, gaps in self.gaps.items()
        }
        calls = {
            title: {"elapsed_ms": round(wall, 1), "processor_ms": round(cpu, 1)}
            for title, (wall, cpu) in sorted(self.ours.longest.items())
        }
        text = json.dumps(
            {
                "blender": bpy.app.version_string,
                "gaps": figures,
                "viewport_draws": {
                    "count": len(self.draws),
                    "longest_ms": round(max(self.draws, default=0.0), 1),
                },
                "worst": sorted(self.worst, reverse=True)[:8],
                "ours": calls,
            },
            indent=1,
        )
        print(text, flush=True)
        if self.output is not None:
            self.output.write_text(text, encoding="utf-8")


def main() -> None:
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    parser = argparse.ArgumentParser(description="Measure how long Blender's window stands still.")
    parser.add_argument("--prompt", default="a pig riding a motorcycle wearing a sombrero")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument(
        "--no-viewport",
        action="store_true",
        help="make objects with no 3D viewport on show: without a graphics card Blender takes 200"
        " to 300 ms to draw one, and that hides all else",
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(words)
    if bpy.app.background:
        sys.exit("This needs a window: run it without --background.")
    measurement = Measurement(
        options.prompt, options.times, not options.no_viewport, options.output
    )
    bpy.app.timers.register(measurement.tick, first_interval=3.0, persistent=True)


if __name__ == "__main__":
    main()

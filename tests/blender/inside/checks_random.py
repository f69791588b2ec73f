"""Random sequences of what people and machines do; Blender stays usable and the scene consistent.

The client, its pipes and the process are real; the backend behind them is scripted, which
answers at once. The operator's modal events are made by hand (``modal.py``).
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import bpy
from harness import PACKAGE, Bench, alive
from modal import Modal

LENGTH = 7
PROMPTS = (
    "a pig wearing a tophat", "a lion", "a lion", "ein Bär mit Hut 🎩", "x" * 200, "noted owl",
    "slow snail", "slow tortoise", "die hard", "memory of a goldfish", "broken vase", "",
)  # fmt: skip


def check_random_sequences_leave_blender_usable(bench: Bench) -> None:
    prepare(bench)
    for seed in bench.seeds:
        Sequence(bench, seed).run()
    bench.session.close()
    assert not children(), children()


def connect(bench: Bench) -> None:
    """Use the scripted backend."""
    bench.preferences.backend_command = bench.scripted
    bench.preferences.keep_history = False


def prepare(bench: Bench) -> None:
    """The scripted backend, and a history of its own."""
    connect(bench)
    bench.preferences.history_folder = str(bench.folder / "random history")
    bench.preferences.keep_history = True


def children() -> list[int]:
    """Processes that this one has started and that still run."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return [pid for pid in found if alive(pid)]


class Sequence:
    """One sequence; a failure says the seed and what was done."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.random = random.Random(seed)
        self.done: list[str] = [f"seed {seed}"]
        self.modal: Modal | None = None
        self.killed: int | None = None
        self.path = str(bench.folder / f"random {seed % 3} ü.blend")

    def run(self) -> None:
        actions: list[Callable[[], None]] = [
            self.generate, self.generate, self.begin, self.begin, self.tick, self.tick, self.escape,
            self.kill, self.stop, self.restart, self.undo, self.redo, self.delete, self.rename,
            self.duplicate, self.new_file, self.save, self.reload, self.new_scene,
            self.delete_scene, self.edit_mode, self.collection, self.regenerate, self.variant,
            self.batch, self.restore, self.mark,
        ]  # fmt: skip
        if self.random.random() < 0.15:
            actions += [self.disable] * 6
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        bpy.ops.ed.undo_push(message="begin")
        try:
            for _ in range(LENGTH):
                action = self.random.choice(actions)
                self.done.append(action.__name__)
                action()
                self.consistent()
            self.done.append("at the end")
            self.finish()
            self.usable()
        except BaseException as error:
            raise AssertionError(f"{self.done}: {error!r}") from error

    # --- what people do ---

    def generate(self) -> None:
        if not bpy.ops.att3d.generate.poll():
            return
        prompt = self.random.choice(PROMPTS)
        self.done.append(repr(prompt[:20]))
        self.click(bpy.ops.att3d.generate, prompt=prompt)

    def click(self, operator: Callable[..., object], **options: object) -> None:
        """It may be disabled, or fail; then with one sentence and a remedy."""
        if not operator.poll():
            return
        try:
            operator("EXEC_DEFAULT", True, **options)
        except RuntimeError as reported:
            text = str(reported)
        else:
            return
        assert "Traceback" not in text, text
        assert self.session.error is not None and self.session.error.remedy

    def active(self) -> None:
        """Click on any object."""
        shown = [ob for ob in bpy.context.view_layer.objects if ob.visible_get()]
        if shown and bpy.context.mode == "OBJECT":
            bpy.context.view_layer.objects.active = self.random.choice(shown)

    def regenerate(self) -> None:
        self.active()
        self.click(bpy.ops.att3d.regenerate)

    def variant(self) -> None:
        self.active()
        self.click(bpy.ops.att3d.variant, prompt=self.random.choice(PROMPTS))

    def batch(self) -> None:
        chosen = self.random.choices(PROMPTS, k=3)
        self.click(bpy.ops.att3d.batch, prompts="\n".join(chosen) + "\na lion")

    def restore(self) -> None:
        """A result of before, once one was kept."""
        self.click(bpy.ops.att3d.history_restore)

    def mark(self) -> None:
        self.active()
        self.click(bpy.ops.att3d.mark_asset)

    def begin(self) -> None:
        if bpy.ops.att3d.generate.poll():
            self.modal = Modal(self.bench, self.random.choice(PROMPTS))

    def tick(self) -> None:
        time.sleep(0.01)
        if self.modal is not None:
            self.modal.event()

    def escape(self) -> None:
        if self.modal is not None:
            self.modal.event("ESC", "PRESS")

    def undo(self) -> None:
        if bpy.ops.ed.undo.poll():
            bpy.ops.ed.undo()

    def redo(self) -> None:
        if bpy.ops.ed.redo.poll():
            bpy.ops.ed.redo()

    def delete(self) -> None:
        if bpy.data.objects and bpy.context.mode == "OBJECT":
            bpy.data.objects.remove(self.random.choice(bpy.data.objects[:]))
            bpy.data.orphans_purge(do_recursive=True)
            bpy.ops.ed.undo_push(message="delete")

    def rename(self) -> None:
        if bpy.data.objects:
            self.random.choice(bpy.data.objects[:]).name = "renamed"
            bpy.ops.ed.undo_push(message="rename")

    def duplicate(self) -> None:
        if bpy.data.objects and bpy.context.mode == "OBJECT":
            ob = self.random.choice(bpy.data.objects[:])
            bpy.context.scene.collection.objects.link(ob.copy())
            bpy.ops.ed.undo_push(message="duplicate")

    def collection(self) -> None:
        """The collection is renamed or moved by its owner; the next result may make another."""
        found = bpy.data.collections.get("ATT3D")
        if found is not None:
            found.name = "Mine"
            bpy.ops.ed.undo_push(message="collection")

    def edit_mode(self) -> None:
        if bpy.context.object is not None and bpy.context.object.type == "MESH":
            bpy.ops.object.mode_set(mode="EDIT" if bpy.context.mode == "OBJECT" else "OBJECT")

    def new_scene(self) -> None:
        bpy.data.scenes.new("another")
        bpy.ops.ed.undo_push(message="scene")

    def delete_scene(self) -> None:
        """The one that asked may be the one that goes."""
        if len(bpy.data.scenes) > 1:
            bpy.data.scenes.remove(bpy.data.scenes[0])
            bpy.data.orphans_purge(do_recursive=True)
            bpy.ops.ed.undo_push(message="scene")

    def new_file(self) -> None:
        self._ended_by_blender()
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)

    def save(self) -> None:
        bpy.ops.wm.save_as_mainfile(filepath=self.path)

    def reload(self) -> None:
        if Path(self.path).exists():
            self._ended_by_blender()
            bpy.ops.wm.open_mainfile(filepath=self.path)

    def disable(self) -> None:
        bpy.ops.preferences.addon_disable(module=PACKAGE)
        assert not children(), "it leaves nothing running"
        self.modal = None
        bpy.ops.preferences.addon_enable(module=PACKAGE)
        prepare(self.bench)  # Blender forgets an add-on's preferences when it is disabled

    def _ended_by_blender(self) -> None:
        if self.modal is not None:
            self.modal.end()
            self.modal = None

    # --- what machines do ---

    def kill(self) -> None:
        if self.session.pid is not None:
            self.killed = self.session.pid
            self.signal(signal.SIGKILL)
            if self.random.random() < 0.7:  # most often it is noticed before the next click
                self.notice()

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it was killed, and that was not noticed yet
            os.kill(self.session.pid, number)

    def notice(self) -> None:
        while self.killed is not None and self.session.pid == self.killed:
            time.sleep(0.01)
        self.killed = None

    def stop(self) -> None:
        """It hangs: only a restart helps, so that comes at some time after."""
        if self.session.pid is not None:
            self.signal(signal.SIGSTOP)
            self.done.append("restart")
            self.restart()

    def restart(self) -> None:
        assert bpy.ops.att3d.restart_backend() == {"FINISHED"}

    # --- what must be so ---

    @property
    def session(self):
        return self.bench.session

    def consistent(self) -> None:
        modal = self.modal is not None and not self.modal.ended
        assert modal or not self.session.busy, "nothing runs, yet it says that something does"
        for scene in bpy.data.scenes:
            ours = [c for c in scene.collection.children_recursive if c.name.startswith("ATT3D")]
            assert len(ours) <= 1, ours
        for kind in (bpy.data.meshes, bpy.data.materials, bpy.data.images, bpy.data.collections):
            orphans = [block.name for block in kind if block.users == 0]
            assert not orphans, orphans
        for ob in bpy.data.objects:
            if "att3d_prompt" not in ob or ob.mode != "OBJECT":
                continue
            assert ob.users_collection or ob.users_scene or len(bpy.data.scenes) > 1
            shape = (len(ob.data.polygons), len(ob.data.uv_layers), ob.mode, ob["att3d_prompt"])
            assert shape[:2] == (12, 1), shape
            (material,) = ob.data.materials
            images = [n.image for n in material.node_tree.nodes if n.type == "TEX_IMAGE"]
            assert images and all(image.packed_file for image in images)
        self.few_processes()

    def few_processes(self) -> None:
        """At most one backend; one that has been ended may take a moment."""
        deadline = time.monotonic() + 120
        while len(children()) > 1:
            assert time.monotonic() < deadline, children()
            time.sleep(0.005)

    def finish(self) -> None:
        """Whatever is on its way comes to its end."""
        deadline = time.monotonic() + 120
        while self.modal is not None and not self.modal.ended:
            self.modal.event()
            assert time.monotonic() < deadline, self.session.state
            time.sleep(0.005)
        self.consistent()

    def usable(self) -> None:
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        self.notice()
        before = len(bpy.data.objects)
        assert bpy.ops.att3d.generate(prompt="at the end") == {"FINISHED"}
        assert len(bpy.data.objects) == before + 1
        assert self.session.state.name == "READY" and self.session.error is None
        self.consistent()
        assert sys.modules["bpy"] is bpy

"""Checkpoints of one's own: add a file, check its hash, draw its picture, read its card."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, StringProperty

from ...backend.files import atomic_write
from ...backend.protocol.errors import Att3dError, CheckpointError, OutputError
from ...backend.protocol.messages import RenderParams, RenderResult
from ..process.operator import BackendOperator, idle
from ..process.reply import Reply
from ..process.session import session
from ..ui.preferences import preferences
from ..ui.status_text import draw_text, told
from ..ui.user_folders import data_folder
from . import catalog
from .card import picture_of, read_card
from .prompt_search import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpy.types import Context, Event

PICTURE = 128
"""Pixels of a checkpoint's picture."""
_BLOCK = 1 << 20


class Copy:
    """A file copied and hashed in a thread, to a name that it has only when it is wanted.

    Args:
        source: the file.
        folder: where the copy goes; made if need be. None: only the hash is wanted.
    """

    def __init__(self, source: Path, folder: Path | None) -> None:
        self.source, self.folder = source, folder
        self.sha256 = ""
        self.error: OSError | None = None
        self.part = folder / f".{source.name}.{os.getpid()}.part" if folder is not None else None
        self.stopped = False
        self._thread = threading.Thread(target=self._run, name="att3d copy", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Until it is there. Raises OutputError when it cannot be."""
        self._thread.join()
        if self.error is not None:
            raise OutputError(f"{self.source.name} cannot be copied: {self.error}.")

    def drop(self) -> None:
        """Stop, and remove what has been copied."""
        self.stopped = True
        self._thread.join()
        if self.part is not None:
            self.part.unlink(missing_ok=True)

    def _run(self) -> None:
        digest = hashlib.sha256()
        try:
            if self.part is not None and self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
            with self.source.open("rb") as file:
                target = self.part.open("wb") if self.part is not None else None
                while (block := file.read(_BLOCK)) and not self.stopped:
                    digest.update(block)
                    if target is not None:
                        target.write(block)
                if target is not None:
                    target.close()
        except OSError as error:
            self.error = error
        self.sha256 = digest.hexdigest()


class _Rendering(BackendOperator):
    """An operator that lets the backend load a checkpoint and draw one of its prompts."""

    def draw_with(self, context: Context, path: Path) -> Reply:
        said = catalog.metadata(path)
        known = catalog.texts(said.get("prompts"))
        params = RenderParams(
            prompt=known[len(known) // 3] if known else "an object",
            checkpoint=str(path),
            size=PICTURE,
        )
        return session.submit(preferences(context).launch, "render", params)


class ATT3D_OT_add_checkpoint(_Rendering, bpy.types.Operator):
    """Copy a model into the model folder, once the engine has loaded and checked it"""

    bl_idname = "att3d.add_checkpoint"
    bl_label = "Add Model"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    filepath: StringProperty(
        name="File",
        description="A model that `python -m training` has made (.safetensors)",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    automatic: BoolProperty(
        name="Automatic",
        description="Let the words of the prompt choose the model, instead of choosing it",
        options={"SKIP_SAVE"},
    )
    _copy: Copy | None = None

    def request(self, context: Context) -> Reply:
        source = Path(bpy.path.abspath(self.filepath))
        if source.suffix != ".safetensors" or not source.is_file():
            raise CheckpointError(
                f"There is no model at {source}.",
                "Choose a .safetensors file that `python -m training train` has made.",
            )
        reply = self.draw_with(context, source)
        self._copy = Copy(source, _folder(context))
        return reply

    def finish(self, context: Context, reply: Reply) -> None:
        copy = self._copy
        assert copy is not None and copy.part is not None and copy.folder is not None
        try:
            result = reply.result(RenderResult)
            copy.wait()
            if copy.sha256 != result.checkpoint_hash:
                raise CheckpointError(
                    f"{copy.source.name} changed while it was being copied.",
                    "Wait until it is written completely, then add it again.",
                )
            target = _place(copy)
            try:
                if not target.exists():
                    copy.part.replace(target)
                    line = f"{copy.sha256}  {target.name}\n"
                    atomic_write(catalog.hash_file(target), line)
                    shutil.move(result.image, target.with_suffix(".png"))
            except OSError as error:
                raise OutputError(f"{target} cannot be written: {error}.") from error
        finally:
            copy.drop()
        chosen = preferences(context)
        if not chosen.checkpoint_folder:
            chosen.checkpoint_folder = str(copy.folder)
        session.succeed(result.notes)
        context.scene.att3d.checkpoint = "" if self.automatic else str(target)
        name = catalog.name_of(target)
        if self.automatic:
            self.report({"INFO"}, rpt_("“{name}” is ready").format(name=name))
        else:
            self.report({"INFO"}, rpt_("“{name}” is ready, and chosen").format(name=name))

    def _failed(self, error: Exception) -> set[str]:
        if self._copy is not None:
            self._copy.drop()
        return super()._failed(error)


class ATT3D_OT_open_checkpoint(bpy.types.Operator):
    """Choose the file of a model (a checkpoint) to add. The engine loads and checks it first"""

    bl_idname = "att3d.open_checkpoint"
    bl_label = "Add from File"

    filepath: StringProperty(
        name="File",
        description="A model that `python -m training` has made (.safetensors)",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(
        name="Filter",
        description="Which files are shown",
        default="*.safetensors",
        options={"HIDDEN"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        return idle(cls)

    def invoke(self, context: Context, event: Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        # As a job of its own, so that Blender stays usable while the backend loads the file.
        return bpy.ops.att3d.add_checkpoint("INVOKE_DEFAULT", filepath=self.filepath)


class ATT3D_OT_checkpoint_picture(_Rendering, bpy.types.Operator):
    """Draw a picture of something that this model knows, for the list"""

    bl_idname = "att3d.checkpoint_picture"
    bl_label = "Draw Its Picture"

    def request(self, context: Context) -> Reply:
        choice = chosen(context)
        if choice is None:
            raise CheckpointError("There is no such model on this machine.")
        return self.draw_with(context, choice.path)

    def finish(self, context: Context, reply: Reply) -> None:
        result = reply.result(RenderResult)
        choice = chosen(context)
        assert choice is not None
        target = picture_of(choice.path, preferences(context).pictures_path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(result.image, target)
        except OSError as error:
            raise OutputError(f"{target} cannot be written: {error}.") from error
        session.succeed(result.notes)


class ATT3D_OT_check_checkpoint(bpy.types.Operator):
    """Compare the model's file with its fingerprint (SHA-256) from when it was added"""

    bl_idname = "att3d.check_checkpoint"
    bl_label = "Check File"

    _copy: Copy | None = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: Context) -> bool:
        choice = chosen(context)
        if choice is None:
            cls.poll_message_set("There is no such model on this machine")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        return self._judge(Copy(chosen_path(context), None))

    def invoke(self, context: Context, event: Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        self._copy = Copy(chosen_path(context), None)
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        assert self._copy is not None
        if event.type != "TIMER" or not self._copy.done:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self._judge(self._copy)

    def _judge(self, copy: Copy) -> set[str]:
        try:
            copy.wait()
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        path = copy.source
        recorded = catalog.recorded_hash(path)
        if recorded is None:
            self.report(
                {"INFO"},
                rpt_("No fingerprint was kept for this file. It is {hash}").format(
                    hash=copy.sha256
                ),
            )
        elif recorded == copy.sha256:
            self.report({"INFO"}, rpt_("The file is unchanged: {hash}").format(hash=recorded))
        else:
            self.report({"ERROR"}, catalog.changed_since_added(path, copy.sha256) or "")
            return {"CANCELLED"}
        return {"FINISHED"}


class ATT3D_OT_checkpoint_card(bpy.types.Operator):
    """Show the model card: what this model knows, what it cannot do, how it was made"""

    bl_idname = "att3d.checkpoint_card"
    bl_label = "Model Card"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return ATT3D_OT_check_checkpoint.poll.__func__(cls, context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        return context.window_manager.invoke_popup(self, width=CARD_WIDTH)

    def execute(self, context: Context) -> set[str]:
        card = read_card(chosen_path(context))
        for title, text in (("", card.summary), *card.facts, *card.technical):
            self.report({"INFO"}, f"{title}: {text}" if title else text)
        return {"FINISHED"}

    def draw(self, context: Context) -> None:
        choice = chosen(context)
        if choice is None:
            return
        card = read_card(choice.path)
        layout = self.layout
        scale = bpy.context.preferences.system.ui_scale
        draw_text(layout, card.name, round(CARD_WIDTH * scale), "FILE_3D")
        if card.summary:
            draw_text(layout, card.summary, round(CARD_WIDTH * scale), "BLANK1")
        _draw_facts(layout, card.facts)
        if card.technical:
            layout.separator()
            layout.label(text="For Researchers")
            technical = layout.column()
            technical.active = False
            _draw_facts(technical, card.technical)


def _draw_facts(layout: bpy.types.UILayout, facts: Iterable[tuple[str, str]]) -> None:
    scale = bpy.context.preferences.system.ui_scale
    for title, text in facts:
        row = layout.split(factor=0.24)
        row.label(text=title)
        draw_text(row.column(), text, round(CARD_WIDTH * 0.82 * scale), "NONE")


CARD_WIDTH = 520
"""Pixels, before Blender's own scale."""


def chosen_path(context: Context) -> Path:
    """Its file; only where poll has seen that it is there."""
    choice = chosen(context)
    assert choice is not None
    return choice.path


def _folder(context: Context) -> Path:
    """Where checkpoints of one's own go."""
    named = preferences(context).checkpoint_folder_path
    return Path(named) if named else data_folder() / "checkpoints"


def _place(copy: Copy) -> Path:
    """A free name in the folder; the name of the same file, if it was added before."""
    assert copy.folder is not None
    # "checkpoint" is what every training run calls its file; the name inside says which it is.
    stem = copy.source.stem
    stem = catalog.name_of(copy.source) if stem == "checkpoint" else stem
    stem = "".join(c if c.isalnum() or c in "-_. " else "-" for c in stem).strip(". ") or "model"
    number = 1
    while True:
        name = f"{stem}.safetensors" if number == 1 else f"{stem}-{number}.safetensors"
        target = copy.folder / name
        if not target.exists() or catalog.hash_of(target) == copy.sha256:
            return target
        number += 1


CLASSES = (
    ATT3D_OT_add_checkpoint,
    ATT3D_OT_open_checkpoint,
    ATT3D_OT_checkpoint_picture,
    ATT3D_OT_check_checkpoint,
    ATT3D_OT_checkpoint_card,
)

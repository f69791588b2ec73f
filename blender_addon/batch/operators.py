"""``bpy.ops.att3d.batch``: many prompts, one after another."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import IntProperty, StringProperty

from ...backend.files import check_source
from ...backend.protocol.errors import (
    Att3dError,
    BackendDied,
    BadRequest,
    Cancelled,
    CheckpointError,
    MissingDependency,
    NotDownloaded,
    ProtocolError,
)
from ..checkpoints.prompt_search import known_by
from ..generate.result_operator import panel_values
from ..generate.series_operator import SeriesOperator
from ..process.reply import Reply
from ..process.session import session
from ..scene.build import add_object
from ..scene.collection import batch_collection, move_into, select_only
from ..scene.place import Box, Placement
from ..ui.status_text import told
from .prompt_list import Grid, parse_prompts
from .settings import columns_property, spacing_property

if TYPE_CHECKING:
    from bpy.types import Context

HOPELESS = (MissingDependency, CheckpointError, ProtocolError, NotDownloaded)
"""Errors after which the next prompt would fail in the same way."""
HEIGHT = 2.0
"""Metres: no object is higher."""


@dataclass
class BatchProgress:
    """How far a batch is."""

    prompts: list[str]
    grid: Grid
    corner: tuple[float, float, float]
    """Where the first object stands."""
    title: str
    """Name of the batch's collection."""
    collection: int = 0
    """Its ``session_uid``; 0 before the first object."""
    index: int = 0
    made: list[int] = field(default_factory=list)
    """``session_uid`` of the objects."""
    failed: list[str] = field(default_factory=list)
    """One line for each prompt that came to nothing."""
    deaths: int = 0
    """How many of the last prompts ended with the backend's death."""

    @property
    def fraction(self) -> float:
        return (self.index + session.fraction) / len(self.prompts)

    @property
    def prompt(self) -> str:
        return self.prompts[min(self.index, len(self.prompts) - 1)]


running: BatchProgress | None = None
"""The batch in progress, for the panel."""


class ATT3D_OT_batch(SeriesOperator, bpy.types.Operator):
    """Make an object for each prompt of a list, in a grid. ESC stops and keeps what is done"""

    bl_idname = "att3d.batch"
    bl_label = "Generate List"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    prompts: StringProperty(
        name="Prompts",
        description="One prompt on each line; empty: from the file or the panel's text",
        options={"SKIP_SAVE"},
    )
    filepath: StringProperty(
        name="File",
        description="A text file with one prompt on each line",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    columns: columns_property(options={"SKIP_SAVE"})
    spacing: spacing_property(options={"SKIP_SAVE"})

    _batch: BatchProgress | None = None

    def begin(self, context: Context) -> None:
        """Read the list and decide where everything goes. Raises Att3dError."""
        global running
        settings = context.scene.att3d
        self.fill_in(panel_values(context))
        self.fill_in({"columns": settings.batch_columns, "spacing": settings.batch_spacing})
        text, title = self._text(settings)
        prompts = parse_prompts(text)
        grid = Grid(len(prompts), self.spacing, self.columns)
        half = self.spacing / 2
        width, depth = grid.columns * self.spacing, grid.rows * self.spacing
        box = Box((-half, -half, 0.0), (width - half, depth - half, HEIGHT))
        corner = settings.placement.location(context.scene, box)
        self._batch = running = BatchProgress(prompts, grid, corner, title)

    def _text(self, settings: Any) -> tuple[str, str]:
        """The list and what to call it."""
        if self.prompts:
            return self.prompts, "Batch"
        if self.filepath:
            path = Path(bpy.path.abspath(self.filepath))
            try:
                return check_source(path).read_text(encoding="utf-8-sig"), path.stem
            except (OSError, UnicodeDecodeError) as error:
                raise BadRequest(
                    f"The list {path} cannot be read: {error}.",
                    "Choose a text file in UTF-8 with one prompt on each line.",
                ) from error
        if settings.batch_text is None:
            raise BadRequest(
                "There is no list of prompts.", "Choose or make a text with one prompt a line."
            )
        return settings.batch_text.as_string(), settings.batch_text.name.removesuffix(".txt")

    def request(self, context: Context) -> Reply:
        assert self._batch is not None
        return self.ask_mesh(context, self._batch.prompt)

    def cancel(self, context: Context) -> None:
        global running
        running = self._batch = None
        super().cancel(context)

    def collect(self, context: Context, reply: Reply) -> bool:
        batch = self._batch
        assert batch is not None
        try:
            made = self.take_mesh(reply)
        except (Cancelled, *HOPELESS):
            raise
        except Att3dError as error:
            batch.deaths = batch.deaths + 1 if isinstance(error, BackendDied) else 0
            if batch.deaths > 1:
                raise
            batch.failed.append(f"“{batch.prompt[:60]}”: {error.message}")
        else:
            batch.deaths = 0
            scene = self.scene(context)
            ob = add_object(scene, made.arrays, made.origin, Placement(height=scene.att3d.height))
            collection = batch_collection(scene, batch.title, batch.collection)
            batch.collection = collection.session_uid
            move_into(collection, ob)
            x, y = batch.grid.place(batch.index)
            ob.location = (batch.corner[0] + x, batch.corner[1] + y, batch.corner[2])
            batch.made.append(ob.session_uid)
        batch.index += 1
        return batch.index < len(batch.prompts)

    def close(self, context: Context, error: Exception | None = None) -> set[str]:
        global running
        batch, running, self._batch = self._batch, None, None
        if batch is None or not batch.made:
            if error is None and batch is not None:
                error = BadRequest(f"No prompt of the list gave an object. {batch.failed[0]}")
            return self._failed(error or Cancelled())
        done, count = len(batch.made), len(batch.prompts)
        notes = [rpt_("{done} of {count} objects made").format(done=done, count=count)]
        if isinstance(error, Cancelled):
            notes[0] = rpt_("Cancelled: {done} of {count} objects stay").format(
                done=done, count=count
            )
        elif error is not None:
            self._failed(error)  # reported and shown; the objects stay all the same
        if error is None or isinstance(error, Cancelled):
            session.succeed([*notes, *batch.failed])
        self.report({"WARNING"} if batch.failed else {"INFO"}, notes[0])
        made = set(batch.made)
        objects = [ob for ob in context.scene.objects if ob.session_uid in made]
        if objects and select_only(context, objects[-1]):
            for ob in objects:
                ob.select_set(True)
        self._remember(context)
        return {"FINISHED"}


class ATT3D_OT_batch_examples(bpy.types.Operator):
    """Make a text with prompts that this model knows, to try or to edit"""

    bl_idname = "att3d.batch_examples"
    bl_label = "New List of Known Prompts"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    count: IntProperty(
        name="Prompts", description="How many prompts the list gets", default=9, min=1, max=200
    )

    def execute(self, context: Context) -> set[str]:
        known = known_by(context.scene.att3d.checkpoint, context, wait=True)
        if known is None or not known.prompts:
            self.report({"WARNING"}, rpt_("This model does not say which prompts it knows"))
            return {"CANCELLED"}
        chosen = random.sample(known.prompts, min(self.count, len(known.prompts)))
        _new_list(context, "\n".join(chosen))
        return {"FINISHED"}


class ATT3D_OT_batch_paste(bpy.types.Operator):
    """Make a text from the clipboard, one prompt on each line"""

    bl_idname = "att3d.batch_paste"
    bl_label = "Paste a List"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        try:
            prompts = parse_prompts(context.window_manager.clipboard)
        except Att3dError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        _new_list(context, "\n".join(prompts))
        return {"FINISHED"}


def _new_list(context: Context, content: str) -> None:
    text = bpy.data.texts.new("Prompts")
    text.write(content + "\n")
    context.scene.att3d.batch_text = text


CLASSES = (ATT3D_OT_batch, ATT3D_OT_batch_examples, ATT3D_OT_batch_paste)

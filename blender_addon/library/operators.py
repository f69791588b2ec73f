"""Export Library: ``bpy.ops.att3d.export_library`` writes models for training to learn from."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, StringProperty

from ...backend.protocol.errors import Att3dError, BadRequest, InternalError, OutputError
from ..process.operator import in_object_mode
from ..process.session import redraw, session
from ..scene.glb import Piece, add_facts, assets_of_file, outermost, write_piece
from ..ui.status_text import report_failure, told
from .awaited import Training, awaited

if TYPE_CHECKING:
    from bpy.types import Context, Event

COLUMNS = ("file", "name", "description", "tags", "author", "licence")
TABLE = "models.csv"


class ATT3D_OT_export_library(bpy.types.Operator):
    """Write models of this file to a folder, with what their assets say, to train on them"""

    bl_idname = "att3d.export_library"
    bl_label = "Export Library"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    directory: StringProperty(
        name="Folder", description="Where the models go", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    source: EnumProperty(
        name="Models",
        description="What becomes a model",
        items=(
            ("ASSETS", "Assets", "Every object and collection that is marked as an asset"),
            ("SELECTION", "Selection", "Every selected object, with what hangs on it"),
            ("COLLECTION", "Collection", "Every object and collection in the active collection"),
        ),
        default="ASSETS",
    )
    author: StringProperty(
        name="Author", description="Of the models that are no assets or whose asset does not say"
    )
    license: StringProperty(
        name="License", description="Of the models that are no assets or whose asset does not say"
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        return in_object_mode(cls, context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        session.error = None
        try:
            folder, count = self.work(context)
        except Exception as error:
            if not isinstance(error, Att3dError):  # a mistake of ours
                logging.getLogger(__package__).exception("%s failed", self.bl_idname)
                error = InternalError(f"{self.bl_label} failed: {type(error).__name__}: {error}")
            session.error = error
            redraw()
            report_failure(self, error)
            return {"CANCELLED"}
        training = Training(folder)
        context.window_manager.clipboard = training.command
        text = rpt_("{count} models in “{folder}”. To the clipboard: {command}")
        line = text.format(count=count, folder=folder, command=training.command)
        self.report({"INFO"}, line)
        try:
            awaited.add(training)
        except OutputError as error:  # the models are there; the panel will not offer their model
            self.report({"WARNING"}, told(error))
        redraw()
        return {"FINISHED"}

    def work(self, context: Context) -> tuple[Path, int]:
        """Write all models; returns the folder and how many there are.

        Raises:
            BadRequest: there is no folder, or it is a whole drive; nothing to export.
            OutputError: the folder cannot be written.
        """
        if not self.directory:
            raise BadRequest("There is no folder for the models.", "Choose one.")
        pieces = [piece for piece in self.pieces(context) if piece.shown]
        if not pieces:
            raise BadRequest(
                f"There is nothing to export: {NOTHING[self.source]}.",
                "Mark objects as assets, select some, or choose another source.",
            )
        folder = Path(bpy.path.abspath(self.directory)).absolute()
        if not folder.name:
            raise BadRequest(
                f"{folder} is no folder for models alone.", "Choose one, or make a new one in it."
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            rows = [self.write(piece, folder / file) for file, piece in named(pieces).items()]
            with (folder / TABLE).open("w", encoding="utf-8-sig", newline="") as table:
                writer = csv.writer(table)
                writer.writerow(COLUMNS)
                writer.writerows(rows)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"Cannot write models to “{folder}”: {error}") from error
        return folder, len(pieces)

    def pieces(self, context: Context) -> list[Piece]:
        if self.source == "ASSETS":
            return assets_of_file()
        if self.source == "SELECTION":
            return outermost(context.selected_objects)
        collection = context.collection
        return [*outermost(collection.objects), *(Piece(child) for child in collection.children)]

    def write(self, piece: Piece, path: Path) -> tuple[str, ...]:
        """One model; returns its row of the table."""
        facts = piece.facts()
        facts["author"] = facts["author"] or self.author
        facts["license"] = facts.pop("licence") or self.license
        write_piece(piece, path)
        add_facts(path, facts)
        for warning in facts["warnings"]:
            self.report({"WARNING"}, f"“{piece.name}”: {warning}")
        tags = "; ".join(facts["tags"])
        return (
            path.name,
            piece.name,
            facts["description"],
            tags,
            facts["author"],
            facts["license"],
        )


NOTHING = {
    "ASSETS": "no object or collection of this file is marked as an asset",
    "SELECTION": "no object with a shape is selected",
    "COLLECTION": "the active collection has no object with a shape",
}


def named(pieces: list[Piece]) -> dict[str, Piece]:
    """A file name for every piece: its own, and a number where two are the same."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        stem = "".join("_" if c in '/\\:*?"<>|' or ord(c) < 32 else c for c in piece.name).strip(
            ". "
        )
        name, number = stem or "model", 2
        while f"{name}.glb".casefold() in map(str.casefold, found):
            name, number = f"{stem}_{number}", number + 1
        found[f"{name}.glb"] = piece
    return found


def _draw_menu(self: bpy.types.Menu, context: Context) -> None:
    self.layout.operator(ATT3D_OT_export_library.bl_idname, text="ATT3D Library (.glb)")


def register() -> None:
    bpy.types.TOPBAR_MT_file_export.append(_draw_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_export.remove(_draw_menu)


CLASSES = (ATT3D_OT_export_library,)

"""``bpy.ops.att3d.mark_asset``: objects of ours into the Asset Browser, well described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...backend.prompts.spelling import split_words
from ...backend.prompts.vocabulary import STOP_WORDS
from ...backend.protocol.errors import OutputError
from ..scene import provenance
from ..ui.status_text import told
from .catalog import catalog_id, clean_path, ensure_catalog, find_catalog, library_root
from .preview import draw_preview

if TYPE_CHECKING:
    from bpy.types import Context

TAG = "ATT3D"
CATALOG = "ATT3D"
_PATH = "att3d_catalog"
"""Custom property of the asset: the path of its catalogue, for a file that is saved later."""
MOST_TAGS = 16


class ATT3D_OT_mark_asset(bpy.types.Operator):
    """Mark the selected objects as assets, with tags from the prompt, a catalogue and a preview"""

    bl_idname = "att3d.mark_asset"
    bl_label = "Mark as Asset"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    catalog: StringProperty(
        name="Catalogue",
        description="Path of the catalogue in the Asset Browser, with slashes: ATT3D/Animals",
        default=CATALOG,
    )
    tags: StringProperty(
        name="Tags",
        description="Separated by commas, besides the words of the prompt",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        objects = _ours(context)
        if not objects:
            cls.poll_message_set("No selected object was made from a prompt")
            return False
        if any(ob.library is not None for ob in objects):
            cls.poll_message_set("A selected object belongs to another file. Make it local first")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        path = clean_path(self.catalog) or CATALOG
        objects = _ours(context)
        identifier = catalog_id(path)
        if bpy.data.filepath:
            try:
                identifier = ensure_catalog(_root(), path)
            except OutputError as error:
                self.report({"ERROR"}, told(error))
                return {"CANCELLED"}
        for ob in objects:
            ob.asset_mark()
            data = ob.asset_data
            prompt = provenance.prompt_of(ob) or ob.name
            data.description = prompt
            data.catalog_id = identifier
            data[_PATH] = path
            present = {tag.name for tag in data.tags}
            own = [tag.strip() for tag in self.tags.split(",") if tag.strip()]
            for tag in (TAG, *own, *words_of(prompt)):
                if tag not in present and len(data.tags) < MOST_TAGS:
                    data.tags.new(tag, skip_if_exists=True)
            draw_preview(ob)
        if not bpy.data.filepath:
            self.report({"INFO"}, rpt_("Save the file to write the catalogue beside it"))
        return {"FINISHED"}


def words_of(prompt: str) -> list[str]:
    """The words of a prompt that say something, each once."""
    words = (word for word in split_words(prompt) if word not in STOP_WORDS and len(word) > 1)
    return list(dict.fromkeys(words))


def _ours(context: Context) -> list[bpy.types.Object]:
    """The selected objects that were made from a prompt, else the active one."""
    chosen = [ob for ob in context.selected_objects if provenance.is_made(ob)]
    active = context.active_object
    return chosen or ([active] if provenance.is_made(active) else [])


def _root() -> Path:
    """Where the catalogues of the open file are."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    folders = [Path(bpy.path.abspath(library.path)).resolve() for library in libraries]
    return library_root(Path(bpy.data.filepath).resolve(), folders)


@bpy.app.handlers.persistent
def _saved(path: str) -> None:
    """A file that had no folder when its assets were marked has one now."""
    for ob in bpy.data.objects:
        data = ob.asset_data
        if ob.library is not None or data is None:
            continue
        wanted = data.get(_PATH)
        if isinstance(wanted, str) and data.catalog_id == find_catalog(_root(), wanted):
            try:
                ensure_catalog(_root(), wanted)
            except OutputError as error:
                print(f"ATT3D: {error.message}")  # noqa: T201 a handler has nobody to report to


def register() -> None:
    bpy.app.handlers.save_post.append(_saved)


def unregister() -> None:
    bpy.app.handlers.save_post.remove(_saved)


CLASSES = (ATT3D_OT_mark_asset,)

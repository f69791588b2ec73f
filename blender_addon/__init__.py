"""The Blender side of ATT3D: a tab in the sidebar, operators, and the objects they make.

Imports bpy, numpy and ``backend.protocol`` only; the model runs in a process of its own. A folder
is a feature, or something that features share, and imports only folders before it in this list:
``ui``, ``process``, ``scene``, ``checkpoints``, ``setup``, ``history``, ``generate``; then
``browse``, ``chain``, ``batch``, ``assets``, ``export``, ``library`` and ``inversion``, which do
not know each other.
``docs/blender.md`` says where a new option, operator or setting goes.
"""

from __future__ import annotations

import bpy

from .assets import operators as asset_operators
from .batch import operators as batch_operators
from .batch import panel as batch_panel
from .batch.settings import BatchSettings
from .browse import panel as browse_panel
from .browse import thumbnails
from .chain import in_between, live, pad_operators, pad_panel, pad_view, slider
from .chain import operators as chain_operators
from .chain import panel as chain_panel
from .chain.pad import PadSettings, PadStop
from .chain.settings import ChainRow, ChainSettings
from .checkpoints import operators as checkpoint_operators
from .checkpoints import panel as checkpoint_panel
from .checkpoints.conditions import ConditionValues
from .checkpoints.inverted import InvertedModel
from .checkpoints.settings import CheckpointSettings
from .export import operators as export_operators
from .export import panel as export_panel
from .export.settings import ExportSettings
from .generate import last_options, pop_up, presets, queue, regenerate, suggestions, undo
from .generate import operators as generate_operators
from .generate import panel as generate_panel
from .generate.settings import GenerateSettings
from .history import operators as history_operators
from .history import panel as history_panel
from .history import record
from .inversion import operators as inversion_operators
from .inversion import panel as inversion_panel
from .inversion.settings import InversionSettings
from .library import operators as library_operators
from .library import panel as library_panel
from .process import operator
from .setup import operators as setup_operators
from .setup import preferences
from .ui import help, icons, menus, translations


class Settings(
    GenerateSettings,
    CheckpointSettings,
    ChainSettings,
    PadSettings,
    BatchSettings,
    ExportSettings,
    InversionSettings,
    bpy.types.PropertyGroup,
):
    """The contents of the panels (``scene.att3d``), saved with the .blend."""


MODULES = (
    translations,
    icons,
    help,
    preferences,
    operator,
    setup_operators,
    generate_operators,
    queue,
    suggestions,
    regenerate,
    presets,
    pop_up,
    last_options,
    undo,
    chain_operators,
    slider,
    live,
    pad_operators,
    pad_view,
    in_between,
    batch_operators,
    asset_operators,
    export_operators,
    library_operators,
    inversion_operators,
    checkpoint_operators,
    record,
    history_operators,
    thumbnails,
    generate_panel,
    browse_panel,
    checkpoint_panel,
    library_panel,
    chain_panel,
    pad_panel,
    export_panel,
    batch_panel,
    inversion_panel,
    history_panel,
    menus,
)
"""All that is registered, in this order: first each module's ``CLASSES``, then what ``register()``
adds."""


def _classes() -> list[type]:
    return [
        ChainRow,
        PadStop,
        ConditionValues,
        InvertedModel,
        Settings,
        *(cls for module in MODULES for cls in getattr(module, "CLASSES", ())),
    ]


def register() -> None:
    for cls in _classes():
        bpy.utils.register_class(cls)
    bpy.types.Scene.att3d = bpy.props.PointerProperty(
        type=Settings, name="ATT3D", description="Prompt and options of the ATT3D tab"
    )
    for module in MODULES:
        if hasattr(module, "register"):
            module.register()


def unregister() -> None:
    for module in reversed(MODULES):
        if hasattr(module, "unregister"):
            module.unregister()
    del bpy.types.Scene.att3d
    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)

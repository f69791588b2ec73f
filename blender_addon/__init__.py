"""The Blender side of ATT3D: a tab in the sidebar, operators, and the objects they make.

Imports bpy, numpy and ``backend.protocol`` only. The model runs in a process of its own.

    launch, client, session      the backend process: how it starts, speaks, and how it is doing
    properties, preferences      what a scene and a person remember
    panels, status, translations what is seen
    operators                    what can be done
    setup/                       the backend's environment: made, mended, deleted
    states, watchdog, handlers   how the backend is; what other files and silence mean for it
    chain/                       prompts that become one animated object; the live slider
    export/                      keys, pictures and files for other programs
    scene/                       data-blocks from arrays
"""

# bpy has no type stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import bpy

from . import daily
from .chain import live, slider
from .chain import operators as chain_operators
from .chain import panel as chain_panel
from .chain.settings import ChainRow
from .export import operators as export_operators
from .generate import operators, panel
from .generate.properties import Settings
from .process import operator
from .process.session import session, unwatch
from .scene import file_handlers
from .setup import operators as setup_operators
from .setup.properties import SetupSettings
from .ui import translations
from .ui.preferences import Preferences

CLASSES = (
    SetupSettings,
    Preferences,
    ChainRow,
    Settings,
    *operators.CLASSES,
    *setup_operators.CLASSES,
    *chain_operators.CLASSES,
    *slider.CLASSES,
    *export_operators.CLASSES,
    *panel.CLASSES,
    *chain_panel.CLASSES,
    *daily.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.att3d = bpy.props.PointerProperty(
        type=Settings, name="ATT3D", description="Prompt and options of the ATT3D tab"
    )
    bpy.app.translations.register(__package__, translations.WORDS)
    setup_operators.register()
    file_handlers.register()
    live.register()
    daily.register()


def unregister() -> None:
    daily.unregister()
    live.unregister()
    file_handlers.unregister()
    setup_operators.unregister()
    unwatch()
    operator.remove_timers()
    session.close()
    bpy.app.translations.unregister(__package__)
    del bpy.types.Scene.att3d
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

"""ATT3D as a Blender extension: this folder is the extension's root.

``blender_addon`` is imported only when Blender enables the extension, so that tools which merely
import this package (pytest, a linter) need no Blender.
"""


def register() -> None:
    from . import blender_addon

    blender_addon.register()


def unregister() -> None:
    from . import blender_addon

    blender_addon.unregister()

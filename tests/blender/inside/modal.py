"""An operator's modal life without a window: its timer and keys are calls of the check."""

from __future__ import annotations

from types import FunctionType, SimpleNamespace

import bpy
from harness import Bench


class Modal:
    """``att3d.generate`` as it runs from the button: begun, ticked, cancelled, ended by Blender.

    Args:
        bench: with the installed extension.
        prompt, more: the operator's properties.
    """

    def __init__(self, bench: Bench, prompt: str, **more: object) -> None:
        making = bench.module("generate.operators").ATT3D_OT_generate
        bases = tuple(base for base in making.__mro__[1:] if base.__name__ == "PromptOperator")
        own = {name: value for name, value in vars(making).items() if type(value) is FunctionType}
        given = {"prompt": prompt, **more}
        self.reports: list[str] = []
        self.hand = type("Hand", bases or (making.__mro__[1],), own)()
        for name, value in given.items():
            setattr(self.hand, name, value)
        self.hand.properties = SimpleNamespace(
            is_property_set=lambda name: name in given,
            bl_rna=bpy.ops.att3d.generate.get_rna_type(),
        )
        self.hand.report = lambda kind, text: self.reports.append(text)
        self.hand.bl_idname, self.hand.bl_label = making.bl_idname, making.bl_label
        self.ended = False
        try:
            self.hand._reply = self.hand.request(bpy.context)
        except Exception as error:
            self.hand._failed(error)
            self.ended = True

    def event(self, type: str = "TIMER", value: str = "NOTHING") -> set[str]:
        """One event; Blender pushes an undo step when the operator has finished."""
        if self.ended:
            return {"CANCELLED"}
        result = self.hand.modal(bpy.context, SimpleNamespace(type=type, value=value))
        self.ended = not result & {"PASS_THROUGH", "RUNNING_MODAL"}
        if result == {"FINISHED"}:
            bpy.ops.ed.undo_push(message="Generate")
        return result

    def end(self) -> None:
        """As Blender does when another file is opened or the window is closed."""
        if not self.ended:
            self.hand.cancel(bpy.context)
            self.ended = True

"""What a scene remembers of its inverted models."""

from __future__ import annotations

from bpy.props import BoolProperty, CollectionProperty, FloatProperty, StringProperty

from ..checkpoints.inverted import InvertedModel


class InversionSettings:
    """Inverted models of a scene; part of ``scene.att3d``."""

    inverted: CollectionProperty(
        type=InvertedModel,
        name="Own Objects",
        description="Objects of your own whose names stand for them in prompts",
    )
    inversion_name: StringProperty(
        name="Name",
        description="What will stand for the object in prompts; empty: the object's name",
        options=set(),
    )
    inversion_turned: BoolProperty(
        name="Set Turn",
        description="Turn the object by an angle of your own; else all four sides are tried",
        options=set(),
    )
    inversion_turn: FloatProperty(
        name="Turn",
        description="Angle about the vertical; the model's objects look along -Y",
        default=0.0,
        min=-6.2831853,
        max=6.2831853,
        subtype="ANGLE",
        options=set(),
    )

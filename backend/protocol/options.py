"""What a person may choose of a mesh and of a chain: the one declaration of every option.

Everything else follows from here. The wire's parameters derive from these classes
(:mod:`.messages`), the command line nests them, and the extension builds its properties by looping
over :func:`options_of`; values are checked against the declared ranges by :mod:`.schema`. A new
option is a line here, and the place that obeys it. Standard library only.
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, cast

from .errors import BadRequest
from .schema import RANGE, Range, check

MAX_PROMPTS = 16
"""Most prompts of a chain; the least is two."""

_LABEL, _HELP, _USUAL, _UNIT = "label", "help", "usual", "unit"

Unit = Literal["", "texels"]
Unwrapper = Literal["own", "xatlas"]
Topology = Literal["triangles", "quads"]
Size = Literal["unit", "real"]


@dataclass(frozen=True)
class Option:
    """One option as a panel or a command line shows it.

    ``for option in options_of(MeshOptions)`` gives all that a property needs::

        IntProperty(name=option.label, description=option.help, default=option.default,
                    min=option.minimum, max=option.maximum,
                    soft_min=option.usual_minimum, soft_max=option.usual_maximum)
    """

    name: str
    """Name of the field, and of the parameter on the wire."""
    type: type
    """``bool``, ``int``, ``float`` or ``str``."""
    default: Any
    label: str
    """The name that a panel shows, in title case."""
    help: str
    """One or two sentences without the last full stop."""
    minimum: Any = None
    """Smallest value that is allowed; None where the type has no order."""
    maximum: Any = None
    usual_minimum: Any = None
    """Where a slider begins: below lie values that are allowed but rarely useful."""
    usual_maximum: Any = None
    choices: tuple[str, ...] = ()
    """The texts that are allowed; empty: any value of the type."""
    unit: Unit = ""


def option(
    default: Any,
    label: str,
    help: str,
    allowed: tuple[float, float] | None = None,
    usual: tuple[float, float] | None = None,
    unit: Unit = "",
) -> Any:
    """Declare an option: the value of a dataclass field.

    Args:
        allowed: smallest and largest value, both included.
        usual: where a slider begins and ends, within ``allowed``.
    """
    metadata: dict[str, object] = {_LABEL: label, _HELP: help, _USUAL: usual, _UNIT: unit}
    if allowed is not None:
        metadata[RANGE] = Range(*allowed)
    return dataclasses.field(default=default, metadata=metadata)


def options_of(cls: type) -> tuple[Option, ...]:
    """The options that ``cls`` declares or inherits, in their order."""
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cast(Any, cls)):
        about = field.metadata
        if _LABEL not in about:
            continue
        limits = about.get(RANGE) or Range(None, None)
        usual = about[_USUAL] or (limits.minimum, limits.maximum)
        hint = hints[field.name]
        choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
        found.append(
            Option(
                name=field.name,
                type=str if choices else hint,
                default=field.default,
                label=about[_LABEL],
                help=about[_HELP],
                minimum=limits.minimum,
                maximum=limits.maximum,
                usual_minimum=usual[0],
                usual_maximum=usual[1],
                choices=choices,
                unit=about[_UNIT],
            )
        )
    return tuple(found)


@dataclass(frozen=True)
class Options:
    """A set of options. Raises BadRequest when a value is outside its range."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SurfaceOptions(Options):
    """Size and detail of any mesh."""

    faces: int = option(
        8000, "Faces", "At most this many triangles", (100, 200_000), usual=(500, 40_000)
    )
    texture_size: int = option(
        1024,
        "Texture Size",
        "Width and height of the color texture, in pixels",
        (64, 8192),
        usual=(64, 4096),
        unit="texels",
    )
    resolution: int = option(
        128,
        "Detail",
        "How finely the shape is sampled, in steps along each side. Higher finds thinner parts and "
        "takes longer",
        (32, 512),
        usual=(48, 256),
    )
    _: KW_ONLY
    unwrap: Unwrapper = option(  # noqa: RUF009 (an alias of immutable strings)
        "own",
        "Unwrap",
        "Who cuts the surface into charts for the texture: our own code, which is quick, or "
        "xatlas, which keeps angles a little better, makes more charts and takes about a second "
        "longer",
    )
    size: Size = option(  # noqa: RUF009
        "unit",
        "Size",
        "How large objects are: unit, all of them about a metre, or real, as large as the things "
        "are, where the model knows that",
    )
    topology: Topology = option(  # noqa: RUF009 (an alias of immutable strings)
        "triangles",
        "Topology",
        "What the faces are: triangles, which hold the shape best for their number, or quads that "
        "follow it, to subdivide, to rig and to edit. Quads take about a second longer; a quad "
        "counts as two triangles. A chain's quads follow what all its objects have in common",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.topology == "quads" and self.unwrap == "xatlas":
            raise BadRequest(
                "xatlas unwraps triangles only, and would cut through quads",
                "choose the own unwrapper, or triangles",
            )


@dataclass(frozen=True)
class MeshOptions(SurfaceOptions):
    """What may be chosen of one prompt's mesh."""

    normal_map: bool = option(
        False,
        "Normal Map",
        "Also bake the fine shape that the faces cannot hold, as a normal map",
    )


@dataclass(frozen=True)
class ChainOptions(SurfaceOptions):
    """What may be chosen of the animated mesh of a chain of prompts."""

    resolution: int = option(
        128,
        "Detail",
        "How finely the shape is sampled, in steps along each side. A chain is read at many "
        "places, so its limit is lower than a single mesh's",
        (32, 256),
        usual=(48, 256),
    )
    keys: int = option(
        48,
        "Keys",
        "At most this many shape keys from one prompt to the next, both included. Fewer are made "
        "where blending two of them already shows the true object. Up to 9 stand at even steps; "
        "more are put where parts come or go",
        (2, 96),
    )
    quality: bool = option(
        False,
        "Measure",
        "Compare every key with the true object and say how far it is off. Takes about a second a "
        "key",
    )


@dataclass(frozen=True)
class PreviewOptions(Options):
    """What may be chosen of the quick, untextured mesh that follows a slider."""

    resolution: int = option(
        40,
        "Preview Detail",
        "How finely the live object is sampled, in steps along each side. Lower is quicker",
        (24, 96),
    )

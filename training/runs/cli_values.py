"""Command lines from the configuration's dataclasses, by tyro, with our own kinds of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from backend.model.config import Condition

T = TypeVar("T")


def parse_options(config: type[T], args: Sequence[str], **options: Any) -> T:
    """``config`` as ``args`` say; ``options`` are those of ``tyro.cli``, such as ``default``.

    A :class:`Condition` is written ``NAME:LOW:HIGH:DEFAULT`` or ``NAME:LOW:HIGH:DEFAULT:log``.
    """
    import tyro
    from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec

    registry = ConstructorRegistry()

    @registry.primitive_rule
    def condition(info: Any) -> PrimitiveConstructorSpec[Condition] | None:
        if info.type is not Condition:
            return None
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="NAME:LOW:HIGH:DEFAULT[:log]",
            instance_from_str=lambda said: Condition.parse(said[0]),
            is_instance=lambda value: isinstance(value, Condition),
            str_from_instance=lambda value: [str(value)],
        )

    with registry:
        # A union, such as the kinds of assets, is of the kind that the default has.
        return tyro.cli(config, args=args, config=(tyro.conf.AvoidSubcommands,), **options)

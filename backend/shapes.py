"""Shapes in annotations: jaxtyping's names, where jaxtyping is installed.

Annotations are never evaluated while the program runs, so a Python without jaxtyping (Blender's
own) needs the names only: module-level aliases such as ``Points = Float[np.ndarray, "points 3"]``
then mean the plain array type. The tests run with jaxtyping and check shapes at every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Bool", "Float", "Int", "Int8", "Shaped", "UInt8", "UInt32"]

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Int8, Shaped, UInt8, UInt32
else:
    try:
        from jaxtyping import Bool, Float, Int, Int8, Shaped, UInt8, UInt32
    except ModuleNotFoundError:

        class Bool:
            """Stands for every kind of number: ``Float[Array, "a b"]`` is ``Array``."""

            def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
                return item[0]

        Float = Int = Int8 = Shaped = UInt8 = UInt32 = Bool

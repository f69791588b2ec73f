"""What every text encoder offers (A9), and the encoder that a checkpoint's description names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ..protocol.errors import CheckpointError


@runtime_checkable
class TextEncoder(Protocol):
    """Turns prompts into the token embeddings ``c`` that the mapping network flattens (A4, A9)."""

    @property
    def name(self) -> str:
        """Name for people and for metadata: ``"ViT-L-14/openai"``, ``"small"``."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever an embedding could: names the weights in the disk cache."""
        ...

    @property
    def tokens(self) -> int:
        """Embeddings a prompt, always the same number."""
        ...

    @property
    def width(self) -> int:
        """Channels of an embedding."""
        ...

    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embed the prompts: float32, on the CPU, without gradient.

        Raises:
            BadPrompt: a prompt is empty or too long.
            NotDownloaded: the weights are not on this machine and cannot be fetched.
        """
        ...


def encoder_from_config(
    config: Mapping[str, Any], state: Mapping[str, Tensor] | None = None
) -> TextEncoder:
    """The encoder a checkpoint describes: ``{"kind": "small" | "open_clip", ...}``.

    ``state`` holds the small encoder's weights, which live in the checkpoint itself; an open_clip
    model is only named. Nothing heavy is imported or loaded before the first :meth:`encode`.

    Raises:
        CheckpointError: an unknown kind, or fields or weights are missing or do not fit.
    """
    kind = config.get("kind")
    if kind == "small":
        from .small_encoder import SmallEncoder
        from .text_tower import SmallEncoderConfig

        if state is None:
            raise CheckpointError("The model describes a text encoder but lacks its weights.")
        return SmallEncoder(SmallEncoderConfig.from_dict(config), state)
    if kind == "open_clip":
        from .open_clip_encoder import OpenClipEncoder

        name = config.get("name")
        if not isinstance(name, str):
            raise CheckpointError("The model names no open_clip model for its text.")
        return OpenClipEncoder(name)
    raise CheckpointError(
        f"The model's text encoder is of an unknown kind: {kind!r}.",
        "Update ATT3D, or choose another model.",
    )

"""The text side of our diffusion model: the small text tower, and a token for every view.

The bundled tower was trained on captions that say nothing about the camera: "front" and "rear" are
one unknown word to it, which it has learnt to pass over. (Rows of their own in its table do not
help: its frozen layers pass over those as well, and a network trained on such tokens told views
apart only late.) So the tower reads the prompt alone, and the positions that the prompt leaves free
carry a vector of the view's own: always many of them, which makes the view hard to overlook.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.files import check_source
from backend.protocol.errors import TrainingError
from backend.text.small_encoder import SmallEncoder

from ..prompts.views import ViewScheme, parts_of_words

TOWER_FILE = "model.safetensors"
VIEWS_FILE = "views.safetensors"


class PixelTextEncoder:
    """Captions to tokens: a :class:`~backend.text.encoder.TextEncoder`.

    The empty caption gives zeros: the unconditional side of guidance.
    """

    name = "small-views"

    def __init__(self, tower: SmallEncoder, views: dict[str, Float[Tensor, " width"]]) -> None:
        """``views``: the vector of each group of view words, such as ``"rear view"``."""
        self.tower = tower
        self.views = views
        digest = hashlib.sha256(tower.fingerprint.encode())
        for words, vector in sorted(views.items()):
            digest.update(words.encode() + vector.contiguous().numpy().tobytes())
        self.fingerprint = digest.hexdigest()

    @property
    def tokens(self) -> int:
        return self.tower.tokens

    @property
    def width(self) -> int:
        return self.tower.width

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> Float[Tensor, "prompts tokens width"]:
        """Embeddings after the final layer norm (A9), zeros for ``""``.

        Raises:
            BadPrompt: a prompt is too long, or nothing but spaces.
            CheckpointError: the weights do not fit the description.
        """
        table = torch.zeros(len(prompts), self.tokens, self.width)
        parts = [self.split(prompt) for prompt in prompts]
        said = [row for row, (rest, _) in enumerate(parts) if rest != ""]
        if said:
            table[said] = self.tower.encode([parts[row][0] for row in said])
        for row, (rest, view) in zip(table, parts, strict=True):
            if view:
                used = len(self.tower.tokenizer.ids(rest))
                # The last position sums the prompt up; the one before it always has the view.
                row[min(used, self.tokens - 2) : -1] = self.views[view]
        return table

    def split(self, prompt: str) -> tuple[str, str]:
        """A caption as the prompt and its view words: ``"a pig, rear view"``."""
        rest, _, view = prompt.rpartition(", ")
        return (rest, view) if view in self.views else (prompt, "")

    def save(self, folder: Path) -> None:
        """Write two files; raises OSError or SafetensorError."""
        self.tower.save(folder / TOWER_FILE)
        save_file({words: row.half() for words, row in self.views.items()}, folder / VIEWS_FILE)

    @staticmethod
    def load(folder: Path) -> PixelTextEncoder:
        """Inverse of :meth:`save`.

        Raises:
            CheckpointError: the tower is missing, damaged, or lacks a tensor.
            TrainingError: the views are missing or damaged.
        """
        tower = SmallEncoder.load(folder / TOWER_FILE)
        try:
            with safe_open(check_source(folder / VIEWS_FILE), framework="pt") as file:
                names = list(file.keys())
                views = {words: file.get_tensor(words).float() for words in names}
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{folder / VIEWS_FILE} cannot be read: {error}") from error
        return PixelTextEncoder(tower, views)


def with_views(tower: SmallEncoder, scheme: ViewScheme) -> PixelTextEncoder:
    """The tower with a vector for each group of the scheme's view words.

    Vectors are random with the spread of a token (which a layer norm gives variance 1), and the
    same for the same words every time; some schemes have sums of these, with the same spread.
    """
    views = {}
    for words, parts in parts_of_words(scheme).items():
        total = torch.stack([share * _vector(part, tower.width) for part, share in parts.items()])
        spread = math.sqrt(sum(share**2 for share in parts.values()))
        # In half precision it is stored: a loaded encoder gives the same tokens.
        views[words] = (total.sum(0) / spread).half().float()
    return PixelTextEncoder(tower, views)


def _vector(words: str, width: int) -> Float[Tensor, " width"]:
    seed = int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big")
    return torch.randn(width, generator=torch.Generator().manual_seed(seed))

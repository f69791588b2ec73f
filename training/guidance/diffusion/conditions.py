"""Conditions: what a diffusion model knows of a batch of prompts, and where it is read from.

They come from memory, from disk, or from the text encoder, which loads when it is needed. The
encoders of diffusion models are large (T5-XXL: 10 GB in half precision) and prompts come again
and again, so a prompt is embedded once a machine (A9). A set of 100,000 prompts is never in memory
as embeddings.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.text.cache import TensorCache


@dataclass(frozen=True)
class TextCondition:
    """Text embeddings in a diffusion model's own form, one a prompt."""

    tokens: Float[Tensor, "prompts tokens width"]
    """Tokens for the cross-attention."""
    pooled: Float[Tensor, "prompts features"] | None = None
    """SDXL's summary of the prompt."""

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: slice | Int[Tensor, " chosen"]) -> TextCondition:
        pooled = None if self.pooled is None else self.pooled[index]
        return TextCondition(self.tokens[index], pooled)

    def to(
        self,
        device: torch.device | str,
        dtype: torch.dtype | None = None,
        non_blocking: bool = False,
    ) -> TextCondition:
        pooled = None
        if self.pooled is not None:
            pooled = self.pooled.to(device, dtype, non_blocking=non_blocking)
        return TextCondition(self.tokens.to(device, dtype, non_blocking=non_blocking), pooled)

    def mix(self, shares: Float[Tensor, "mixed prompts"]) -> TextCondition:
        """Weighted sums of the prompts' embeddings, in float32."""
        tokens = torch.einsum("mp,ptw->mtw", shares.float(), self.tokens.float())
        pooled = None if self.pooled is None else shares.float() @ self.pooled.float()
        return TextCondition(tokens, pooled)

    @staticmethod
    def sum(
        parts: Sequence[TextCondition], shares: Float[Tensor, "prompts parts"]
    ) -> TextCondition:
        """Prompt by prompt, the parts' embeddings weighted and summed, in float32."""
        weights = shares.float().T[..., None]
        tokens = sum(w[..., None] * p.tokens.float() for w, p in zip(weights, parts, strict=True))
        pooled = [p.pooled.float() for p in parts if p.pooled is not None]
        summary = sum(w * p for w, p in zip(weights, pooled, strict=True)) if pooled else None
        return TextCondition(cast(Tensor, tokens), cast(Tensor | None, summary))

    @staticmethod
    def cat(parts: Sequence[TextCondition]) -> TextCondition:
        """All prompts of ``parts``, in order."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return TextCondition(
            torch.cat([part.tokens for part in parts]), torch.cat(pooled) if pooled else None
        )


_log = logging.getLogger(__name__)
_BATCH = 32
"""Prompts a pass of a text encoder."""
_MEMORY = 256 * 2**20
"""Bytes of embeddings kept in memory."""


@runtime_checkable
class ConditionEncoder(Protocol):
    """A diffusion model's text encoder (or two)."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever a condition could."""
        ...

    @property
    def large(self) -> bool:
        """Whether it is worth to keep its embeddings on disk and to free it."""
        ...

    def encode(self, prompts: Sequence[str]) -> TextCondition:
        """Conditions on the CPU; loads what it needs. ``""`` is the unconditional one.

        Raises:
            NotDownloaded, TrainingError: it cannot be loaded.
        """
        ...

    def free(self) -> None:
        """Gives its memory back; the next :meth:`encode` loads it again."""
        ...


class ConditionStore(TensorCache):
    """Conditions on disk, as a convenience: what cannot be read or written is encoded again."""

    def get(self, fingerprint: str, prompt: str) -> TextCondition | None:
        """The stored condition of one prompt, or None when it is absent or cannot be read."""
        tensors = self.read(fingerprint, prompt) or {}
        if "tokens" not in tensors or tensors["tokens"].ndim != 3:
            return None
        return TextCondition(tensors["tokens"], tensors.get("pooled"))

    def put(self, fingerprint: str, prompt: str, condition: TextCondition) -> None:
        """Store the condition of one prompt."""
        tensors = {"tokens": condition.tokens}
        if condition.pooled is not None:
            tensors["pooled"] = condition.pooled
        self.write(fingerprint, prompt, tensors)


class Conditions:
    """A text encoder behind memory and disk."""

    def __init__(
        self, encoder: ConditionEncoder, store: ConditionStore | None, memory: int = _MEMORY
    ) -> None:
        self.encoder = encoder
        self.store = store
        self._memory: OrderedDict[str, TextCondition] = OrderedDict()
        self._limit = memory
        self._held = 0

    def __call__(self, prompts: Sequence[str]) -> TextCondition:
        """Conditions of the prompts, in order; on the CPU.

        Raises: what the encoder raises.
        """
        found: dict[str, TextCondition] = {}
        missing: list[str] = []
        for prompt in dict.fromkeys(prompts):
            known = self._memory.get(prompt)
            if known is not None:
                self._memory.move_to_end(prompt)
            elif self.store is not None:
                known = self.store.get(self.encoder.fingerprint, prompt)
                if known is not None:
                    self._remember(prompt, known)
            if known is None:
                missing.append(prompt)
            else:
                found[prompt] = known
        for prompt, condition in self._encode(missing):
            self._remember(prompt, condition)
            found[prompt] = condition
        return TextCondition.cat([found[prompt] for prompt in prompts])

    def prepare(self, prompts: Iterable[str]) -> None:
        """Put all the prompts' conditions on disk, then free the encoder.

        If they need more room than the disk cache has, the encoder stays, and prompts are embedded
        when their turn comes.
        """
        if self.store is None:
            return
        stored = bytes_stored = 0
        stream = iter(prompts)
        while batch := list(dict.fromkeys(islice(stream, _BATCH))):
            missing = [p for p in batch if not self.store.has(self.encoder.fingerprint, p)]
            for _, condition in self._encode(missing):
                bytes_stored = _bytes(condition)
            stored += len(batch)
            if stored * bytes_stored > self.store.max_bytes:
                _log.warning(
                    "the text embeddings need more than %.3g GiB on disk: the text encoder stays"
                    " in memory; a larger --diffusion-options.cache-gib would free it",
                    self.store.max_bytes / 2**30,
                )
                return
        self.encoder.free()

    def _encode(self, prompts: Sequence[str]) -> Iterator[tuple[str, TextCondition]]:
        for start in range(0, len(prompts), _BATCH):
            batch = prompts[start : start + _BATCH]
            conditions = self.encoder.encode(batch)
            for row, prompt in enumerate(batch):
                condition = conditions[row : row + 1]
                condition = TextCondition(
                    condition.tokens.clone(),
                    None if condition.pooled is None else condition.pooled.clone(),
                )
                if self.store is not None:
                    self.store.put(self.encoder.fingerprint, prompt, condition)
                yield prompt, condition

    def _remember(self, prompt: str, condition: TextCondition) -> None:
        self._memory[prompt] = condition
        self._held += _bytes(condition)
        while self._held > self._limit and len(self._memory) > 1:
            _, oldest = self._memory.popitem(last=False)
            self._held -= _bytes(oldest)


def _bytes(condition: TextCondition) -> int:
    pooled = 0 if condition.pooled is None else condition.pooled.nbytes
    return condition.tokens.nbytes + pooled

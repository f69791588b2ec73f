"""The text encoders of diffusion models, as :class:`~.conditions.ConditionEncoder`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from backend.text.encoder import TextEncoder

from ...diffusion.pipeline import Pipeline
from .conditions import TextCondition

_log = logging.getLogger(__name__)
_T5_TOKENS = 77
"""Tokens of a prompt that DeepFloyd IF was trained with."""


class OwnEncoder:
    """Our own model's text encoder: small, so never freed and not kept on disk."""

    large = False

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder

    @property
    def fingerprint(self) -> str:
        return self.encoder.fingerprint

    def encode(self, prompts: Sequence[str]) -> TextCondition:
        return TextCondition(self.encoder.encode(prompts))

    def free(self) -> None:
        """Nothing worth giving back."""


class PipelineEncoder:
    """The text encoders of a diffusers pipeline; they load when first needed.

    Long prompts are cut at the tokenizer's length, as the pipelines do, with a line in the log.
    """

    large = True

    def __init__(
        self, pipeline: Pipeline, parts: Sequence[str], device: torch.device, dtype: torch.dtype
    ) -> None:
        """``parts``: of the names, ``("",)`` or ``("", "_2")``: ``text_encoder``, ``tokenizer_2``,
        and so on."""
        self._pipeline = pipeline
        self._parts = parts
        self._device = device
        self._dtype = dtype
        self._loaded: list[tuple[Any, Any]] = []
        self.fingerprint = pipeline.fingerprint(
            [name + part for part in parts for name in ("tokenizer", "text_encoder")],
            f"{type(self).__name__} {dtype}",
        )

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> TextCondition:
        """Conditions on the CPU, in the encoder's precision.

        Raises:
            TrainingError: an encoder or tokenizer is missing or damaged.
        """
        if not self._loaded:
            load = self._pipeline.load
            self._loaded = [
                (
                    load(f"tokenizer{part}"),
                    load(f"text_encoder{part}", self._dtype).to(self._device).eval(),
                )
                for part in self._parts
            ]
        condition = self.embed(list(prompts))
        return condition.to("cpu", self._dtype)

    def embed(self, prompts: list[str]) -> TextCondition:
        """The prompts through :attr:`parts`, which are loaded."""
        raise NotImplementedError

    def free(self) -> None:
        self._loaded = []
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _tokens(
        self, tokenizer: Any, prompts: list[str], length: int
    ) -> tuple[Int[Tensor, "prompts tokens"], Int[Tensor, "prompts tokens"]]:
        """Ids padded or cut to ``length``, and which of them are not padding."""
        for prompt, ids in zip(prompts, tokenizer(prompts, verbose=False).input_ids, strict=True):
            if len(ids) > length:
                _log.warning(
                    "the diffusion model reads %d tokens and not the end of: %s", length, prompt
                )
        tokens = tokenizer(
            prompts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        return tokens.input_ids.to(self._device), tokens.attention_mask.to(self._device)


class ClipEncoder(PipelineEncoder):
    """Stable Diffusion 1.x and 2.x: one CLIP, its tokens after the final layer norm."""

    def embed(self, prompts: list[str]) -> TextCondition:
        tokenizer, encoder = self._loaded[0]
        ids, mask = self._tokens(tokenizer, prompts, tokenizer.model_max_length)
        masked = getattr(encoder.config, "use_attention_mask", False)
        return TextCondition(encoder(ids, attention_mask=mask if masked else None)[0])


class XlEncoder(PipelineEncoder):
    """SDXL: two CLIPs, the tokens of their last layers but one side by side, and a summary."""

    def embed(self, prompts: list[str]) -> TextCondition:
        tokens: list[Float[Tensor, "prompts tokens width"]] = []
        pooled = None
        for tokenizer, encoder in self._loaded:
            ids, _ = self._tokens(tokenizer, prompts, tokenizer.model_max_length)
            output = encoder(ids, output_hidden_states=True)
            tokens.append(output.hidden_states[-2])
            pooled = output[0]
        assert pooled is not None
        condition = TextCondition(torch.cat(tokens, dim=-1), pooled)
        if self._pipeline.index.get("force_zeros_for_empty_prompt", True):
            said = torch.tensor([float(prompt != "") for prompt in prompts]).to(pooled)
            condition = TextCondition(
                condition.tokens * said[:, None, None], pooled * said[:, None]
            )
        return condition


class T5Encoder(PipelineEncoder):
    """DeepFloyd IF: T5, of lower-case prompts, padding included."""

    def embed(self, prompts: list[str]) -> TextCondition:
        tokenizer, encoder = self._loaded[0]
        ids, mask = self._tokens(tokenizer, [p.lower().strip() for p in prompts], _T5_TOKENS)
        return TextCondition(encoder(ids, attention_mask=mask)[0])

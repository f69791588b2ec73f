"""What prompts mean to a checkpoint: their fields, finishes, sizes, and what it does not hear."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .atlas.finish import Coat
from .conditions import check_conditions
from .drawn import DrawnFields
from .field_reader import Field
from .loading import Model, text_encoder
from .progress import Stages
from .prompts.attributes import Described
from .prompts.materials import PLAIN, Finish, read_finishes
from .prompts.vocabulary import Vocabulary, words_read
from .protocol.errors import BadRequest
from .protocol.messages import ObjectCode
from .real_size import UNKNOWN, RealSizes, at_real_size
from .rivals import judge
from .shapes import Float
from .text.word_meanings import KnownMeanings
from .textured_mesh import GeneratedMesh
from .tracking.chain import PromptChain

Objects = Mapping[str, ObjectCode]
"""Inverted models by the names that stand for them in prompts."""


class PromptReader:
    """Reads normalised prompts with one checkpoint; not thread-safe, for the engine's one job.

    ``conditions`` and ``objects`` are those of :class:`backend.engine.Engine`.
    """

    def __init__(self, checkpoint: Model) -> None:
        metadata = checkpoint.metadata
        self.checkpoint = checkpoint
        self.encoder_name, self.encode = text_encoder(checkpoint)
        self.sizes = RealSizes(metadata.sizes, KnownMeanings)
        self._drawn = DrawnFields(checkpoint)
        self._vocabulary = Vocabulary(
            metadata.prompts,
            metadata.words,
            metadata.synonyms,
            words_read(metadata.text_encoder),
            KnownMeanings,
            self._drawn.attributes,
        )
        self._last_chain: tuple[object, PromptChain] | None = None

    def chain(
        self,
        prompts: Sequence[str],
        conditions: Mapping[str, float] | None = None,
        objects: Objects | None = None,
    ) -> PromptChain:
        """The chain, its prompts encoded; the one used last is kept, for a slider."""
        names = tuple(prompts)
        key = (names, *(self._named(prompt, objects) for prompt in names))
        values = self._checked(conditions)
        if self._last_chain is None or self._last_chain[0] != key:
            embeddings = self._embed(names, objects)
        else:
            embeddings = self._last_chain[1].embeddings
        chain = PromptChain(names, embeddings, lambda rows: self._drawn.field(rows, values))
        self._last_chain = key, chain
        return chain

    def field(
        self,
        prompt: str,
        stages: Stages,
        conditions: Mapping[str, float] | None,
        objects: Objects | None,
    ) -> tuple[Field, list[str]]:
        """A prompt's field, and notes about what the checkpoint does not know."""
        values = self._checked(conditions)
        with stages.stage("text"):
            rows = self._embed([prompt], objects)[0]
        with stages.stage("grid"):
            field = self._drawn.field(rows, values)
            notes = self.notes([prompt], conditions, objects)
        return field, notes

    def finishes(
        self, prompt: str, conditions: Mapping[str, float] | None, objects: Objects | None
    ) -> tuple[Finish, list[Coat]]:
        """Metal and roughness of the prompt's object and of its parts."""
        if self._named(prompt, objects) is not None:
            return PLAIN, []
        about = self._vocabulary.familiarity(prompt)
        whole, parts = read_finishes(about.heard, about.effective)
        fields = (self.field(part.without, Stages(), conditions, None)[0] for part in parts)
        coats = [Coat(part.finish, field) for part, field in zip(parts, fields, strict=True)]
        return whole or PLAIN, coats

    def _embed(
        self, prompts: Sequence[str], objects: Objects | None
    ) -> Float[np.ndarray, "prompts rows width"]:
        """What the prompts say, in numbers that :class:`~backend.drawn.DrawnFields` reads."""
        described = [
            Described(prompt, False)
            if self._named(prompt, objects)
            else self._drawn.describe(prompt)
            for prompt in prompts
        ]
        embeddings = self._embed_each([each.thing for each in described], objects)
        return np.stack(
            [self._drawn.rows(*each) for each in zip(described, embeddings, strict=True)]
        )

    def _embed_each(
        self, prompts: Sequence[str], objects: Objects | None
    ) -> Float[np.ndarray, "prompts tokens width"]:
        found: list[np.ndarray | None] = [None] * len(prompts)
        said = []
        for index, prompt in enumerate(prompts):
            if (code := self._named(prompt, objects)) is not None:
                found[index] = self.checkpoint.embedding_of(np.array(code.code))
            else:
                said.append((index, self._vocabulary.familiarity(prompt).heard))
        if said:
            embeddings = self.encode([heard for _, heard in said])
            for (index, _), embedding in zip(said, embeddings, strict=True):
                found[index] = embedding
        return np.stack([embedding for embedding in found if embedding is not None])

    def _named(self, prompt: str, objects: Objects | None) -> ObjectCode | None:
        """The inverted model that a prompt names, if it names one.

        Raises:
            BadRequest: it belongs to another checkpoint.
        """
        wanted = prompt.casefold()
        code = next((c for name, c in (objects or {}).items() if name.casefold() == wanted), None)
        if code is not None and code.checkpoint_hash != self.checkpoint.sha256:
            raise BadRequest(
                f"the object {prompt!r} was made with another model than "
                f"{self.checkpoint.metadata.name!r}",
                "choose its model, or use the object again with this one (`att3d invert`)",
            )
        return code

    def notes(
        self,
        prompts: Sequence[str],
        conditions: Mapping[str, float] | None,
        objects: Objects | None = None,
    ) -> list[str]:
        """What of the prompts is not heard, each sentence once."""
        values = self._checked(conditions)

        def field_of(text: str) -> Field:
            return self.checkpoint.field(self.encode([text])[0], values)

        said = [prompt for prompt in prompts if self._named(prompt, objects) is None]
        notes = [judge(self._vocabulary.familiarity(prompt), field_of).note for prompt in said]
        return [note for note in dict.fromkeys(notes) if note]

    def size(self, prompt: str) -> float | None:
        """The largest side in metres of what a prompt names, smaller where it asks for a small one;
        None where nobody knows."""
        metres = self.sizes.of(prompt)
        if metres is None:
            return None
        described = self._drawn.describe(prompt)
        heard = self._vocabulary.familiarity(described.thing).heard
        factors = self._drawn.factors(described, self.encode([heard])[0])
        return metres * max(factors)

    def scale(self, mesh: GeneratedMesh, shares: Mapping[str, float]) -> None:
        """Give a mesh the real size of its prompts, whose shares add up to 1."""
        sizes = {prompt: self.size(prompt) for prompt in shares}
        known = {prompt: size for prompt, size in sizes.items() if size is not None}
        if len(known) < len(shares):
            mesh.notes.append(UNKNOWN)
            return
        logarithm = sum(share * math.log(known[prompt]) for prompt, share in shares.items())
        mesh.vertices = at_real_size(mesh.vertices, math.exp(logarithm))

    def _checked(self, conditions: Mapping[str, float] | None) -> dict[str, float]:
        return check_conditions(self.checkpoint.metadata.config.conditions, conditions)

"""Which bundled checkpoint answers when none is named: the words of the prompts decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..model.checkpoint_file import CheckpointMetadata, file_sha256, read_metadata
from ..paths import bundled_checkpoints, default_checkpoint
from ..prompts.attributes import Attributes
from ..prompts.choice import Fit, best, fit
from ..prompts.vocabulary import Vocabulary, words_read
from ..protocol.errors import BadPrompt, BadRequest, CheckpointError
from ..protocol.messages import ObjectCode

_QUOTED = 4
"""Unknown words that a refusal names."""


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that may answer."""

    path: Path
    metadata: CheckpointMetadata

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """All that it can make, of its own training's prompt sets, by words."""
        from ..text.word_meanings import KnownMeanings

        said = self.metadata
        prompts = [*said.prompts, *said.unseen]
        limit = words_read(said.text_encoder)
        known = said.words, said.synonyms
        attributes = Attributes(said.captions, said.tints, said.proportions)
        return Vocabulary(prompts, *known, limit, KnownMeanings, attributes)


def candidates() -> list[Candidate]:
    """The bundled checkpoints that can be read, the default first.

    Raises:
        CheckpointError: there is no default.
    """
    default = default_checkpoint()
    others = [path for path in bundled_checkpoints() if path != default]
    found = [Candidate(default, read_metadata(default))]
    for path in others:
        try:
            found.append(Candidate(path, read_metadata(path)))
        except CheckpointError:  # one that cannot be read does not hide the others
            continue
    return found


def choose(
    listed: Sequence[Candidate], prompt: str, objects: Mapping[str, ObjectCode] | None = None
) -> Candidate:
    """The checkpoint that knows a prompt best; the first where none knows it better.

    A checkpoint would answer a prompt about a thing that none knows with some object under that
    name; whoever wants it names the checkpoint.

    Args:
        objects: inverted models by name; one that the prompt names brings its checkpoint with it.

    Raises:
        BadPrompt: none knows what it is about, and some of its words are unknown.
        BadRequest: the checkpoint of an inverted model is not among them.
    """
    if (own := _own(listed, [prompt], objects)) is not None:
        return own
    found, well = _choose(listed, [prompt])
    if well.nameless and well.unknown:
        unknown = found.vocabulary.familiarity(prompt).unknown_words[:_QUOTED]
        raise BadPrompt(
            "no checkpoint knows anything called " + ", ".join(f'"{word}"' for word in unknown),
            "choose a prompt that one knows (`att3d browse`), or name one with --checkpoint to"
            " have what it makes of this",
        )
    return found


def choose_for_chain(
    listed: Sequence[Candidate],
    prompts: Sequence[str],
    objects: Mapping[str, ObjectCode] | None = None,
) -> Candidate:
    """The checkpoint that knows the prompts of a chain best.

    Args:
        objects: inverted models by name; one in the chain brings its checkpoint with it.

    Raises:
        BadPrompt: none knows what each of them is about.
        BadRequest: the checkpoint of a model is not among them.
    """
    if (own := _own(listed, prompts, objects)) is not None:
        return own
    found, well = _choose(listed, prompts)
    if well.knows_all or len(listed) == 1:
        return found
    by_prompt = {prompt: _choose(listed, [prompt]) for prompt in prompts}
    known = [
        f'"{prompt}": {one.metadata.name if fits.knows_all else "none"}'
        for prompt, (one, fits) in by_prompt.items()
    ]
    raise BadPrompt(
        f"no checkpoint knows all prompts of the chain ({'; '.join(known)})",
        "use prompts that one checkpoint knows, or name one with --checkpoint",
    )


def _choose(listed: Sequence[Candidate], prompts: Sequence[str]) -> tuple[Candidate, Fit]:
    first = fit(listed[0].vocabulary, prompts)
    if first == Fit():  # the others need not be read
        return listed[0], first
    fits = [first, *(fit(one.vocabulary, prompts) for one in listed[1:])]
    chosen = best(fits)
    return listed[chosen], fits[chosen]


def _own(
    listed: Sequence[Candidate],
    prompts: Sequence[str],
    objects: Mapping[str, ObjectCode] | None,
) -> Candidate | None:
    """The checkpoint of the inverted models among some prompts; None where there are none."""
    known = objects or {}
    wanted = [known[prompt].checkpoint_hash for prompt in prompts if prompt in known]
    if not wanted:
        return None
    for candidate in listed:
        if file_sha256(candidate.path) == wanted[0]:
            return candidate
    raise BadRequest(
        "the checkpoint that the model was inverted with is not bundled",
        "name it with --checkpoint",
    )

"""A library of models as reference assets: ``python -m training library`` makes the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from random import Random

import torch

from backend.prompts.attributes import AS_IT_IS, Factors
from backend.prompts.subjects import subject_of
from backend.protocol.errors import BadRequest, TrainingError
from backend.recolored import Tint

from ..library.assets import LibraryAssets
from ..library.attributes import STRETCHES, TINTS, WORDS, Look
from ..library.prompts import SETS, Instance, LibraryPrompts, library_prompts, names_color
from ..library.storage import Entry, Index, read_index, read_model
from ..prompts import Chance, PromptSet, read_prompts
from .protocol import Shown


@dataclass(frozen=True)
class LibraryConfig:
    """A library of somebody's models; implements ``AssetsConfig``."""

    folder: str = ""
    """Made by ``python -m training library``."""
    attributes: bool = True
    """Teach colors, materials and proportions by copies of the models."""
    kind: str = field(default="library", init=False)

    def open(self) -> LibraryCollection:
        return LibraryCollection(Path(self.folder), attributes=self.attributes)


class LibraryCollection:
    """Models of a library and their copies; implements ``AssetCollection``."""

    def __init__(self, folder: Path, *, attributes: bool) -> None:
        self._folder = folder
        try:
            self.index: Index = read_index(folder)
        except BadRequest as error:
            raise TrainingError(error.message, error.remedy) from error
        self._prompts: LibraryPrompts = library_prompts(self.index.entries, attributes=attributes)
        self.name = folder.resolve().name

    @property
    def licence(self) -> str:
        """Licences of all models together; what has none makes it unknown."""
        found = sorted({short_licence(entry.licence) for entry in self.index.entries})
        return " AND ".join(found)

    def prompt_set(self, name: str) -> PromptSet:
        if name in SETS:
            return self._prompts.prompt_set(name)
        if name.endswith((".txt", ".json")):
            return read_prompts(Path(name))
        raise TrainingError(
            f"there is no prompt set {name!r} of the library {self.name}",
            f"Choose one of {', '.join(SETS)}, or give a .txt or .json file.",
        )

    def has(self, prompt: str) -> bool:
        return self._find(prompt) is not None

    @cached_property
    def _by_form(self) -> dict[str, Instance]:
        """Instances by every form of their prompt, in small letters."""
        found: dict[str, Instance] = {}
        for prompt, instance in self._prompts.instances.items():
            for caption in self._forms(instance, prompt):
                found.setdefault(caption.casefold(), instance)
        for prompt, instance in self._prompts.instances.items():
            found[prompt.casefold()] = instance
        return found

    def _forms(self, instance: Instance, prompt: str) -> list[str]:
        """The prompt, the model's other captions likewise, and each without its article."""
        entry = self.index.entries[instance.model]
        captions = [prompt, *(instance.look.caption(caption) for caption in entry.captions[1:])]
        bare = [text.split(" ", 1)[1] for text in captions if text.startswith(("a ", "an "))]
        return list(dict.fromkeys([*captions, *bare]))

    def _find(self, prompt: str) -> Instance | None:
        return self._by_form.get(" ".join(prompt.split()).casefold())

    def instance(self, prompt: str) -> Instance:
        """What a prompt stands for; raises TrainingError where the library has no such model."""
        found = self._find(prompt)
        if found is None:
            raise TrainingError(
                f"the library {self.name} has no model for {prompt!r}",
                f"Its captions are in {self._folder / 'library.json'}.",
            )
        return found

    def references(
        self, prompts: Sequence[str], device: torch.device, *, compiled: bool
    ) -> LibraryAssets:
        del compiled  # Nothing here is traced.
        instances = [self.instance(prompt) for prompt in prompts]
        used = sorted({instance.model for instance in instances})
        try:
            models = [read_model(self._folder, self.index.entries[m].key) for m in used]
        except BadRequest as error:
            raise TrainingError(error.message, error.remedy) from error
        place = {model: row for row, model in enumerate(used)}
        scales = [self.index.entries[model].scale for model in used]
        copies = [Instance(place[instance.model], instance.look) for instance in instances]
        return LibraryAssets(models, scales, copies, device)

    def paraphrase(self, prompt: str, chance: Chance) -> str:
        forms = self._forms(self.instance(prompt), prompt)
        if isinstance(chance, torch.Generator):
            return forms[int(torch.randint(len(forms), (1,), generator=chance))]
        return chance.choice(forms)

    def known_words(self, prompts: Sequence[str]) -> Sequence[str]:
        said = [
            form
            for prompt in prompts
            for form in (self._forms(self.instance(prompt), prompt) if self.has(prompt) else ())
        ]
        # Words of copies, too: the text says what they mean even if no copy is trained on.
        copies = WORDS if self._prompts.attributes else ()
        return sorted({word for text in [*prompts, *said, *copies] for word in words_of(text)})

    def synonyms(self, prompts: Sequence[str]) -> dict[str, str]:
        """What further captions call a thing to what the prompts do: "broadsword" to "sword".

        Only of captions that end with it: in "a chest lined with gold" no word says so surely.
        """
        known = {word for prompt in prompts for word in words_of(prompt)}
        found: dict[str, str] = {}
        for prompt, entry in self._plain(prompts):
            thing = subject_of(prompt)
            for caption in entry.captions[1:]:
                other = subject_of(caption)
                last = other is not None and words_of(caption)[-1] == other
                if thing and thing.isalpha() and other and last and other not in known:
                    found.setdefault(other, thing)
        return found

    def shown(self, prompts: Sequence[str]) -> list[Shown]:
        return [self._shown(self.instance(prompt)) for prompt in prompts]

    def copies(self, prompt: str) -> Mapping[str, Shown]:
        instance = self._find(prompt)
        if instance is None or not instance.look.plain or not self._prompts.attributes:
            return {}
        plain = self.index.entries[instance.model].prompt
        tints = ("",) if names_color(plain) else ("", *TINTS)
        looks = [Look(tint, stretch) for tint, stretch in product(tints, ("", *STRETCHES))]
        return {
            look.caption(plain): self._shown(Instance(instance.model, look))
            for look in looks
            if not look.plain
        }

    def _shown(self, instance: Instance) -> Shown:
        plain = self.index.entries[instance.model].prompt
        return Shown(instance.model, plain, instance.look.tint, instance.look.stretch)

    def captions(self, prompts: Sequence[str]) -> dict[str, str]:
        plain = self._plain(prompts)
        own = {prompt for prompt, _ in plain}
        meant: dict[str, set[str]] = {}
        for prompt, entry in plain:
            for caption in (prompt, *entry.captions[1:]):
                meant.setdefault(caption, set()).add(prompt)
        return {
            caption: caption if caption in own else next(iter(said))
            for caption, said in meant.items()
            if caption in own or len(said) == 1
        }

    @property
    def tints(self) -> Mapping[str, Tint]:
        return TINTS if self._prompts.attributes else {}

    @property
    def stretches(self) -> Mapping[str, Factors]:
        return STRETCHES if self._prompts.attributes else {}

    def proportions(
        self, prompts: Sequence[str], count: int, chance: Random
    ) -> list[tuple[str, Factors]]:
        """All that the models are called, and beside it a quarter in their own proportions, half in
        their own colors."""
        if not self._prompts.attributes:
            return []
        found: list[tuple[str, Factors]] = []
        for prompt, entry in self._plain(prompts):
            model = self.instance(prompt).model
            found += [(form, AS_IT_IS) for form in self._forms(self.instance(prompt), prompt)]
            paints = () if names_color(entry.prompt) else tuple(TINTS)
            for turn in range(count):
                paint = chance.choice(paints) if paints and chance.random() < 0.5 else ""
                look = Look(paint, chance.choice(tuple(STRETCHES)) if turn % 4 else "")
                said = look.caption(chance.choice(entry.captions))
                if chance.random() < 0.25 and said.startswith(("a ", "an ")):
                    said = said.split(" ", 1)[1]
                meant = Instance(model, look)
                held = look.caption(entry.prompt) in self._prompts.held_out
                if not held and self._find(said) in (None, meant):
                    found.append((said, STRETCHES.get(look.stretch, AS_IT_IS)))
        return found

    def sizes(self, prompts: Sequence[str]) -> dict[str, float]:
        return {prompt: entry.metres for prompt, entry in self._plain(prompts) if entry.metres}

    def kinds(self, prompts: Sequence[str]) -> dict[str, str]:
        return {prompt: entry.kind for prompt, entry in self._plain(prompts) if entry.kind}

    def _plain(self, prompts: Sequence[str]) -> list[tuple[str, Entry]]:
        """The prompts that ask for a model as it is, with its entry."""
        found = ((prompt, self._find(prompt)) for prompt in dict.fromkeys(prompts))
        return [
            (prompt, self.index.entries[instance.model])
            for prompt, instance in found
            if instance is not None and instance.look.plain
        ]

    def fingerprint(self, prompts: Sequence[str]) -> str:
        digest = hashlib.sha256()
        for prompt in prompts:
            instance = self._find(prompt)
            if instance is not None:
                entry = self.index.entries[instance.model]
                digest.update(f"{entry.key} {entry.scale:g} {instance.look}".encode())
        return digest.hexdigest()

    def provenance(self, prompts: Sequence[str]) -> Mapping[str, object]:
        """Every model that the prompts use: file, sha256, author and licence."""
        used = {self.instance(prompt).model for prompt in prompts if self.has(prompt)}
        entries = [self.index.entries[model] for model in sorted(used)]
        return {"library": self.name, "models": [_provenance(entry) for entry in entries]}


def _provenance(entry: Entry) -> dict[str, str]:
    return {
        "prompt": entry.prompt,
        "source": entry.source,
        **({"object": entry.object} if entry.object else {}),
        "sha256": entry.sha256,
        "author": entry.author,
        "licence": entry.licence,
    }


def short_licence(text: str) -> str:
    """The SPDX name of a licence that says clearly which one it is, or the text, or unknown.

    >>> short_licence("License: (Creative Commons Zero, CC0)")
    'CC0-1.0'
    """
    plain = text.lower()
    if "cc0" in plain or "creative commons zero" in plain or "publicdomain/zero" in plain:
        return "CC0-1.0"
    for version in ("4.0", "3.0"):
        if f"cc-by-{version}" in plain or f"licenses/by/{version}" in plain:
            return f"CC-BY-{version}"
    return text[:60] if text else "LicenseRef-unknown"


def words_of(text: str) -> list[str]:
    """Words as the small text encoder takes them apart."""
    from backend.text.tokenizer import split_words

    return list(split_words(text))

"""Prompt sets, what their prompts mean, and other ways to say the same."""

from .families import FAMILIES, FamilySpec, chain
from .paraphrases import known_words, paraphrase, synonyms
from .sets import PromptSet, prompt_set, prompt_set_names, read_prompts
from .specs import (
    ACTIVITIES,
    ANIMALS,
    HATS,
    THEMES,
    CharacterSpec,
    Spec,
    caption,
    character_of,
    spec_of,
)

__all__ = [
    "ACTIVITIES",
    "ANIMALS",
    "FAMILIES",
    "HATS",
    "THEMES",
    "CharacterSpec",
    "FamilySpec",
    "PromptSet",
    "Spec",
    "caption",
    "chain",
    "character_of",
    "known_words",
    "paraphrase",
    "prompt_set",
    "prompt_set_names",
    "read_prompts",
    "spec_of",
    "synonyms",
]

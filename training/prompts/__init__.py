"""Prompt sets, what their prompts mean, and other ways to say the same."""

from .families import FAMILIES, FamilySpec, chain
from .mix import PromptMix
from .paraphrases import Chance, known_words, paraphrase, synonyms
from .sets import PromptSet, prompt_set, prompt_set_names, read_prompts, single_prompt
from .specs import (
    ACTIVITIES,
    ANIMALS,
    HATS,
    THEMES,
    CharacterSpec,
    Spec,
    caption,
    character_of,
    find_spec,
    paper_caption,
    spec_of,
)

__all__ = [
    "ACTIVITIES",
    "ANIMALS",
    "FAMILIES",
    "HATS",
    "THEMES",
    "Chance",
    "CharacterSpec",
    "FamilySpec",
    "PromptMix",
    "PromptSet",
    "Spec",
    "caption",
    "chain",
    "character_of",
    "find_spec",
    "known_words",
    "paper_caption",
    "paraphrase",
    "prompt_set",
    "prompt_set_names",
    "read_prompts",
    "single_prompt",
    "spec_of",
    "synonyms",
]

"""Prompt sets, what their prompts mean, and other ways to say the same."""

from .paraphrases import known_words, paraphrase, synonyms
from .sets import PromptSet, prompt_set, prompt_set_names, read_prompts
from .specs import ACTIVITIES, ANIMALS, HATS, THEMES, CharacterSpec, caption, spec_of

__all__ = [
    "ACTIVITIES",
    "ANIMALS",
    "HATS",
    "THEMES",
    "CharacterSpec",
    "PromptSet",
    "caption",
    "known_words",
    "paraphrase",
    "prompt_set",
    "prompt_set_names",
    "read_prompts",
    "spec_of",
    "synonyms",
]

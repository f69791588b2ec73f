"""What a checkpoint knows of a prompt; Blender judges prompts in the same way."""

from ..protocol.vocabulary import STOP_WORDS, Familiarity, Vocabulary

__all__ = ["STOP_WORDS", "Familiarity", "Vocabulary"]

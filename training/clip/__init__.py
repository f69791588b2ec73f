"""Contrastive training of two small CLIPs on the toybox, with open_clip's towers and loss.

``conditioning`` gives the text tower that checkpoints carry (A9); ``scoring`` is another model, of
another architecture and seed, that only measures R-precision and R-probability (A34).
"""

from .config import BankConfig, ClipTrainConfig
from .loop import train_clip

__all__ = ["BankConfig", "ClipTrainConfig", "train_clip"]

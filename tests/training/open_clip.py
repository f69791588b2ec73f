"""A tiny open_clip model with random weights, in a folder as open_clip saves its models."""

import json

import torch
from safetensors.torch import save_file

from backend.text.open_clip_import import import_open_clip

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}
"""77 tokens of width 16."""


def save_tiny_open_clip(folder):
    """Write the model; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = import_open_clip().CLIP(**TINY)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
    return folder

"""Tiny diffusion pipelines with random weights, in diffusers' folder layout; no network."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any, Literal

import torch

from training.diffusion.pipeline import import_diffusers

TOKENS = 12
"""Tokens of a prompt of the tiny CLIPs."""
WIDTH = 16


def clip_tokenizer() -> Any:
    """Letters, so that different prompts differ."""
    from transformers import CLIPTokenizer

    signs = string.ascii_lowercase + string.digits + ","
    words = ["<|startoftext|>", "<|endoftext|>", *signs, *(f"{sign}</w>" for sign in signs)]
    vocabulary = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=TOKENS)


def clip_text_model(*, projected: bool, width: int = WIDTH) -> Any:
    import transformers

    config = transformers.CLIPTextConfig(
        vocab_size=128,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        projection_dim=width,
        bos_token_id=0,
        eos_token_id=1,
    )
    kind = "CLIPTextModelWithProjection" if projected else "CLIPTextModel"
    return getattr(transformers, kind)(config)


def unet(*, channels: int, out: int | None = None, text: int, size: int, **more: Any) -> Any:
    return import_diffusers().UNet2DConditionModel(
        sample_size=size,
        in_channels=channels,
        out_channels=out or channels,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text,
        attention_head_dim=2,
        norm_num_groups=4,
        **more,
    )


def vae() -> Any:
    return import_diffusers().AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=16,
        scaling_factor=0.18215,
    )


def save(folder: Path, kind: str, parts: dict[str, Any], **index: Any) -> Path:
    folder.mkdir(parents=True)
    for name, part in parts.items():
        part.save_pretrained(folder / name)
        library = type(part).__module__.split(".")[0]
        index[name] = [library, type(part).__name__]
    index |= {"_class_name": kind, "_diffusers_version": "0.30.0"}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def stable_diffusion(
    folder: Path, prediction: Literal["epsilon", "v_prediction"] = "epsilon"
) -> Path:
    """Like Stable Diffusion 1.x (2.x with v): latents of 8 x 8 for pictures of 16 x 16."""
    diffusers = import_diffusers()
    torch.manual_seed(1)
    return save(
        folder,
        "StableDiffusionPipeline",
        {
            "unet": unet(channels=4, text=WIDTH, size=8),
            "vae": vae(),
            "text_encoder": clip_text_model(projected=False),
            "tokenizer": clip_tokenizer(),
            "scheduler": diffusers.PNDMScheduler(
                beta_schedule="scaled_linear",
                beta_start=0.00085,
                beta_end=0.012,
                prediction_type=prediction,
                steps_offset=1,
            ),
        },
        safety_checker=[None, None],
    )


def stable_diffusion_xl(folder: Path) -> Path:
    """Two text encoders side by side, a pooled summary, picture sizes."""
    diffusers = import_diffusers()
    torch.manual_seed(2)
    return save(
        folder,
        "StableDiffusionXLPipeline",
        {
            "unet": unet(
                channels=4,
                text=2 * WIDTH,
                size=8,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=WIDTH + 6 * 8,
            ),
            "vae": vae(),
            "text_encoder": clip_text_model(projected=False),
            "text_encoder_2": clip_text_model(projected=True),
            "tokenizer": clip_tokenizer(),
            "tokenizer_2": clip_tokenizer(),
            "scheduler": diffusers.EulerDiscreteScheduler(
                beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
            ),
        },
        force_zeros_for_empty_prompt=True,
    )


def deepfloyd_if(folder: Path) -> Path:
    """Like DeepFloyd IF's first stage: pixels, six output channels, T5."""
    import transformers

    diffusers = import_diffusers()
    torch.manual_seed(3)
    tokenizer = transformers.T5Tokenizer(extra_ids=0)
    config = transformers.T5Config(
        vocab_size=64, d_model=WIDTH, d_kv=4, d_ff=16, num_layers=1, num_heads=2
    )
    save(
        folder,
        "IFPipeline",
        {
            "unet": unet(
                channels=3,
                out=6,
                text=WIDTH,
                size=16,
                encoder_hid_dim=WIDTH,
                encoder_hid_dim_type="text_proj",
                addition_embed_type="text",
                addition_embed_type_num_heads=2,
            ),
            "text_encoder": transformers.T5EncoderModel(config),
            "tokenizer": tokenizer,
            "scheduler": diffusers.DDPMScheduler(
                beta_schedule="squaredcos_cap_v2", variance_type="learned_range"
            ),
        },
        safety_checker=[None, None],
        watermarker=[None, None],
    )
    # The hub's tokenizer is a SentencePiece model and nothing else.
    (folder / "tokenizer" / "tokenizer.json").unlink()
    (folder / "tokenizer" / "spiece.model").write_bytes(sentencepiece_model())
    return folder


def sentencepiece_model() -> bytes:
    """Learned from a few prompts."""
    import io

    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a pig wearing a tophat, front view", "a lion on a chair"] * 20),
        model_writer=model,
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return model.getvalue()


def own_pixel_model(folder: Path) -> Path:
    """Ours, 8 x 8, which knows the words of ``tests.tiny``."""
    from backend.text.small_encoder import SmallEncoder
    from backend.text.text_tower import SmallEncoderConfig
    from tests.tiny import WORDS, build_tower
    from training.diffusion import (
        PixelModelConfig,
        UNetConfig,
        build_scheduler,
        build_unet,
        save_pixel_model,
        with_views,
    )

    torch.manual_seed(4)
    text = SmallEncoderConfig(words=WORDS, context=8, width=16, layers=1, heads=2, features=8)
    tower = SmallEncoder(text, dict(build_tower(text).state_dict()))
    encoder = with_views(tower, "sided")
    shape = UNetConfig(size=8, channels=(8, 16), attention=(False, True), heads=2, groups=4)
    network = build_unet(shape, encoder.width)
    # Its last layer starts at zero, which would hide everything before it.
    torch.nn.init.normal_(network.unet.conv_out.weight, std=0.2)
    config = PixelModelConfig(size=8, patch=shape.patch, views="sided")
    save_pixel_model(folder, network, build_scheduler(), encoder, config)
    return folder

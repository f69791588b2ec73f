"""Any open_clip model as the encoder: tiny random ones from a folder; none from a network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.protocol.errors import BadPrompt, BadRequest, CheckpointError, NotDownloaded
from backend.text.encoder import TextEncoder, encoder_from_config
from backend.text.open_clip_encoder import OpenClipEncoder
from backend.text.open_clip_import import import_open_clip

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP (towers in one module, as OpenAI's), saved as open_clip saves them."""
    torch.manual_seed(0)
    where = tmp_path_factory.mktemp("tiny clip")
    model = import_open_clip().CLIP(**TINY)
    save_file(model.state_dict(), where / "open_clip_model.safetensors")
    (where / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
    return where


def test_the_embeddings_are_those_after_the_final_layer_norm(folder: Path) -> None:
    encoder = OpenClipEncoder(str(folder))
    assert isinstance(encoder, TextEncoder)
    assert (encoder.tokens, encoder.width) == (77, 16)
    prompts = ["a pig wearing a tophat", "a \U0001f437"]
    embeddings = encoder.encode(prompts)
    assert embeddings.dtype == torch.float32
    assert not embeddings.requires_grad

    open_clip = import_open_clip()
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(prompts)
    with torch.no_grad():
        x = model.token_embedding(ids) + model.positional_embedding
        x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask))
        torch.testing.assert_close(embeddings, x)
        pooled = x[torch.arange(2), ids.argmax(-1)] @ model.text_projection
        torch.testing.assert_close(pooled, model.encode_text(ids))


def test_a_prompt_that_does_not_fit_is_refused_with_the_words_beyond(folder: Path) -> None:
    """75 words of one token each fit between the tokens of its beginning and end."""
    encoder = OpenClipEncoder(str(folder))
    fits = " ".join(["red"] * 74 + ["pig"])
    assert encoder.encode([fits]).shape == (1, 77, 16)
    with pytest.raises(BadPrompt, match=r"77 tokens of a prompt: 'with a hat' does not fit"):
        encoder.encode(["a cat", f"{fits} with a hat"])


def test_a_checkpoint_may_name_it(folder: Path) -> None:
    encoder = encoder_from_config({"kind": "open_clip", "name": str(folder)})
    assert encoder.encode(["a pig"]).shape == (1, 77, 16)
    with pytest.raises(CheckpointError, match="names no open_clip model"):
        encoder_from_config({"kind": "open_clip"})


def test_the_fingerprint_of_a_folder_follows_its_files(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    encoder = OpenClipEncoder(str(tmp_path))
    before = encoder.fingerprint
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert OpenClipEncoder(str(tmp_path)).fingerprint != before


def test_the_papers_model_is_known_by_size_before_anything_is_loaded() -> None:
    encoder = OpenClipEncoder("ViT-L-14/openai")
    assert (encoder.tokens, encoder.width) == (77, 768)
    assert encoder.tokens * encoder.width == 59_136


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["ViT-L-14/openai", "ViT-B-32/laion2b_s34b_b79k"])
def test_without_weights_or_network_it_says_what_to_do(name: str) -> None:
    with pytest.raises(NotDownloaded, match=f"{name}' is not on this machine") as caught:
        OpenClipEncoder(name).encode(["a pig"])
    assert "bundled model" in caught.value.remedy
    assert "\n" not in str(caught.value) + caught.value.remedy


@pytest.mark.usefixtures("offline")
def test_a_hub_repository_needs_the_network_for_its_description() -> None:
    with pytest.raises(NotDownloaded):
        OpenClipEncoder("hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K")


ASK = """
import sys
from backend.protocol.errors import NotDownloaded
from backend.text.open_clip_encoder import OpenClipEncoder
try:
    OpenClipEncoder(sys.argv[1]).warm_up()
except NotDownloaded as error:
    print(error)
"""


@pytest.mark.parametrize(
    "name", ["ViT-B-32/openai", "hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K"]
)
def test_a_hub_that_does_not_answer_is_asked_once_without_a_word_of_its_client(
    name: str, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens: every connection is refused
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        kept = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        kept.pop("HF_HUB_OFFLINE", None)
        told = subprocess.run(
            [sys.executable, "-c", ASK, name],
            env={**kept, "HF_ENDPOINT": nowhere, "HF_HOME": str(tmp_path), "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert told.stdout.startswith(f"The text model {name!r} is not on this machine")
    assert "Retrying" not in told.stderr and "thrown while requesting" not in told.stderr


@pytest.mark.parametrize("name", ["ViT-L-14", "Vit-Nothing/openai", "/nowhere/at/all", ""])
def test_an_unknown_name_is_a_bad_request(name: str) -> None:
    with pytest.raises(BadRequest):
        OpenClipEncoder(name)


def test_an_unknown_tag_of_a_known_model_is_an_error_of_the_checkpoint() -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        OpenClipEncoder("ViT-B-32/no_such_weights").encode(["a pig"])


def test_a_folder_without_weights_or_description_says_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match=r"has no open_clip_config\.json"):
        OpenClipEncoder(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text((folder / "open_clip_config.json").read_text())
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        OpenClipEncoder(str(tmp_path)).encode(["a pig"])
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0 cut off")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        OpenClipEncoder(str(tmp_path)).encode(["a pig"])

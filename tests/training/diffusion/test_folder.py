"""The model's folder: what is saved comes back, whatever is not one is named."""

import dataclasses
import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from backend.protocol.errors import OutputError, TrainingError
from backend.rendering.cameras import CameraConfig
from tests.training.diffusion.parts import encoder
from training.diffusion import (
    PixelModelConfig,
    UNetConfig,
    build_scheduler,
    build_unet,
    is_pixel_model,
    load_pixel_model,
    save_pixel_model,
)

SHIPPED = Path(__file__).parents[2] / "data" / "pixel32"
SHAPE = UNetConfig(size=16, channels=(16, 16), attention=(False, True), heads=2, groups=4)
CAMERAS = CameraConfig(distance=(2.9, 3.1), focal=(1.3, 1.4))
CONFIG = PixelModelConfig(size=16, patch=2, prompts="pig64", cameras=CAMERAS, recipe={"steps": 3})


def network(seed=0):
    """Random weights that half precision holds exactly."""
    torch.manual_seed(seed)
    unet = build_unet(SHAPE, 128)
    torch.nn.init.normal_(unet.unet.conv_out.weight, std=0.1)
    for parameter in unet.parameters():
        parameter.data = parameter.data.half().float()
    return unet.eval()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder") / "model"
    save_pixel_model(folder, network(), build_scheduler(), encoder(), CONFIG)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


@torch.no_grad()
def test_the_loaded_model_predicts_the_same(saved):
    unet, scheduler, text, config = load_pixel_model(saved)
    noisy, t = torch.randn(3, 3, 16, 16), torch.tensor([1, 500, 999])
    tokens = encoder().encode(["a pig, front view", "", "a pig, rear view"])
    assert torch.equal(text.encode(["a pig, front view", "", "a pig, rear view"]), tokens)
    assert torch.equal(unet(noisy, t, tokens), network()(noisy, t, tokens))
    assert torch.equal(scheduler.alphas_cumprod, build_scheduler().alphas_cumprod)
    assert scheduler.config.prediction_type == "v_prediction"
    assert config == CONFIG


def test_the_loaded_model_is_frozen(saved):
    unet = load_pixel_model(saved)[0]
    assert not unet.training
    assert not any(parameter.requires_grad for parameter in unet.parameters())


def test_weights_are_stored_in_half_precision(saved):
    parameters = sum(p.numel() for p in network().parameters())
    stored = (saved / "unet" / "diffusion_pytorch_model.safetensors").stat().st_size
    assert 2 * parameters < stored < 2 * parameters + 50_000


def test_diffusers_reads_the_parts(saved):
    from training.diffusion.pipeline import import_diffusers

    diffusers = import_diffusers()
    index = json.loads((saved / "model_index.json").read_text())
    for part in ("unet", "scheduler"):
        library, name = index[part]
        assert library == "diffusers"
        getattr(diffusers, name).from_pretrained(saved / part)


def test_the_card_says_how_it_was_made(saved):
    card = (saved / "README.md").read_text()
    assert "python -m training diffusion" in card
    assert "pig64" in card
    assert "steps: 3" in card


def test_saving_again_replaces_the_model_whole(copied):
    save_pixel_model(copied, network(seed=1), build_scheduler(), encoder(), CONFIG)
    loaded = load_pixel_model(copied)[0].state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in network(seed=1).state_dict().items())
    assert [path.name for path in copied.parent.iterdir()] == ["model"]


def test_a_full_disk_leaves_the_old_model(copied, monkeypatch):
    def full(*_args, **_settings):
        raise OSError(28, "No space left on device")

    scheduler = build_scheduler()
    monkeypatch.setattr(scheduler, "save_pretrained", full)
    with pytest.raises(OutputError, match="No space left"):
        save_pixel_model(copied, network(seed=1), scheduler, encoder(), CONFIG)
    loaded = load_pixel_model(copied)[0].state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in network(seed=0).state_dict().items())
    assert [path.name for path in copied.parent.iterdir()] == ["model"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        save_pixel_model(
            tmp_path / "file" / "model", network(), build_scheduler(), encoder(), CONFIG
        )


@pytest.mark.parametrize("content", [None, "not JSON", "[]", '{"_class_name": "IFPipeline"}'])
def test_another_folder_is_not_one(tmp_path, content):
    if content is not None:
        (tmp_path / "model_index.json").write_text(content)
    assert not is_pixel_model(tmp_path)
    with pytest.raises(TrainingError, match="is not a diffusion model of ATT3D"):
        load_pixel_model(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TrainingError, match="there is no such folder"):
        load_pixel_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "damage",
    [
        "att3d.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/model.safetensors",
        "text_encoder/views.safetensors",
    ],
)
@pytest.mark.parametrize("missing", [True, False])
def test_a_damaged_model_is_named(copied, damage, missing):
    path = copied / damage
    data = path.read_bytes()
    path.unlink()
    if not missing:
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError, match="cannot be read") as info:
        load_pixel_model(copied)
    assert "\n" not in info.value.message


@pytest.mark.parametrize(
    ("file", "tensor", "reason"),
    [
        (
            "unet/diffusion_pytorch_model.safetensors",
            "conv_in.bias",
            "lack the tensor conv_in.bias",
        ),
        ("text_encoder/model.safetensors", "ln_final.bias", "text encoder's weights do not fit"),
        ("text_encoder/views.safetensors", "rear view", "lacks the tensor 'rear view'"),
    ],
)
def test_a_missing_tensor_is_one_clear_line(tmp_path, capfd, file, tensor, reason):
    """Diffusers warns in two lines and leaves a parameter on the meta device."""
    folder = shutil.copytree(SHIPPED, tmp_path / "model")
    tensors = load_file(folder / file)
    del tensors[tensor]
    save_file(tensors, folder / file, _metadata(folder / file))
    with pytest.raises(TrainingError, match=f"cannot be read.*{reason}") as info:
        load_pixel_model(folder)
    assert "\n" not in info.value.message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("pickled", [False, True])
def test_weights_that_are_no_safetensors_are_one_clear_line_and_never_unpickled(
    copied, capfd, pickled
):
    """Diffusers logs an error of its own and goes on with ``.bin``, which may run code."""
    path = next((copied / "unet").glob("*.safetensors"))
    if pickled:
        torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(TrainingError, match=r"no file named \S+\.safetensors") as info:
        load_pixel_model(copied)
    assert "\n" not in info.value.message
    assert capfd.readouterr().err == ""


def _metadata(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.mark.parametrize("part", ["unet", "scheduler", "text_encoder"])
def test_a_missing_part_is_named_and_no_hub_is_asked_for_it(copied, part, monkeypatch):
    """``model/scheduler`` would be a name on the hub, too."""
    shutil.rmtree(copied / part)
    asked = []

    def resolve(*address, **_):
        asked.append(address)
        raise OSError("there is no network")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.chdir(copied.parent)
    with pytest.raises(TrainingError, match=part):
        load_pixel_model(Path(copied.name))
    assert asked == []


def test_a_newer_format_is_named(copied):
    described = json.loads((copied / "att3d.json").read_text())
    (copied / "att3d.json").write_text(json.dumps(described | {"format": 2}))
    with pytest.raises(TrainingError, match="format is 2"):
        load_pixel_model(copied)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_weights_that_are_not_finite_never_replace_a_model(copied, value):
    """Half precision, in which they are stored, ends at 65,504."""
    spoilt = network()
    spoilt.unet.conv_out.bias.data.fill_(value)
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(TrainingError, match=r"not finite \(conv_out.bias\)") as info:
        save_pixel_model(copied, spoilt, build_scheduler(), encoder(), CONFIG)
    assert "--lr" in info.value.remedy
    assert {p: p.read_bytes() for p in copied.parent.rglob("*") if p.is_file()} == before


def test_stored_weights_that_are_not_finite_are_named(copied):
    path = next((copied / "unet").glob("*.safetensors"))
    tensors = load_file(path)
    tensors["conv_in.bias"][0] = torch.nan
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(TrainingError, match=r"conv_in.bias holds numbers that are not finite"):
        load_pixel_model(copied)


def test_a_figure_without_a_value_is_null(tmp_path):
    config = dataclasses.replace(CONFIG, recipe={"figures": {"loss": float("nan")}})
    save_pixel_model(tmp_path / "model", network(), build_scheduler(), encoder(), config)
    described = json.loads((tmp_path / "model" / "att3d.json").read_text(), parse_constant=fail)
    assert described["recipe"] == {"figures": {"loss": None}}
    assert "NaN" not in (tmp_path / "model" / "README.md").read_text()


def fail(constant):
    raise AssertionError(constant)

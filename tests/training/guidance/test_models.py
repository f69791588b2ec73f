"""Real diffusion pipelines with random weights: loaded from folders, asked, and trained with."""

import dataclasses
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.protocol.errors import Att3dError, NotDownloaded, TrainingError
from backend.rendering.cameras import CameraConfig
from tests.tiny import tiny_model
from tests.training.guidance import pipelines
from training.diffusion.pipeline import Pipeline
from training.guidance.diffusion import (
    DiffusionGuidance,
    DiffusionGuidanceConfig,
    DiffusionModel,
    DiffusionModelConfig,
    guidance_preset,
    load_diffusion_model,
)
from training.prompts import PromptMix
from training.rendering.config import RenderConfig
from training.rendering.renderer import TrainingRenderer
from training.rendering.scene import Step

PROMPTS = ["a pig", "a lion", "a pig on a chair"]
KINDS = ["sd", "sd-v", "xl", "if", "own"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("pipelines")
    return {
        "sd": pipelines.stable_diffusion(root / "sd"),
        "sd-v": pipelines.stable_diffusion(root / "sd-v", "v_prediction"),
        "xl": pipelines.stable_diffusion_xl(root / "xl"),
        "if": pipelines.deepfloyd_if(root / "if"),
        "own": pipelines.own_pixel_model(root / "own"),
    }


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("texts")


@pytest.fixture
def load(folders, cache):
    def load(kind: str, **options) -> DiffusionModel:
        options = {"cache": cache, **options}
        return load_diffusion_model(folders[kind], DiffusionModelConfig(**options))

    return load


@pytest.mark.parametrize(
    ("kind", "channels", "size", "pixels", "prediction"),
    [
        ("sd", 4, 8, False, "epsilon"),
        ("sd-v", 4, 8, False, "v_prediction"),
        ("xl", 4, 8, False, "epsilon"),
        ("if", 3, 16, True, "epsilon"),
        ("own", 3, 8, True, "v_prediction"),
    ],
)
def test_a_folder_says_what_it_holds(load, kind, channels, size, pixels, prediction):
    model = load(kind)
    assert isinstance(model, DiffusionModel)
    assert (model.channels, model.size, model.pixels) == (channels, size, pixels)
    assert model.prediction == prediction
    assert len(model.schedule) == 1000
    assert model.name == kind
    assert model.views == ("sided" if kind == "own" else None)


def train_a_step(model: DiffusionModel, device: str = "cpu"):
    """One step of a tiny network on ``device``: the network, with its gradients, and the loss."""
    config = guidance_preset("small") if model.views else DiffusionGuidanceConfig()
    renderer = TrainingRenderer(
        RenderConfig(size=12, samples=12, background="random"), CameraConfig(distance=(2.0, 2.2))
    )
    guidance = DiffusionGuidance(model, PROMPTS, config, renderer)
    network = tiny_model().train().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    objects = network.objects(torch.randn(3, 8, 16).to(device))
    mix = PromptMix.plain([0, 1, 2])
    generator = torch.Generator().manual_seed(0)
    loss, parts = guidance(Step(network, objects, mix, 0, 100, generator))
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert parts["sds"] > 0
    return network, loss


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_reaches_the_mapping_network_and_leaves_the_model_alone(load, kind):
    model = load(kind)
    before = {k: v.clone() for k, v in model.unet.state_dict().items()}
    network, _ = train_a_step(model)
    for name, parameter in network.mapping.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert all(not p.requires_grad and p.grad is None for p in model.unet.parameters())
    after = model.unet.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "options",
    [
        {"precision": "fp32"},
        {"precision": "fp16", "channels_last": True},
        {"precision": "bf16", "offload": "model", "batch": 2},
        {"precision": "fp16", "offload": "layers", "vae_checkpointing": True},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_step_on_a_gpu(folders, cache, kind, options):
    options = DiffusionModelConfig(cache=cache, **options)
    model = load_diffusion_model(folders[kind], options, "cuda")
    network, _ = train_a_step(model, "cuda")
    for name, parameter in network.mapping.named_parameters():
        assert parameter.grad.device.type == "cuda"
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_and_levels_matter_and_a_batch_is_its_images(load, kind):
    model = load(kind)
    x = model.encode(torch.rand(1, 16, 16, 3)).expand(4, -1, -1, -1)
    condition = model.embed(["a pig", "a lion", "", "a pig"])
    t = torch.tensor([500, 500, 500, 20])
    together = model.predict(x, t, condition)
    assert together.shape == (4, model.channels, model.size, model.size)
    for i in (1, 2, 3):
        assert (together[i] - together[0]).abs().max() > 1e-5
    for i in range(4):
        alone = model.predict(x[i : i + 1], t[i : i + 1], condition[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)
    parts = load(kind, batch=3).predict(x, t, condition)
    torch.testing.assert_close(parts, together, rtol=1e-4, atol=1e-5)


def test_latents_are_the_scaled_mean_of_the_vae(load):
    model = load("sd")
    images = torch.rand(2, 16, 16, 3)
    expected = model.vae.encode(images.permute(0, 3, 1, 2) * 2 - 1).latent_dist.mode() * 0.18215
    torch.testing.assert_close(model.encode(images), expected)


@pytest.mark.parametrize(
    ("kind", "part"),
    [("sd", "vae"), ("sd", "text_encoder"), ("xl", "unet"), ("if", "text_encoder")],
)
def test_a_missing_tensor_is_named(folders, tmp_path, kind, part):
    """Diffusers leaves it on the meta device, transformers draws it at random."""
    folder = shutil.copytree(folders[kind], tmp_path / kind)
    (file,) = (folder / part).glob("*.safetensors")
    tensors = load_file(file)
    removed = min(name for name in tensors if name.endswith("weight"))
    del tensors[removed]
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(TrainingError, match="lack the tensor") as info:
        load_diffusion_model(folder, DiffusionModelConfig(cache_gib=0)).embed(["a pig"])
    assert part in info.value.message
    assert removed.rpartition(".")[0] in info.value.message
    assert "\n" not in info.value.message


def test_pictures_of_any_size_are_resized(load):
    grey = torch.full((1, 33, 33, 3), 0.25)
    torch.testing.assert_close(load("if").encode(grey), torch.full((1, 3, 16, 16), -0.5))
    assert load("sd", image_size=32).encode(grey).shape == (1, 4, 16, 16)
    with pytest.raises(TrainingError, match="17 pixels"):
        load("sd", image_size=17)


def test_the_variance_channels_of_deepfloyd_if_are_split_off(load):
    model = load("if")
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([400])
    condition = model.embed(["a pig"])
    whole = model.unet(x, t, encoder_hidden_states=condition.tokens).sample
    assert whole.shape[1] == 6
    torch.testing.assert_close(model.predict(x, t, condition), whole[:, :3])


def test_text_is_embedded_as_the_pipelines_do(load, folders):
    """Against diffusers' own pipelines."""
    from training.diffusion.pipeline import import_diffusers

    diffusers = import_diffusers()
    prompts = ["a pig", "a Lion"]
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        folders["sd"], safety_checker=None, requires_safety_checker=False, feature_extractor=None
    )
    expected, empty = pipeline.encode_prompt(prompts, "cpu", 1, True)
    torch.testing.assert_close(load("sd").embed(prompts).tokens, expected)
    torch.testing.assert_close(load("sd").embed(["", ""]).tokens, empty)
    pipeline = diffusers.IFPipeline.from_pretrained(
        folders["if"], safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    expected, empty = pipeline.encode_prompt(prompts, device="cpu")
    torch.testing.assert_close(load("if").embed(prompts).tokens, expected)
    torch.testing.assert_close(load("if").embed(["", ""]).tokens, empty)
    pipeline = diffusers.StableDiffusionXLPipeline.from_pretrained(folders["xl"])
    expected, empty, pooled, none = pipeline.encode_prompt(prompts, device="cpu")
    condition = load("xl").embed([*prompts, "", ""])
    torch.testing.assert_close(condition.tokens, torch.cat([expected, empty]))
    torch.testing.assert_close(condition.pooled, torch.cat([pooled, none]))


@pytest.mark.parametrize("kind", ["xl", "if", "own"])
def test_half_precision(load, kind):
    exact, half = load(kind), load(kind, precision="bf16", channels_last=True)
    assert next(half.unet.parameters()).dtype == torch.bfloat16
    images = torch.rand(2, 16, 16, 3, requires_grad=True)
    x = half.encode(images)
    assert x.dtype == torch.float32
    x.sum().backward()
    assert images.grad.dtype == torch.float32
    assert torch.isfinite(images.grad).all()
    x = exact.encode(images.detach())
    t = torch.tensor([300, 700])
    output = half.predict(x, t, half.embed(PROMPTS[:2]))
    assert output.dtype == torch.float32
    expected = exact.predict(x, t, exact.embed(PROMPTS[:2]))
    torch.testing.assert_close(output, expected, rtol=0.1, atol=0.1)


def test_float16_keeps_small_gradients(load):
    """The mean over a batch of large pictures makes gradients that float16 would lose."""
    exact, half = load("sd"), load("sd", precision="fp16")
    gradients = []
    for model in (exact, half):
        images = torch.full((1, 16, 16, 3), 0.4) + 0.1 * torch.rand(
            1, 16, 16, 3, generator=torch.Generator().manual_seed(0)
        )
        images.requires_grad_()
        (1e-9 * model.encode(images)).sum().backward()
        gradients.append(images.grad)
    assert gradients[1].abs().sum() > 0
    similar = torch.nn.functional.cosine_similarity(*(g.flatten() for g in gradients), dim=0)
    assert similar > 0.99
    assert gradients[1].norm().item() == pytest.approx(gradients[0].norm().item(), rel=0.05)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("sd", {"offload": "model"}),
        ("sd", {"offload": "layers"}),
        ("sd", {"attention_slicing": True}),
        ("sd", {"vae_slicing": True, "vae_checkpointing": True}),
        ("own", {"offload": "layers"}),
        ("own", {"attention_slicing": True}),
    ],
)
def test_memory_savers_change_nothing(load, kind, option):
    plain, saving = load(kind), load(kind, **option)
    t = torch.tensor([300, 700])
    results = []
    for model in (plain, saving):
        images = torch.linspace(0, 1, 2 * 16 * 16 * 3).view(2, 16, 16, 3).requires_grad_()
        x = model.encode(images)
        output = model.predict(x, t, model.embed(PROMPTS[:2]))
        (x * output).sum().backward()
        results.append((output, images.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


def test_our_models_text_tower_is_shared_with_the_mapping_network_where_it_is_the_same(folders):
    """A9. The empty prompt is zeros either way."""
    from backend.text.small_encoder import SmallEncoder

    stored = SmallEncoder.load(folders["own"] / "text_encoder" / "model.safetensors")
    shared = load_diffusion_model(folders["own"], encoder=stored)
    assert shared._conditions.encoder.encoder.tower is stored
    own = load_diffusion_model(folders["own"])
    prompts = ["a pig", "a pig, rear view", ""]
    tokens = own.embed(prompts).tokens
    assert torch.equal(tokens, shared.embed(prompts).tokens)
    assert not torch.equal(tokens[0], tokens[1])
    assert tokens[2].abs().max() == 0
    other = SmallEncoder(stored.config, {k: v + 1 for k, v in stored.state.items()})
    apart = load_diffusion_model(folders["own"], encoder=other)
    assert apart._conditions.encoder.encoder.tower is not other


@pytest.mark.parametrize("kind", ["sd", "xl", "if"])
def test_prepared_prompts_need_no_text_encoder(folders, tmp_path, kind, monkeypatch):
    """Neither does the next run, which finds them on disk."""
    options = DiffusionModelConfig(cache=tmp_path)
    first = load_diffusion_model(folders[kind], options)
    first.prepare(["a pig", "a lion"])
    loaded = []
    load = Pipeline.load

    def watched(self, part, dtype=None):
        loaded.append(part)
        return load(self, part, dtype)

    monkeypatch.setattr(Pipeline, "load", watched)
    second = load_diffusion_model(folders[kind], options)
    conditions = [model.embed(["a lion", "a pig"]).tokens for model in (first, second)]
    assert torch.equal(*conditions)
    assert not any("text" in part or "token" in part for part in loaded)
    second.embed(["a duck"])
    assert "text_encoder" in loaded


def test_a_variant_is_used_where_a_part_has_it(folders, tmp_path):
    folder = shutil.copytree(folders["sd"], tmp_path / "variants")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    options = DiffusionModelConfig(variant="fp16", cache_gib=0.0)
    assert load_diffusion_model(folder, options).embed(["a pig"]).tokens.shape[0] == 1
    with pytest.raises(TrainingError, match="unet"):
        load_diffusion_model(folder)


def test_a_hub_model_that_is_not_here_says_what_to_do(monkeypatch, capfd):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotDownloaded) as error:
        load_diffusion_model("nobody/no-such-model")
    assert "nobody/no-such-model" in error.value.message
    assert "folder" in error.value.remedy
    assert "hf auth login" in error.value.remedy
    assert capfd.readouterr().err == "", "diffusers has nothing to add"


def broken(folders, tmp_path, change) -> Att3dError:
    folder = shutil.copytree(folders["sd"], tmp_path / "broken")
    change(folder)
    with pytest.raises(Att3dError) as error:
        load_diffusion_model(folder).embed(["a pig"])
    assert error.value.message.count("\n") == 0
    assert error.value.remedy
    return error.value


def rewrite(folder, **changes):
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flow_matching(folder):
    """A schedule without betas, as in newer models."""
    name = "FlowMatchEulerDiscreteScheduler"
    rewrite(folder, scheduler=["diffusers", name])
    settings = {"_class_name": name, "shift": 1.0}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "model_index.json").unlink(), "no model_index.json"),
        (lambda f: (f / "model_index.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "model_index.json").write_text("{}"), "does not say"),
        (lambda f: rewrite(f, _class_name="FluxPipeline"), "is a FluxPipeline"),
        (lambda f: rewrite(f, unet=["diffusers", "NoSuchUNet"]), "diffusers.NoSuchUNet"),
        (lambda f: rewrite(f, vae=[None, None]), "has no vae"),
        (lambda f: shutil.rmtree(f / "text_encoder"), "text_encoder"),
        (
            lambda f: (f / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 99),
            "unet",
        ),
        (flow_matching, "FlowMatchEulerDiscreteScheduler"),
    ],
)
def test_what_is_not_a_usable_pipeline_says_why(folders, tmp_path, change, says):
    error = broken(folders, tmp_path, change)
    assert isinstance(error, TrainingError)
    assert says in error.message


def test_folders_that_are_not_there(tmp_path):
    for name in (tmp_path / "no", str(tmp_path / "no"), "./no", "a/b/c"):
        with pytest.raises(TrainingError, match="there is no folder"):
            load_diffusion_model(name)
    with pytest.raises(TrainingError, match=r"no model_index\.json"):
        load_diffusion_model(tmp_path)


def test_options_parse_on_the_command_line():
    import tyro

    arguments = "--precision bf16 --offload model --attention-slicing --batch 4 --cache /x"
    config = tyro.cli(DiffusionModelConfig, args=arguments.split())
    assert (config.precision, config.offload, config.batch) == ("bf16", "model", 4)
    guidance = tyro.cli(
        DiffusionGuidanceConfig,
        args="--weight 20 --space x0 --views sided --t.high 0.9 0.5 --t.anneal cosine".split(),  # noqa: SIM905
    )
    assert guidance.t.bounds(100, 100)[1] == pytest.approx(0.5)
    assert dataclasses.replace(guidance, perp_neg=True).perp_neg
    for views in ("none", "angles"):
        with pytest.raises(TrainingError, match="Perp-Neg"):
            dataclasses.replace(guidance, perp_neg=True, views=views)
    for wrong in ("--batch -1", "--cache-gib -1"):
        with pytest.raises(TrainingError):
            tyro.cli(DiffusionModelConfig, args=wrong.split())

"""Every architecture option trains, reads the same however it is read, and survives a checkpoint
(A2, A5-A7, A11, A25, A31)."""

import dataclasses
import json

import pytest
import torch

from backend.accelerator import TorchField
from backend.field_reader import Reader
from backend.model.att3d import ATT3D, OutputOffset
from backend.model.checkpoint import load_checkpoint, save_checkpoint
from backend.model.checkpoint_file import CheckpointMetadata
from backend.model.config import Condition, GridConfig, ModelConfig, config_from_json
from backend.model.config import config_to_json as to_json
from backend.model.field import Field
from backend.model.grid import FeatureGrid
from backend.model.mapping import normalised_conditions
from backend.model.occupancy import Occupancy
from backend.progress import CancelToken
from backend.protocol.errors import CheckpointError, TrainingError
from backend.surface.refine import near_surface
from tests.model.test_grid import points_in_ball, slow_read
from tests.tiny import TINY, largest_singular_values, tiny_model

CONDITIONS = (
    Condition("guidance_weight", 5.0, 100.0, 20.0),
    Condition("opacity_weight", 1e-3, 1e-1, 1e-2, logarithmic=True),
)
HASHED = GridConfig(resolutions=(5, 9), hashed=(14, 21), table=9, support="ball")

VARIANTS = {
    "linear": TINY,
    "hash": dataclasses.replace(TINY, grid=HASHED),
    "deep": dataclasses.replace(TINY, mapping="deep", mapping_hidden=(12, 8), components=5),
    "attention": dataclasses.replace(TINY, mapping="attention", attention=10, grid=HASHED),
    "concatenation": dataclasses.replace(TINY, mapping="concatenation", environment=True),
    "conditions": dataclasses.replace(TINY, conditions=CONDITIONS, components=7),
    "attention and conditions": dataclasses.replace(
        TINY, mapping="attention", conditions=CONDITIONS, environment=True
    ),
    "concatenation of hash levels": dataclasses.replace(
        TINY, mapping="concatenation", grid=HASHED, hidden=(16, 12), conditions=CONDITIONS
    ),
    "no spectral norm": dataclasses.replace(TINY, mapping="deep", spectral_norm=False),
    "spectral norm everywhere": dataclasses.replace(
        TINY, spectral_norm_decoder=True, environment=True
    ),
}  # fmt: skip
variants = pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS.keys())


def loud(config, seed=0):
    """A model of random weights whose objects differ visibly."""
    model = tiny_model(seed, config)
    with torch.no_grad():
        if config.components:
            model.mapping.whiten_on(torch.randn(40, 8, 16))
        if config.mapping == "concatenation":
            model.mapping.shared.normal_(0.0, 0.5)
    return model


def embeddings(count=3, seed=1):
    return torch.randn(count, 8, 16, generator=torch.Generator().manual_seed(seed))


def all_points(count=200, objects=3):
    return torch.stack([points_in_ball(count) for _ in range(objects)])


def round_trip(model, path, storage="float32", **options):
    metadata = CheckpointMetadata("variant", model.config, {"kind": "none"})
    save_checkpoint(path, model, metadata, storage=storage, **options)
    return load_checkpoint(path)


@variants
def test_gradients_reach_every_parameter(config):
    model = loud(config).train()
    given = {c.name: torch.tensor([c.low, c.default, c.high]) for c in config.conditions}
    objects = model.objects(embeddings(), given)
    # Enough points that every vertex, or row of a table, is read.
    density, color = model.sample(objects, all_points(6000))
    loss = density.square().mean() + (color - 0.2).square().sum()
    if model.environment is not None:
        directions = torch.nn.functional.normalize(torch.randn(3, 9, 3), dim=-1)
        loss = loss + model.background(objects, directions).square().sum()
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name
        assert torch.isfinite(parameter.grad).all(), name


@variants
def test_ten_steps_lower_the_loss(config):
    model = loud(config).train()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    points, losses = all_points(300), []
    target = torch.linspace(-20, 20, 3)[:, None].expand(3, 300)
    for _ in range(10):
        density, _ = model.sample(model.objects(embeddings()), points)
        loss = (density - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.999 * losses[0]


@variants
@pytest.mark.parametrize(
    ("storage", "tolerance"), [("float32", 1e-4), ("float16", 3e-3), ("int8", 2e-2)]
)
def test_a_checkpoint_holds_the_same_function(config, storage, tolerance, tmp_path):
    model = loud(config).eval()
    checkpoint = round_trip(model, tmp_path / "a.safetensors", storage)
    assert checkpoint.metadata.config == config
    points = all_points()
    original = model.sample(model.objects(embeddings()), points)
    loaded = checkpoint.model.sample(checkpoint.model.objects(embeddings()), points)
    spread = original[0].std()
    assert (loaded[0] - original[0]).norm() < tolerance * spread * len(points.flatten(0, 1)) ** 0.5
    assert (loaded[1] - original[1]).abs().max() < 5 * tolerance


@variants
def test_every_way_to_read_an_object_is_the_same(config, tmp_path):
    """Points in training against one corner at a time, and the field's reads against both."""
    model = loud(config).eval().requires_grad_(False)
    checkpoint = round_trip(model, tmp_path / "a.safetensors")
    objects = model.objects(embeddings())
    line = torch.linspace(-1.0, 1.0, 13)
    cube = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    inside = cube.norm(dim=-1) <= 1.0
    cube_heights, cube_colors = model.sample(objects, cube.expand(3, -1, -1))
    for i in range(3):
        slow = torch.stack(
            [slow_read(model.grid, objects.values[i], p) for p in cube[inside][::40]]
        )
        read = model.grid.read(objects.values[i : i + 1], cube[inside][None, ::40])[0]
        torch.testing.assert_close(read, slow, atol=1e-4, rtol=1e-4)
        field = checkpoint.field(embeddings()[i])
        density, color = field.sample(cube)
        close = {"atol": 2e-3 * model.config.density_bias, "rtol": 1e-3}
        torch.testing.assert_close(density[inside], cube_heights[i][inside], **close)
        torch.testing.assert_close(color[inside], cube_colors[i][inside], atol=2e-3, rtol=0)
        torch.testing.assert_close(field.pre_density(cube), density, **close)
        torch.testing.assert_close(field.dense(13).flatten()[inside], density[inside], **close)
        reader = Reader(TorchField(field), CancelToken())
        near = torch.from_numpy(near_surface(reader, 13, 7, margin=1e4))
        torch.testing.assert_close(near.flatten()[inside], density[inside], **close)


@variants
def test_occupancy_knows_every_variant(config):
    model = loud(config).eval().requires_grad_(False)
    objects = model.objects(embeddings())
    points = all_points(1500)
    owner = torch.arange(3)[:, None].expand(3, 1500)
    empty = ~Occupancy(model, objects, negligible=1e-3)(points, owner)
    heights, _ = model.sample(objects, points)
    assert torch.nn.functional.softplus(heights)[empty].max() < 1e-3


@variants
def test_a11_spectral_norms_are_at_most_one(config):
    model = loud(config).train()
    with torch.no_grad():
        for _ in range(60):
            model.sample(model.objects(embeddings()), all_points(2))
            model.background(model.objects(embeddings()), torch.ones(3, 1, 3))
    norms = largest_singular_values(model.mapping) if config.spectral_norm else {}
    if config.spectral_norm_decoder:
        norms |= largest_singular_values(model.mlp) | largest_singular_values(model.environment)
    assert all(norm == pytest.approx(1.0, abs=0.02) for norm in norms.values()), norms


@variants
def test_objects_differ_by_their_text(config):
    model = loud(config).eval()
    points = all_points(50, 1).expand(2, -1, -1)
    density, _ = model.sample(model.objects(embeddings(2)), points)
    assert not torch.allclose(density[0], density[1])


# A2


def test_a2_hash_levels_make_32_features():
    grid = FeatureGrid(GridConfig(hashed=(96, 157, 257)))
    assert grid.channels == 32
    assert grid.vertices == 255_889 + 3 * 2**16
    assert sum(grid.level_sizes) == grid.size


def test_a2_the_hash_is_instant_ngps():
    grid = FeatureGrid(GridConfig(resolutions=(3,), hashed=(40,), table=10))
    for x, y, z in [(0, 0, 0), (1, 2, 3), (39, 0, 17), (39, 39, 39)]:
        expected = (x ^ (y * 2654435761) ^ (z * 805459861)) % 1024
        one = [torch.tensor([v]) for v in (x, y, z)]
        assert grid._rows(1, *one).item() == expected


def test_a2_a_dense_read_of_hash_levels_equals_points():
    grid = FeatureGrid(GridConfig(resolutions=(4,), features=2, hashed=(23, 31), table=8))
    values = torch.randn(grid.size)
    x, y, z = torch.linspace(-1, 1, 6), torch.linspace(-1, 1, 40), torch.linspace(-0.3, 0.9, 4)
    points = torch.stack(torch.meshgrid(x, y, z, indexing="ij"), -1)
    expected = grid.read(values[None], points.reshape(1, -1, 3)).view(6, 40, 4, -1)
    torch.testing.assert_close(grid.dense(values, x, y, z), expected, atol=1e-5, rtol=1e-5)


# A6


def test_a6_levels_look_at_tokens_by_themselves():
    mapping = tiny_model(config=VARIANTS["attention"]).eval().mapping
    looks = mapping.attention(embeddings())
    assert looks.shape == (3, 4, 8)
    torch.testing.assert_close(looks.sum(-1), torch.ones(3, 4))
    assert not torch.allclose(looks[:, 0], looks[:, 1])


def test_a6_a_level_depends_on_its_own_latent_only():
    model = tiny_model(config=VARIANTS["attention"]).eval()
    latent = torch.randn(1, model.config.latents)
    changed = latent.clone()
    changed[:, :6] += 1.0
    change = (model.mapping.grid(changed) - model.mapping.grid(latent))[0]
    first = model.grid.level_sizes[0]
    assert change[:first].any() and not change[first:].any()


# A7


def test_a7_v_at_the_mlp_is_the_plain_concatenation():
    model = loud(VARIANTS["concatenation"]).eval()
    objects = model.objects(embeddings())
    points = all_points(40)
    features = model.grid.read(objects.values, points)
    joined = torch.cat([features, objects.latent[:, None].expand(-1, 40, -1)], dim=-1)
    out = model.mlp.head(model.mlp.body(joined))
    density, color = model.sample(objects, points)
    torch.testing.assert_close(density, out[..., 0] + model.bias(points), atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(color, torch.sigmoid(out[..., 1:]), atol=1e-5, rtol=1e-4)


def test_a7_needs_no_large_output_layer():
    config = ModelConfig(mapping="concatenation")
    model = ATT3D(config)
    assert sum(p.numel() for p in model.mapping.parameters()) == 1_892_384 + 1_023_556


# A31


def given(model, **values):
    conditions = {k: torch.tensor(v) for k, v in values.items()}
    return model.eval().objects(embeddings(2), conditions).values


def test_a31_conditions_change_the_object_and_defaults_are_the_default():
    model = loud(VARIANTS["conditions"])
    default = given(model)
    assert torch.equal(default, given(model))
    stated = given(model, guidance_weight=[20.0, 20.0], opacity_weight=[1e-2, 1e-2])
    torch.testing.assert_close(stated, default)
    other = given(model, guidance_weight=[20.0, 90.0])
    torch.testing.assert_close(other[0], default[0])
    assert not torch.allclose(other[1], default[1])


def test_a31_values_are_normalised_by_their_range():
    columns = {
        "guidance_weight": torch.tensor([5.0, 52.5, 100.0]),
        "opacity_weight": torch.tensor([1e-3, 1e-2, 1e-1]),
    }
    inputs = normalised_conditions(CONDITIONS, columns, 3, torch.device("cpu"))
    expected = torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])
    torch.testing.assert_close(inputs, expected, atol=1e-5, rtol=0)


def test_a31_a_condition_can_be_written_on_a_command_line():
    for condition in CONDITIONS:
        assert Condition.parse(str(condition)) == condition
    assert str(CONDITIONS[1]) == "opacity_weight:0.001:0.1:0.01:log"
    for wrong in ("a", "a:1:2", "a:1:2:x", "a:1:2:1:lin", "a:1:2:1:2"):
        with pytest.raises(ValueError, match="NAME:LOW:HIGH:DEFAULT"):
            Condition.parse(wrong)


def test_a31_the_backend_gives_the_defaults(tmp_path):
    model = loud(VARIANTS["conditions"]).eval()
    checkpoint = round_trip(model, tmp_path / "a.safetensors")
    expected = model.latent(embeddings()[:1])[0]
    given = checkpoint.field(embeddings()[0])
    torch.testing.assert_close(given.latent, expected, atol=1e-4, rtol=1e-3)
    other = checkpoint.field(embeddings()[0], {"guidance_weight": 90.0})
    assert not torch.allclose(other.latent, expected, atol=1e-2)


def test_a31_an_unknown_condition_is_refused():
    with pytest.raises(ValueError, match="humour"):
        tiny_model().objects(embeddings(1), {"humour": torch.ones(1)})


# A25


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_a25_an_offset_is_exported_with_the_checkpoint(tmp_path, storage):
    model = tiny_model().eval()
    offset = OutputOffset(model)
    objects = model.objects(embeddings(1))
    assert torch.equal(offset(objects).values, objects.values)
    with torch.no_grad():
        offset.values.normal_(0.0, 2.0)
    checkpoint = round_trip(model, tmp_path / "a.safetensors", storage, offset=offset.values)
    assert checkpoint.metadata.config.offset
    points = all_points(100, 1)
    tuned, plain = (model.sample(o, points)[0] for o in (offset(objects), objects))
    loaded = checkpoint.model.sample(checkpoint.model.objects(embeddings(1)), points)[0]
    assert (loaded - tuned).norm() < 0.02 * (plain - tuned).norm()
    field = Field(checkpoint.model, objects.latent[0].detach())
    torch.testing.assert_close(field.pre_density(points[0]), loaded[0], atol=0.1, rtol=1e-3)
    # Fine-tuned once more: offsets add up.
    again = round_trip(checkpoint.model, tmp_path / "b.safetensors", storage, offset=-offset.values)
    values = again.model.objects(embeddings(1)).values
    assert (values - objects.values).norm() < 0.02 * offset.values.norm()


def test_a25_gradients_reach_the_offset_only():
    model = tiny_model().train()
    offset = OutputOffset(model)
    density, _ = model.requires_grad_(False).sample(
        offset(model.objects(embeddings(1))), all_points(50, 1)
    )
    density.sum().backward()
    assert offset.values.grad is not None and offset.values.grad.any()
    assert all(p.grad is None for p in model.parameters())


# Configurations


@variants
def test_a_configuration_survives_json(config):
    assert config_from_json(json.loads(json.dumps(to_json(config)))) == config


def test_a_configuration_without_the_newer_fields_means_what_it_did():
    old = to_json(TINY)
    for name in ("mapping", "mapping_hidden", "attention", "conditions", "offset"):
        del old[name]
    del old["spectral_norm_decoder"], old["grid"]["hashed"], old["grid"]["table"]
    assert config_from_json(json.loads(json.dumps(old))) == TINY


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mapping": "magic"}, "linear, deep, attention, concatenation"),
        ({"mapping": "deep", "mapping_hidden": []}, "mapping_hidden"),
        ({"mapping": "deep", "mapping_hidden": [8193]}, r"mapping_hidden.*1 to 8192"),
        ({"hidden": [1025]}, r"model\.hidden.*1 to 1024"),
        ({"mapping": "attention", "components": 5}, "components"),
        ({"mapping": "attention", "attention": 0}, "attention"),
        ({"mapping": "concatenation", "hidden": []}, "hidden"),
        ({"grid": {"hashed": [14], "table": 16}}, "without hashing"),
        ({"grid": {"hashed": [140], "table": 60}}, "table"),
        ({"conditions": [{"name": "a b"}]}, "a b"),
        ({"conditions": [{"name": "a", "low": 2.0}]}, "low < high"),
        ({"conditions": [{"name": "a", "default": 7.0}]}, "default"),
        ({"conditions": [{"name": "a", "logarithmic": True}]}, "logarithmic"),
        ({"conditions": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"conditions": [{"name": 3}]}, "name"),
        ({"conditions": [{"flavour": 3}]}, "flavour"),
        ({"conditions": 3}, "conditions"),
    ],
)
def test_a_wrong_configuration_is_named(change, named):
    with pytest.raises(CheckpointError, match=named):
        config_from_json(to_json(ModelConfig()) | change)


def test_a_model_that_contradicts_itself_is_not_built():
    with pytest.raises(TrainingError, match="components"):
        ATT3D(dataclasses.replace(TINY, mapping="attention", components=4))

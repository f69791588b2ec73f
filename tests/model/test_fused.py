"""Grid and MLP by tiny-cuda-nn: equal to torch's, on its layouts written out, and on a GPU."""

from __future__ import annotations

import logging
import sys

import pytest
import torch

from backend import accelerator, cli
from backend.accelerator import use_accelerator
from backend.model import fused
from backend.model.att3d import ATT3D
from backend.model.config import GridConfig, ModelConfig
from backend.protocol.errors import BadRequest
from tests.model import tiny_cuda_nn

GRIDS = {
    "the paper's dense levels": GridConfig(),
    "hash levels": GridConfig(resolutions=(5, 9), hashed=(24, 41), table=12),
    "only the ball": GridConfig(resolutions=(9, 14), support="ball"),
    "two features a vertex": GridConfig(resolutions=(4,), features=2),
}


def model_of(grid: GridConfig, **options) -> ATT3D:
    torch.manual_seed(0)
    config = ModelConfig(tokens=2, width=3, latent=4, grid=grid, environment=False, **options)
    return ATT3D(config)


def kernels_of(model: ATT3D, monkeypatch) -> fused.FusedKernels:
    monkeypatch.setattr(fused, "_package", tiny_cuda_nn.package)
    return fused.FusedKernels(model.grid, model.mlp, torch.device("cpu"))


def read_twice(model: ATT3D, kernels: fused.FusedKernels | None):
    """Values and all gradients of three objects at points that are not sorted by object."""
    embedding = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(1))
    seeded = torch.Generator().manual_seed(2)
    points = (2.0 * torch.rand(700, 3, generator=seeded) - 1.0) * model.config.bound
    points = torch.where(
        points.norm(dim=1, keepdim=True) > model.config.bound, 0.5 * points, points
    )
    owner = torch.randint(3, (700,), generator=seeded)
    owner[owner == 1] = 0  # no point of one object
    pull = torch.randn(700, 4, generator=seeded)
    device = next(model.parameters()).device
    embedding, points, owner, pull = (t.to(device) for t in (embedding, points, owner, pull))
    model.fused = kernels
    model.zero_grad()
    density, color = model.eval().sample_owned(model.objects(embedding), points, owner)
    (density * pull[:, 0] + (color * pull[:, 1:]).sum(1)).sum().backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return torch.cat([density[:, None], color], 1).detach(), gradients


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_values_and_gradients_are_those_of_torch(grid, monkeypatch):
    model = model_of(grid, density_scale=2.0, gain=30.0)
    kernels = kernels_of(model, monkeypatch)
    kernels.check()
    ours, our_gradients = read_twice(model, kernels)
    wanted, gradients = read_twice(model, None)
    assert torch.allclose(ours, wanted, atol=2e-4)
    assert gradients.keys() == our_gradients.keys() and "mlp.head.bias" in gradients
    for name, gradient in gradients.items():
        error = (our_gradients[name] - gradient).norm() / gradient.norm().clamp_min(1e-9)
        assert error < 1e-3, name


def test_a1_the_boundary_of_the_cube_is_read_where_ours_is(monkeypatch):
    model = model_of(GridConfig(resolutions=(5, 9)))
    kernels = kernels_of(model, monkeypatch)
    values = torch.randn(1, model.grid.size)
    line = torch.tensor([-1.0, -0.999999, 0.0, 0.25, 0.999999, 1.0])
    points = torch.cartesian_prod(line, line, line)
    owner = torch.zeros(len(points), dtype=torch.long)
    ours = kernels.grid.read_owned(values, points, owner)
    assert torch.allclose(ours, model.grid.read_owned(values, points, owner), atol=1e-4)


def test_a_field_is_read_by_the_same_kernels(monkeypatch):
    from backend.model.field import Field

    model = model_of(GridConfig(resolutions=(5, 9))).eval()
    latent = torch.randn(4)
    points = torch.rand(300, 3) - 0.5
    line = torch.linspace(-1, 1, 7)
    wanted = Field(model, latent)
    model.fused = kernels_of(model, monkeypatch)
    ours = Field(model, latent)
    for mine, theirs in zip(ours.sample(points), wanted.sample(points), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)
    lattices = [field.lattice(line, line, line) for field in (ours, wanted)]
    assert torch.allclose(*lattices, atol=1e-5)


def test_other_layouts_are_noticed(monkeypatch):
    model = model_of(GridConfig(resolutions=(5, 9)))
    kernels = kernels_of(model, monkeypatch)
    monkeypatch.setattr(tiny_cuda_nn.Grid, "row", lambda self, corner: corner[:, 0] % self.rows)
    with pytest.raises(BadRequest, match="something else than torch"):
        kernels.check()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden": (32, 32)}, "one hidden layer"),
        ({"hidden": (20,)}, "multiple of 16"),
        ({"mapping": "concatenation"}, "concatenation"),
        ({"grid": GridConfig(resolutions=(5,), features=3)}, "3 features"),
    ],
)
def test_models_that_tiny_cuda_nn_cannot_compute(options, said, monkeypatch):
    model = model_of(**({"grid": GridConfig(resolutions=(5,))} | options))
    monkeypatch.setattr(fused, "_package", tiny_cuda_nn.package)
    with pytest.raises(BadRequest, match=said):
        use_accelerator(model, "tinycudann", torch.device("cuda"))
    assert use_accelerator(model, "auto", torch.device("cuda")) == "torch"


def test_without_the_package_and_with_an_old_one(monkeypatch, caplog):
    model = model_of(GridConfig(resolutions=(5,)))
    cuda = torch.device("cuda")
    monkeypatch.setitem(sys.modules, "tinycudann", None)
    with pytest.raises(BadRequest, match="cannot be loaded"):
        use_accelerator(model, "tinycudann", cuda)
    monkeypatch.setattr(fused, "_package", lambda: tiny_cuda_nn.package(silu=False))
    with pytest.raises(BadRequest, match="SiLU"):
        use_accelerator(model, "tinycudann", cuda)
    monkeypatch.setattr(accelerator.importlib.util, "find_spec", lambda name: object())
    with caplog.at_level(logging.WARNING):
        assert use_accelerator(model, "auto", cuda) == "torch"
    assert "torch instead of tinycudann" in caplog.text


@pytest.mark.parametrize(
    ("name", "said"),
    [("warp", "choose one of: auto, torch, tinycudann"), ("tinycudann", "needs a CUDA GPU")],
)
def test_wrong_use_is_one_clear_line(name, said, tiny_checkpoint_path, tmp_path, capsys):
    output = tmp_path / "ball.glb"
    arguments = ["generate", "a ball", "-o", str(output), "--device", "cpu"]
    arguments += ["--checkpoint", str(tiny_checkpoint_path), "--accelerator", name]
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 2 and said in error
    assert not output.exists()


@pytest.mark.gpu
@pytest.mark.parametrize("grid", list(GRIDS.values())[:3], ids=list(GRIDS)[:3])
def test_values_and_gradients_on_a_gpu(grid):
    pytest.importorskip("tinycudann", exc_type=(ImportError, OSError))
    model = model_of(grid, density_scale=2.0, gain=30.0).cuda()
    assert use_accelerator(model, "tinycudann", torch.device("cuda")) == "tinycudann"
    kernels = model.fused
    ours, our_gradients = read_twice(model, kernels)
    wanted, gradients = read_twice(model, None)
    assert torch.allclose(ours, wanted, rtol=0.02, atol=0.02)
    for name, gradient in gradients.items():
        error = (our_gradients[name] - gradient).norm() / gradient.norm().clamp_min(1e-9)
        assert error < 0.05, name

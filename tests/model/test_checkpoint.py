"""One-file checkpoints: what goes in comes out, and everything else is refused by name."""

import dataclasses
import json
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from backend.model.checkpoint import load_checkpoint, save_checkpoint, update_metadata
from backend.model.checkpoint_file import CheckpointMetadata, file_sha256, read_metadata
from backend.model.quantize import dequantize, quantize
from backend.protocol.errors import CheckpointError, OutputError
from tests.tiny import PROMPTS, TINY, tiny_checkpoint, tiny_model


def rewritten(path, target, *, metadata=None, tensors=None, drop=()):
    """A copy with other header fields and tensors."""
    with safe_open(path, framework="pt") as file:
        header = dict(file.metadata()) | (metadata or {})
        content = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    content = {k: v for k, v in (content | (tensors or {})).items() if k not in drop}
    save_file(content, target, header)
    return target


def saved(path, checkpoint, floor):
    """A loaded checkpoint, written again without its smallest vertices."""
    save_checkpoint(
        path, checkpoint.model, checkpoint.metadata, checkpoint.text_tensors, floor=floor
    )


@pytest.mark.parametrize(("storage", "tolerance"), [("float32", 1e-6), ("float16", 2e-3)])
def test_round_trip(tmp_path, storage, tolerance):
    path = tiny_checkpoint(tmp_path / "a.safetensors", storage=storage)
    checkpoint = load_checkpoint(path)
    assert checkpoint.metadata.prompts == PROMPTS
    assert checkpoint.metadata.config == TINY
    assert checkpoint.sha256 == file_sha256(path)
    embedding = checkpoint.encoder().encode(PROMPTS)
    original = tiny_model().eval().objects(embedding).values
    loaded = checkpoint.model.objects(embedding).values
    torch.testing.assert_close(loaded, original, atol=tolerance, rtol=tolerance)


def test_eight_bit_storage_is_bounded(tiny_checkpoint_path):
    checkpoint = load_checkpoint(tiny_checkpoint_path)
    embedding = checkpoint.encoder().encode(PROMPTS)
    original = tiny_model().eval().objects(embedding).values
    loaded = checkpoint.model.objects(embedding).values
    assert (loaded - original).norm() < 0.01 * original.norm()


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_quantisation_error_is_at_most_half_a_step(scale):
    weight = torch.randn(40, 5) * torch.logspace(-2, 0, 10).repeat_interleave(4)[:, None] * scale
    integers, steps, kept = quantize(weight, features=4)
    assert kept.all()
    error = (dequantize(integers, steps, 4) - weight).abs().view(10, -1).amax(1)
    assert (error <= 0.5001 * steps.float()).all()
    assert (steps.float() <= weight.abs().view(10, -1).amax(1) / 126 + 1e-7).all()


def test_zero_weights_stay_zero():
    integers, steps, _ = quantize(torch.zeros(8, 3), features=4)
    assert not dequantize(integers, steps, 4).any()


def test_vertices_below_the_floor_are_zero_and_not_stored():
    weight = torch.randn(40, 5) * torch.tensor([1e-3, 1.0]).repeat(5).repeat_interleave(4)[:, None]
    integers, steps, kept = quantize(weight, features=4, floor=0.01)
    assert kept.tolist() == [False, True] * 5
    assert len(integers) == 20
    assert len(steps) == 5
    back = dequantize(integers, steps, 4, kept).view(10, 20)
    assert not back[0::2].any()
    torch.testing.assert_close(back[1::2], weight.view(10, 20)[1::2], atol=0.02, rtol=0)


def test_a_tensor_of_which_nothing_is_kept_is_zero():
    integers, steps, kept = quantize(torch.full((8, 3), 1e-4), features=4, floor=0.01)
    assert not kept.any()
    back = dequantize(integers, steps, 4, kept)
    assert back.shape == (8, 3)
    assert not back.any()


@pytest.mark.parametrize("storage", ["int8", "float16"])
def test_a_compacted_checkpoint_is_the_same_without_its_smallest_vertices(tmp_path, storage):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    before = load_checkpoint(tiny_checkpoint(first, storage=storage))
    weight = before.model.mapping.decode.weight
    rows = weight.view(-1, TINY.grid.features * weight.shape[1])
    floor = rows.abs().amax(1).median().item()
    saved(second, before, floor)
    after = load_checkpoint(second)
    gone = rows.abs().amax(1) <= floor
    now = after.model.mapping.decode.weight.view_as(rows)
    assert not now[gone].any()
    torch.testing.assert_close(
        now[~gone], rows[~gone], atol=0.005 * rows.abs().max().item(), rtol=0
    )
    assert after.metadata == before.metadata
    assert second.stat().st_size < first.stat().st_size
    again = tmp_path / "c.safetensors"
    saved(again, after, floor)
    assert torch.equal(load_checkpoint(again).model.mapping.decode.weight, now.view_as(weight))


def test_metadata_is_read_without_weights(tiny_checkpoint_path):
    assert read_metadata(tiny_checkpoint_path).name == "tiny"


def test_metadata_can_be_replaced_alone(tmp_path):
    path = tiny_checkpoint(tmp_path / "a.safetensors")
    before = load_checkpoint(path)
    update_metadata(path, dataclasses.replace(before.metadata, metrics={"psnr": 30.0}))
    after = load_checkpoint(path)
    assert after.metadata.metrics == {"psnr": 30.0}
    for name, tensor in before.model.state_dict().items():
        assert torch.equal(tensor, after.model.state_dict()[name])


def refused(path, *words):
    with pytest.raises(CheckpointError) as info:
        load_checkpoint(path)
    for word in words:
        assert word in str(info.value)
    assert info.value.remedy
    assert "\n" not in str(info.value)


def test_missing_file(tmp_path):
    refused(tmp_path / "none.safetensors", "there is no model at", "none.safetensors")


def test_folder(tmp_path):
    refused(tmp_path, "cannot read")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 4096, b"{}" * 999])
def test_not_safetensors(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    refused(path, "is not a .safetensors file")


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was executed",))

    torch.save({"a": torch.zeros(2)}, tmp_path / "new.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "new.pt", "pickled")
    refused(tmp_path / "raw.pt", "pickled")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
def test_truncated(tmp_path, tiny_checkpoint_path, share):
    content = tiny_checkpoint_path.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "truncated")


def test_another_safetensors_file(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "not an ATT3D model")


def test_too_new(tmp_path, tiny_checkpoint_path):
    path = rewritten(
        tiny_checkpoint_path, tmp_path / "a.safetensors", metadata={"format_version": "99"}
    )
    refused(path, "99", "newer")


def test_missing_wrong_and_extra_tensors(tmp_path, tiny_checkpoint_path):
    target = tmp_path / "a.safetensors"
    rewritten(tiny_checkpoint_path, target, drop=("mlp.head.bias",))
    refused(target, "mlp.head.bias is missing")
    rewritten(tiny_checkpoint_path, target, tensors={"mlp.head.bias": torch.zeros(5)})
    refused(target, "mlp.head.bias")
    rewritten(tiny_checkpoint_path, target, tensors={"mlp.head.bias": torch.full((4,), torch.nan)})
    refused(target, "not finite")
    rewritten(tiny_checkpoint_path, target, tensors={"stowaway": torch.zeros(1)})
    refused(target, "stowaway")


def test_broken_metadata(tmp_path, tiny_checkpoint_path):
    target = tmp_path / "a.safetensors"
    rewritten(tiny_checkpoint_path, target, metadata={"metadata": "{"})
    refused(target, "metadata")
    content = dataclasses.asdict(read_metadata(tiny_checkpoint_path)) | {"prompts": 7}
    rewritten(tiny_checkpoint_path, target, metadata={"metadata": json.dumps(content)})
    refused(target, "prompts")


def test_unwritable_folder_is_an_output_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(OutputError):
        save_checkpoint(
            blocked / "a.safetensors", tiny_model(), CheckpointMetadata("x", TINY, {"kind": "none"})
        )


def test_a_failed_save_keeps_the_file_that_was_there(tmp_path, monkeypatch):
    path = tiny_checkpoint(tmp_path / "a.safetensors")
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.model.checkpoint.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        tiny_checkpoint(path, seed=5)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]

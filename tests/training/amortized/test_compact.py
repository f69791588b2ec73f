"""Compacting leaves out what no picture needs, and nothing else."""

import dataclasses

import pytest
import torch

from backend.model.checkpoint import load_checkpoint, update_metadata
from backend.paths import default_checkpoint
from backend.rendering.cameras import orbit
from backend.rendering.volume import render_field
from training import cli
from training.amortized.compact import compact
from training.amortized.evaluation import psnr


@pytest.fixture(autouse=True)
def few_prompts(monkeypatch):
    """As many as a test can wait for."""
    monkeypatch.setattr("training.amortized.compact.PROMPTS", 8)


def test_no_picture_of_a_bundled_chain_changes(tmp_path):
    chain = default_checkpoint().with_name("baby-dragon.safetensors")
    target = tmp_path / "small.safetensors"
    done = compact(chain, target, decibels=40.0)
    before, after = load_checkpoint(chain), load_checkpoint(target)
    assert after.metadata == before.metadata
    assert done.after <= done.before == chain.stat().st_size
    assert done.left_out > 0.3
    embedding = before.encoder().encode(["a baby dragon"])[0]
    pictures = [
        render_field(checkpoint.field(embedding), orbit(1, start=200.0), 48)[0]
        for checkpoint in (before, after)
    ]
    assert psnr(*pictures) > 38.0


def test_what_every_object_needs_stays(short_run, tmp_path):
    done = compact(short_run, tmp_path / "small.safetensors", decibels=90.0)
    first = load_checkpoint(short_run).model.mapping.decode.weight
    kept = load_checkpoint(tmp_path / "small.safetensors").model.mapping.decode.weight
    assert done.left_out < 0.5
    assert (kept == 0).float().mean() <= 0.5
    torch.testing.assert_close(kept[kept != 0], first[kept != 0], atol=0.01, rtol=0.1)


def test_the_command_replaces_the_file(short_run, tmp_path, capsys):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(short_run.read_bytes())
    assert cli.main(["compact", str(path), "--decibels", "30"]) == 0
    assert "of the vertices left out" in capsys.readouterr().out
    assert path.stat().st_size < short_run.stat().st_size
    assert load_checkpoint(path).metadata == load_checkpoint(short_run).metadata
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]


def test_bad_input_is_refused_in_one_line(short_run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        cli.main(["compact", "--help"])
    assert "decibels" in capsys.readouterr().out
    (tmp_path / "text.safetensors").write_text("hello")
    assert cli.main(["compact", str(tmp_path / "text.safetensors")]) == 2
    assert "is not a .safetensors file" in capsys.readouterr().err
    for nonsense in ("0", "-3", "nan", "inf", "100.1", "1e308"):
        assert cli.main(["compact", str(short_run), f"--decibels={nonsense}"]) == 2
        assert "must be positive" in capsys.readouterr().err
    nameless = tmp_path / "nameless.safetensors"
    nameless.write_bytes(short_run.read_bytes())
    metadata = dataclasses.replace(load_checkpoint(short_run).metadata, prompts=[], unseen=[])
    update_metadata(nameless, metadata)
    assert cli.main(["compact", str(nameless)]) == 2
    assert "names no prompts" in capsys.readouterr().err

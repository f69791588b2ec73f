"""Wrong use of ``python -m training``: one line on what and why, one on what to do, exit code 2."""

import os

import pytest

from training import cli

WRONG = [
    (["train", "--preset", "toybox-tiny", "--batch", "0"], "--batch"),
    (["train", "--preset", "toybox-tiny", "--save-every", "0"], "--save-every"),
    (["train", "--preset", "toybox-tiny", "--sheet-every", "0"], "--sheet-every"),
    (["train", "--preset", "toybox-tiny", "--steps", "-5"], "--steps"),
    (["train", "--preset", "toybox-tiny", "--device", "cuda:77"], "cuda:77"),
    (["train", "--preset", "toybox-tiny", "--accelerator", "warp"], "auto, torch, tinycudann"),
    (["train", "--preset", "toybox-tiny", "--device", "cpu", "--accelerator", "tinycudann"], "GPU"),
    (["train", "--preset", "toybox-tiny", "--references.rays", "-1"], "--references.rays"),
    (["train", "--diffusion-preset", "nothing"], "nothing"),
    (["finetune", "none.safetensors", "--prompt", "a pig", "--steps", "0"], "--steps"),
    (["refine", "none.safetensors", "--prompt", "a pig", "--stiffness", "-1"], "--stiffness"),
    (["evaluate", "none.safetensors", "--count", "-1"], "--count"),
    (["sheet", "none.safetensors", "--tile", "0"], "--tile"),
    (["clip", "--batch", "0"], "--batch"),
    (["clip", "--bank.views", "0"], "--bank.views"),
    (["diffusion", "--preset", "tiny", "--steps", "-5"], "--steps"),
    (["diffusion", "--preset", "tiny", "--data.chunk", "0"], "--data.chunk"),
    (["diffusion", "--preset", "tiny", "--device", "cuda:77"], "cuda:77"),
]


@pytest.mark.parametrize(("arguments", "named"), WRONG)
def test_a_value_that_cannot_be_is_named_before_any_work(
    arguments, named, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 2 and error.startswith("error: ")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["train", "diffusion"])
def test_a_file_where_the_runs_folder_should_be(command, capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    preset = {"train": "toybox-tiny", "diffusion": "tiny"}[command]
    arguments = [command, "--preset", preset, "--run", str(tmp_path / "file"), "--device", "cpu"]
    assert cli.main(arguments) == 1
    assert "it is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--preset", "toybox-tiny", "--run"],
        ["sheet", "x.safetensors", "-o"],
        ["library", "-o"],
    ],
)
def test_an_empty_path_is_not_the_current_folder(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as info:
        cli.main([*arguments, ""])
    assert info.value.code == 2
    assert "it names no file or folder" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


def test_a_split_that_there_is_not(capsys):
    with pytest.raises(SystemExit) as info:
        cli.main(["prompts", "pig64", "--split", "foo"])
    assert info.value.code == 2
    assert "foo" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    ["train", "finetune", "refine", "evaluate", "sheet", "compact", "prompts", "clip", "figure"],
)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as info:
        cli.main([command, "--help"])
    assert info.value.code == 0
    assert f"usage: python -m training {command}" in capsys.readouterr().out

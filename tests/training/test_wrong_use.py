"""Wrong use of ``python -m training``: one line on what and why, one on what to do, exit code 2."""

import os

import pytest

from backend.protocol.errors import BadRequest, CheckpointError
from tests.training.small import small_config
from training import cli
from training.amortized.run import train

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
    (["train", "--preset", "toybox-sds", "--device", "cpu"], "diffusion --preset cpu32"),
    (["train", "--preset", "toybox-sds-64", "--device", "cpu"], "diffusion --preset cpu64"),
    (["train", "--preset", "paper-df27", "--device", "cpu"], "df27.txt"),
    (["train", "--preset", "paper-df411", "--device", "cpu"], "dreamfusion_prompts.json"),
    (["finetune", "none.safetensors", "--prompt", "a pig", "--steps", "0"], "--steps"),
    (["refine", "none.safetensors", "--prompt", "a pig", "--stiffness", "-1"], "--stiffness"),
    (["evaluate", "none.safetensors", "--count", "-1"], "--count"),
    (["sheet", "none.safetensors", "--tile", "0"], "--tile"),
    (["clip", "--batch", "0"], "--batch"),
    (["clip", "--bank.views", "0"], "--bank.views"),
    (["diffusion", "--preset", "tiny", "--steps", "-5"], "--steps"),
    (["diffusion", "--preset", "tiny", "--data.chunk", "0"], "--data.chunk"),
    (["diffusion", "--preset", "tiny", "--device", "cuda:77"], "cuda:77"),
    *((["train", "--preset", "toybox-tiny", *words.split()], named) for words, named in {
        "--device meta": "'meta'",
        "--device cpu:5": "'cpu:5'",
        f"--steps {10**20}": "--steps",
        "--watched 0": "--watched",
        "--optimizer.eps 0": "--optimizer.eps",
        "--cameras.distance 0 0": "--cameras.distance",
        "--cameras.close 2": "--cameras.close",
        "--cameras.zoom 0.5": "--cameras.zoom",
        "--cameras.heights 1 0": "--cameras.heights",
        "--model.hidden 0": "model.hidden",
        "--model.latent 0": "model.latent",
        "--model.grid.resolutions 1": "grid.resolutions",
        "--model.grid.features 0": "grid.features",
        "--model.conditions x:1:0:5": "condition x",
        "--model.conditions colour:1:5:3": "nothing hears the condition 'colour'",
        "--model.conditions guidance_weight:1:5:3": "references do not hear",
        "--model.conditions guidance_weight:1:5:9": "default of the condition",
        "--model.conditions guidance_weight:0:5:3:log": "needs low > 0",
        "--model.conditions x:0:inf:5": "finite",
        "--references.points 0": "--references.*",
        "--references.points 0 --references.rays 0": "--references.*",
        "--name a/b": "--name",
        "--name ..": "--name",
    }.items()),
    *((["diffusion", "--preset", "tiny", *words.split()], named) for words, named in {
        "--unet.size 15": "multiple of 4",
        "--unet.patch 0": "--unet.*",
        "--unet.channels 16 0": "--unet.*",
        "--unet.groups 5": "5 groups",
        "--unet.heads 3": "3 heads",
        "--unet.attention True": "--unet.*",
        "--data.views close": "close-ups",
        "--data.cameras.close 0.5": "close-ups",
        "--watched 0": "--watched",
        "--scored 0": "--scored",
        "--name a/b": "--name",
    }.items()),
    (["clip", "--minutes", "0"], "--minutes"),
    (["clip", "--seed", "-1"], "--seed"),
    (["library", "a.glb", "--workers", "-1"], "--workers"),
    (["sheet", "none.safetensors", "-o", "x.gif"], ".png, .jpg, .jpeg"),
    (["compact", "none.safetensors", "-o", "x.txt"], ".safetensors"),
    (["clip", "--output", "x.txt"], ".safetensors"),
]  # fmt: skip


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


@pytest.mark.parametrize(
    "arguments",
    [
        *(["train", "--preset", "toybox-tiny", option] for option in ("--prompt", "--name")),
        ["train", "--preset"],
        ["finetune", "none.safetensors", "--prompt"],
        ["evaluate", "none.safetensors", "--scoring"],
        ["library", "a.glb", "--template"],
        ["prompts"],
        ["figure"],
    ],
)
def test_an_empty_value_is_not_the_default(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as info:
        cli.main([*arguments, ""])
    assert info.value.code == 2
    assert "it is empty" in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--preset", "toybox-tiny", "--name"],
        ["train", "--preset", "toybox-tiny", "--prompt"],
        ["train", "--preset", "toybox-tiny", "--run"],
        ["library", "a.glb", "--author"],
    ],
)
def test_stray_bytes_are_no_text(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as info:
        cli.main([*arguments, "a\udcff"])
    assert info.value.code == 2
    assert "not valid Unicode" in " ".join(capsys.readouterr().err.split())


IN_THE_WAY = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a circle of links": lambda path: os.symlink(path, path),
    "a read-only file": lambda path: path.touch(0o400),
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("kind", [*IN_THE_WAY, "a long name"])
@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        (["sheet", "none.safetensors", "-o"], ".png"),
        (["compact", "none.safetensors", "-o"], ".safetensors"),
        (["clip", "--output"], ".safetensors"),
        (["refine", "none.safetensors", "--prompt", "a pig", "--run", "run", "--output"], ".glb"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_read(
    arguments, ending, kind, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ("x" * 300 + ending if kind == "a long name" else f"Schwein 豚{ending}")
    if kind in IN_THE_WAY:
        IN_THE_WAY[kind](path)
    before = os.listdir(tmp_path)
    assert cli.main([*arguments, str(path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 2 and str(path) in error
    assert os.listdir(tmp_path) == before


def test_a_figure_that_cannot_be_written_is_refused_before_its_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "kappa-cpu.png").mkdir(parents=True)
    assert cli.main(["figure", "kappa", "-o", "out"]) == 1
    assert "kappa-cpu.png is a folder" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["out"]


def test_a_refused_run_leaves_no_folder(capsys, tmp_path):
    run = tmp_path / "run"
    train = ["train", "--preset", "toybox-tiny", "--device", "cpu", "--run", str(run)]
    assert cli.main([*train, "--prompts", "none.txt"]) == 2
    assert "none.txt" in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize("name", ["nothing", "ViT-B-32/nothing", "none.safetensors"])
def test_a_scoring_model_that_there_is_not_is_noticed_before_the_first_step(name, tmp_path):
    with pytest.raises((BadRequest, CheckpointError)):
        train(small_config(tmp_path / "run", scoring=name))
    assert os.listdir(tmp_path) == []


HOSTILE = {
    "prompts.json": "[" * 100_000,
    "numbers.json": "[" + "1" * 5000 + "]",
    "folder.txt": os.mkdir,
    "pipe.txt": os.mkfifo,
    "circle.txt": lambda path: os.symlink(path, path),
    "latin.txt": b"ein M\xe4dchen",
    "empty.txt": "",
}


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("arguments", [["prompts"], ["library", "a.glb", "--captions"]])
def test_a_hostile_file_is_one_clear_line(arguments, name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = HOSTILE[name]
    path = tmp_path / name
    if callable(make):
        make(path)
    else:
        path.write_bytes(make if isinstance(make, bytes) else make.encode())
    assert cli.main([*arguments, name]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 2 and name in error


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

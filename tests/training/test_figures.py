"""``python -m training figure``: runs, a picture and its numbers; it goes on where it stopped."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from backend.protocol.errors import TrainingError
from tests.training.guidance import pipelines
from tests.training.open_clip import save_tiny_open_clip
from training import cli
from training.amortized.config import TrainConfig
from training.figures import figure as figures
from training.figures.catalog import FIGURES
from training.figures.figure import Finished, Run
from training.figures.plots import contact_sheets, quality_curves
from training.options import parse_options

SMALL = [
    "--rendering.size", "8", "--rendering.samples", "4", "--batch", "1", "--steps", "1",
    "--watched", "1", "--scored", "1", "--sheet-every", "1", "--device", "cpu", "--no-compiled",
    "--model.width", "16", "--model.latent", "2", "--model.grid.resolutions", "5",
    "--diffusion-options.precision", "fp32", "--diffusion-options.variant", "None",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in FIGURES for scale in FIGURES[name].scales]
)
def test_every_run_of_every_figure_parses_and_has_a_folder_of_its_own(
    name, scale, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "df27.txt").write_text("\n".join(f"thing {n}" for n in range(27)))
    runs = FIGURES[name].runs(scale)
    assert len({figures.folder_name(run.label) for run in runs}) == len(runs) >= 1
    assert all(
        run.start in [other.label for other in runs[:at]]
        for at, run in enumerate(runs)
        if run.start
    ), "what a run goes on from is trained before it"
    for run in runs[:3]:
        config = parse_options(TrainConfig, ["--steps", "3"], default=run.config)
        assert config == dataclasses.replace(run.config, steps=3)


def test_a23_a24_the_papers_counts():
    pig, animal = FIGURES["quality-pig"].runs("paper"), FIGURES["quality-animal"].runs("paper")
    assert len(pig) == 1 + 56 and len(animal) == 1 + 300
    assert (pig[0].config.batch, pig[0].config.steps) == (128, 40_000)
    assert (pig[1].config.batch, pig[1].config.steps) == (32, 8_000)
    assert pig[1].prompts is not None and len(pig[1].prompts.seen) == 1
    assert len(pig[1].prompts.prompts) == 64, "scored against the whole set"


@pytest.mark.parametrize(("name", "count"), [("df27", 27), ("animal50", 50), ("animal300", 300)])
def test_b21_the_papers_baselines(name, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "df27.txt").write_text("\n".join(f"thing {n}" for n in range(27)))
    runs = FIGURES[f"baselines-{name}"].runs("paper")
    assert len({run.prompts.seen for run in runs}) == len(runs) == count
    assert all(len(run.prompts.seen) == 1 for run in runs)
    assert {(run.config.batch, run.config.steps) for run in runs} == {(32, 8_000)}


def test_a_prompt_alone_gets_four_times_the_frames_on_two_cores():
    amortized, *alone = FIGURES["quality-pig"].runs("cpu")
    frames = amortized.config.steps * amortized.config.batch / 72  # seen prompts of compose96
    for run in alone:
        assert run.config.steps * run.config.batch == pytest.approx(4 * frames, rel=0.01)


@pytest.fixture
def short_figure(tmp_path, monkeypatch):
    """The command of a figure of two runs at the paper's scale, with tiny random weights."""
    monkeypatch.chdir(tmp_path)
    whole = FIGURES["kappa"]
    short = dataclasses.replace(whole, scales={"paper": lambda: whole.runs("paper")[:2]})
    monkeypatch.setitem(FIGURES, "kappa", short)
    clip = save_tiny_open_clip(tmp_path / "clip")
    pipelines.deepfloyd_if(tmp_path / "if")
    (tmp_path / "two.txt").write_text("a lemur playing chess\na corgi\n")
    return [
        *("figure", "kappa", "--scale", "paper", "--output", "out", "--", *SMALL),
        *("--prompts", "two.txt", "--text", str(clip), "--scoring", str(clip)),
        *("--diffusion-model", str(tmp_path / "if")),
    ]


@pytest.mark.parametrize(
    ("name", "count"), [("unseen", 3), ("trajectory", 1), ("more-chains", 1), ("between", 1)]
)
def test_the_papers_runs_train_three_steps_on_tiny_random_weights(
    name, count, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    whole = FIGURES[name]
    short = dataclasses.replace(whole, scales={"paper": lambda: whole.runs("paper")[:count]})
    monkeypatch.setitem(FIGURES, name, short)
    clip = save_tiny_open_clip(tmp_path / "clip")
    pipelines.deepfloyd_if(tmp_path / "if")
    (tmp_path / "dreamfusion_prompts.json").write_text(json.dumps(["a corgi", "a fox", "an owl"]))
    options = ["--text", str(clip), "--scoring", str(clip), "--steps", "3", "--sheet-every", "3"]
    options += ["--diffusion-model", str(tmp_path / "if")]
    command = ["figure", name, "--scale", "paper", "-o", "out", "--", *SMALL, *options]
    assert cli.main(command) == 0, capsys.readouterr().err
    said = json.loads(Path(f"out/{name}-paper.json").read_text())
    assert len(said["runs"]) == count
    assert all(points[-1]["step"] == 3 for points in said["runs"].values())
    assert Path(f"out/{name}-paper.png").read_bytes().startswith(b"\x89PNG")
    if name == "trajectory":
        assert said["steps"] == [0, 3]
    if name == "unseen":
        first = {label: points[0]["step"] for label, points in said["runs"].items()}
        assert list(first) == ["amortized pig64", "fine-tuned pig64 0", "one prompt pig64 0"]
        assert set(first.values()) == {0}


def test_a_figure_goes_on_where_it_stopped(short_figure, monkeypatch, capsys):
    train, replacing = figures.train, figures.replacing

    def interrupted(config, prompts):
        if config.name == "kappa 0.5":
            raise KeyboardInterrupt
        return train(config, prompts)

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(figures, "train", interrupted)
    assert cli.main(short_figure) == 130, capsys.readouterr().err
    first = _states()
    assert len(first) == 1 and not Path("out").exists()

    monkeypatch.setattr(figures, "train", train)
    monkeypatch.setattr(figures, "replacing", full)
    assert cli.main(short_figure) == 1
    error = capsys.readouterr().err.splitlines()
    assert error[-2].startswith("error: cannot write the figure to out: ")
    assert "No space left" in error[-2] and "runs are kept" in error[-1]
    both = _states()
    assert len(both) == 2 and first.items() <= both.items()
    assert not list(Path("out").iterdir())

    monkeypatch.setattr(figures, "replacing", replacing)
    assert cli.main(short_figure) == 0
    assert _states() == both, "what is finished is not trained again"
    said = json.loads(Path("out/kappa-paper.json").read_text())
    assert (said["figure"], said["scale"]) == ("19", "paper")
    assert list(said["runs"]) == ["kappa 0.1", "kappa 0.5"]
    assert Path("out/kappa-paper.png").read_bytes().startswith(b"\x89PNG")


def _states():
    return {path: path.read_bytes() for path in Path("runs").rglob("state.safetensors")}


def test_a34_a35_runs_of_a_group_are_averaged_into_one_line():
    def finished(label, group, *precisions):
        curve = [
            {"frames_per_prompt": 10.0 * n, "r_precision": {"seen": p}, "r_probability": {}}
            for n, p in enumerate(precisions)
        ]
        return Finished(Run(label, TrainConfig(), group=group), Path("none"), curve)

    plot, numbers = quality_curves(
        [
            finished("all", "amortized", 0.0, 0.75),
            finished("first", "one prompt", 0.25, 0.5),
            finished("second", "one prompt", 0.75, 1.0),
        ]
    )
    alone = [point["r_precision"]["seen"] for point in numbers["lines"]["one prompt"]]
    assert alone == [0.5, 0.75]
    drawn = {line.get_label(): list(line.get_ydata()) for line in plot.axes[0].lines}
    assert drawn == {"amortized, seen": [0.0, 0.75], "one prompt, seen": [0.5, 0.75]}


def test_a37_contact_sheets_are_read_by_step_and_other_pictures_are_not(tmp_path):
    (tmp_path / "sheets").mkdir()
    for name, side in (("000100", 4), ("000020", 2), ("mine", 9)):
        Image.new("RGB", (side, side)).save(tmp_path / "sheets" / f"{name}.png")
    found = contact_sheets(tmp_path)
    assert [(step, picture.shape) for step, picture in found.items()] == [
        (20, (2, 2, 3)),
        (100, (4, 4, 3)),
    ]


@pytest.mark.skipif(os.name == "nt", reason="no pipes among its files")
@pytest.mark.parametrize("kind", ["none", "cut off", "text", "a pipe", "a folder"])
def test_a37_a_contact_sheet_that_cannot_be_read_says_what_to_do(tmp_path, kind):
    (tmp_path / "sheets").mkdir()
    path = tmp_path / "sheets" / "000020.png"
    if kind == "cut off":
        Image.effect_noise((64, 64), 50).save(path)
        path.write_bytes(path.read_bytes()[:500])
    elif kind == "text":
        path.write_text("a picture")
    elif kind != "none":
        {"a pipe": os.mkfifo, "a folder": os.mkdir}[kind](path)
    with pytest.raises(
        TrainingError, match=r"no contact sheets|000020\.png cannot be read"
    ) as info:
        contact_sheets(tmp_path)
    assert "delete the run's folder" in info.value.remedy


WRONG = [
    (["99"], "quality-pig (6)"),
    (["kappa", "--scale", "huge"], "choose one of: cpu, paper"),
    (["quality-animal", "--scale", "cpu"], "choose one of: paper"),
    (["kappa", "--", "--batch", "0"], "--batch"),
    (["kappa", "--", "--run", "mine"], "leave out --run"),
    (["quality-pig", "--", "--name", "mine"], "leave out --name"),
    (["kappa", "--", "--prompts", "pig64"], "leave out --prompts"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_use_is_one_clear_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["figure", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("error: ") and error.count("\n") == 2
    assert not list(tmp_path.iterdir())


def test_several_processes_are_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert cli.main(["figure", "kappa"]) == 2
    assert "without torchrun" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["figure"], ["figure", "kappa", "--", "--wings", "2"]])
def test_what_the_command_line_does_not_know(arguments, capsys):
    with pytest.raises(SystemExit) as info:
        cli.main(arguments)
    assert info.value.code == 2
    assert "figure" in capsys.readouterr().err


def test_a_file_where_the_output_folder_should_be(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").write_text("mine")
    assert cli.main(["figure", "kappa", "--output", "out"]) == 1
    assert "cannot write the figure to out" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing was trained"


def test_a_figure_whose_run_is_refused_leaves_no_folder(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["figure", "kappa", "-o", "a/b", "--", "--diffusion-model", "missing"]
    assert cli.main(arguments) == 2
    assert "missing" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*"))

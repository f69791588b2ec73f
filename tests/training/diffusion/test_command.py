"""``python -m training diffusion`` from end to end."""

import json

import pytest
import torch

from tests.training.diffusion.parts import tiny_config
from training import cli
from training.diffusion import load_pixel_model, train_diffusion
from training.prompts.views import VIEW_WORDS

OPTIONS = ["--preset", "tiny", "--steps", "2", "--data.chunk", "4", "--save-every", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The run folder of a finished run of two steps over two prompts."""
    folder = tmp_path_factory.mktemp("diffusion")
    prompts = folder / "prompts.txt"
    prompts.write_text("a pig\na robot wearing a tophat\n")
    options = [*OPTIONS, "--data.prompts", str(prompts), "--run", str(folder / "run")]
    assert cli.main(["diffusion", *options]) == 0
    return folder / "run"


def test_it_leaves_a_model_that_says_how_it_was_made(folder):
    unet, _, encoder, config = load_pixel_model(folder / "model")
    assert config.recipe["steps"] == 2
    assert config.recipe["images"] == 8
    assert config.recipe["config"]["data"]["chunk"] == 4
    assert set(config.recipe["figures"]) == {
        "held-out loss", "caption accuracy", "of real pictures", "view accuracy",
    }  # fmt: skip
    with torch.no_grad():
        v = unet(torch.zeros(1, 3, 16, 16), torch.tensor([5]), encoder.encode(["a pig"]))
    assert v.shape == (1, 3, 16, 16)


def test_it_leaves_state_pictures_and_curves(folder):
    assert (folder / "state.safetensors").exists()
    assert (folder / "sheets" / "000002.png").stat().st_size > 1000
    assert list((folder / "tensorboard").iterdir())
    assert (folder / "log.txt").read_text().startswith("step 2, ")


def test_a_run_goes_on_from_a_finished_model(folder, tmp_path):
    """Its first network is that model's; one step at a rate of nothing changes no weight."""
    options = [*OPTIONS, "--steps", "1", "--lr", "0", "--start", str(folder / "model")]
    prompts = ["--data.prompts", str(folder.parent / "prompts.txt")]
    assert cli.main(["diffusion", *options, *prompts, "--run", str(tmp_path / "run")]) == 0
    before, _, text, _ = load_pixel_model(folder / "model")
    after, _, text_after, config = load_pixel_model(tmp_path / "run/model")
    for name, weight in after.state_dict().items():
        assert torch.equal(weight, before.state_dict()[name]), name
    assert text_after.fingerprint == text.fingerprint
    assert config.recipe["config"]["start"] == str(folder / "model")


def test_it_may_go_on_with_other_view_words(folder, tmp_path):
    options = [*OPTIONS, "--steps", "1", "--lr", "0", "--start", str(folder / "model")]
    prompts = ["--data.prompts", str(folder.parent / "prompts.txt"), "--data.views", "angles"]
    assert cli.main(["diffusion", *options, *prompts, "--run", str(tmp_path / "run")]) == 0
    _, _, sides, _ = load_pixel_model(folder / "model")
    _, _, text, config = load_pixel_model(tmp_path / "run/model")
    assert config.views == "angles" and set(text.views) == set(VIEW_WORDS["angles"])
    assert torch.equal(text.views["azimuth 180 elevation 20"], sides.views["rear view"])


def test_a_model_of_another_shape_is_refused(folder, tmp_path, capsys):
    options = [*OPTIONS, "--unet.layers", "2", "--start", str(folder / "model")]
    assert cli.main(["diffusion", *options, "--run", str(tmp_path / "run")]) == 2
    assert "has another shape" in capsys.readouterr().err


def test_a_run_over_seen_prompts_only(tmp_path, monkeypatch):
    from dataclasses import replace

    from training.diffusion import run

    seen = {}

    class Stop(Exception):
        pass

    def watch(prompts, *_args, **_settings):
        seen["prompts"] = prompts
        raise Stop

    monkeypatch.setattr(run, "ViewMaker", watch)
    config = tiny_config(tmp_path)
    for split, count in (("all", 96), ("seen", 72)):
        with pytest.raises(Stop):
            train_diffusion(replace(config, data=replace(config.data, split=split)))
        assert len(seen["prompts"]) == count


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--preset", "huge"], "no preset 'huge'"),
        (["--preset", "tiny", "--data.prompts", "nowhere"], "no prompt set 'nowhere'"),
        (["--preset", "tiny", "--text", "ViT-L-14/openai"], "too large"),
        (["--preset", "tiny", "--device", "abacus"], "abacus"),
        (["--preset", "tiny", "--start", "nowhere"], "nowhere"),
    ],
)
def test_wrong_use_is_named(arguments, word, tmp_path, capsys):
    assert cli.main(["diffusion", *arguments, "--run", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a pig\n")
    options = [*OPTIONS, "--data.prompts", str(prompts), "--run", str(tmp_path / "file" / "run")]
    assert cli.main(["diffusion", *options]) == 1
    assert "file" in capsys.readouterr().err


def test_the_options_are_listed(capsys):
    with pytest.raises(SystemExit) as info:
        cli.main(["diffusion", "--help"])
    assert info.value.code == 0
    said = capsys.readouterr().out
    assert "--data.albedo-share" in said
    assert "cpu32" in said


def test_the_recipe_is_json(folder):
    described = json.loads((folder / "model" / "att3d.json").read_text())
    assert described["prompts"].endswith("prompts.txt")

"""R-precision and R-probability as the paper has them: per view, over all queries, then averaged
(A34)."""

import dataclasses
import json

import pytest
import torch

from backend.protocol.errors import BadRequest, CheckpointError
from backend.text.open_clip_import import import_open_clip
from tests.training.open_clip import save_tiny_open_clip
from training import cli
from training.amortized.r_metrics import Queries, UnknownWords, r_score
from training.clip.open_clip_scorer import OpenClipScorer
from training.clip.scoring import ScoringClip, load_scorer


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory):
    """A random open_clip model in a folder."""
    return save_tiny_open_clip(tmp_path_factory.mktemp("tiny-clip"))


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def test_each_view_is_scored_by_itself_against_all_queries_then_averaged():
    torch.manual_seed(0)
    images, queries, index, scale = unit(4, 16), unit(30, 16), 7, 20.0
    first, probability = 0.0, 0.0
    for view in images:
        logits = [scale * float(view @ query) for query in queries]
        total = sum(torch.tensor(logits).exp().tolist())
        probability += float(torch.tensor(logits[index]).exp()) / total / 4
        first += (max(range(30), key=logits.__getitem__) == index) / 4
    found = r_score(images, queries, scale, index)
    assert found.r_precision == first
    assert found.r_probability == pytest.approx(probability, rel=1e-4)


def test_one_recognised_view_of_four_is_a_quarter_however_sure_it_is():
    queries = torch.eye(3)
    images = queries[[0, 1, 1, 1]]
    found = r_score(images, queries, 100.0, 0)
    assert found.r_precision == pytest.approx(0.25)
    assert found.r_probability == pytest.approx(0.25, abs=1e-6)
    assert found.joint_r_precision == 0.0


def test_views_that_differ_may_agree_in_their_mean():
    """The joint figure is another one: two half-right views are right together."""
    queries = torch.eye(4)
    images = torch.nn.functional.normalize(
        torch.tensor([[0.6, 0.7, 0.0, 0.0], [0.6, 0.0, 0.7, 0.0]]), dim=-1
    )
    found = r_score(images, queries, 10.0, 0)
    assert found.r_precision == 0.0 and found.joint_r_precision == 1.0


@dataclasses.dataclass
class Wordless:
    """A scorer of one-hot pictures."""

    name: str = "wordless"
    logit_scale: float = 10.0

    def image_features(self, rgb):
        return rgb.mean((1, 2))

    def text_features(self, prompts):
        return torch.eye(3)[: len(prompts)]

    def unknown_words(self, prompts):
        return []


def test_further_queries_follow_and_none_counts_twice():
    queries = Queries(Wordless(), ["a", "b"], ["b", "c", "c"])
    assert queries.prompts == ("a", "b", "c")
    assert queries.chance == pytest.approx(1 / 3)
    red = torch.zeros(4, 2, 2, 3)
    red[..., 0] = 1.0
    assert queries.score(red, 0).r_precision == 1.0
    assert queries.score(red, 1).r_precision == 0.0


def test_the_bundled_scorer_refuses_words_that_it_never_saw_and_names_them():
    scorer = ScoringClip.load()
    assert scorer.unknown_words(["a pig wearing a tophat", "two pigs in party hats"]) == ["two"]
    with pytest.raises(UnknownWords, match="lemur, chess, corgi"):
        Queries(scorer, ["a lemur playing chess", "a corgi on a bike"])


def test_any_open_clip_model_scores(tiny_clip):
    """Features equal those of open_clip's own preprocessing."""
    scorer = load_scorer(str(tiny_clip))
    assert scorer.name == str(tiny_clip)
    open_clip = import_open_clip()
    model = open_clip.create_model(f"local-dir:{tiny_clip}").eval()
    preprocess = open_clip.image_transform(
        32, is_train=False, mean=model.visual.image_mean, std=model.visual.image_std
    )
    levels = torch.randint(0, 256, (2, 48, 48, 3), dtype=torch.uint8)
    from PIL import Image

    with torch.no_grad():
        pictures = torch.stack([preprocess(Image.fromarray(p.numpy())) for p in levels])
        truth = torch.nn.functional.normalize(model.encode_image(pictures), dim=-1)
        ids = open_clip.get_tokenizer(f"local-dir:{tiny_clip}")(["a lemur"])
        said = torch.nn.functional.normalize(model.encode_text(ids), dim=-1)
    torch.testing.assert_close(scorer.image_features(levels / 255.0), truth, atol=0.02, rtol=0)
    torch.testing.assert_close(scorer.text_features(["a lemur"]), said)
    assert scorer.logit_scale == pytest.approx(model.logit_scale.exp().item())
    assert scorer.unknown_words(["zxqy"]) == []


def test_a_local_weights_file_beside_its_description_will_do(tiny_clip):
    by_file = load_scorer(str(tiny_clip / "open_clip_model.safetensors"))
    assert isinstance(by_file, OpenClipScorer)
    prompts = ["a pig"]
    assert torch.equal(
        by_file.text_features(prompts), load_scorer(str(tiny_clip)).text_features(prompts)
    )


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("no-such-scorer", BadRequest, "no-such-scorer"),
        ("ViT-B-23/openai", BadRequest, "ViT-B-23"),
        ("gone.safetensors", CheckpointError, "gone.safetensors"),
    ],
)
def test_an_unknown_scorer_is_named(name, error, said):
    with pytest.raises(error, match=said):
        load_scorer(name)


def test_evaluate_scores_foreign_prompts_by_open_clip_among_further_queries(
    short_run, tiny_clip, tmp_path, capsys
):
    prompts, queries = tmp_path / "two.txt", tmp_path / "more.txt"
    prompts.write_text("a lemur playing chess\na chimpanzee on a bike\n")
    queries.write_text("a corgi\na lemur playing chess\n")
    arguments = ["evaluate", str(short_run), "--prompts", str(prompts), "--device", "cpu"]
    more = ["--scoring", str(tiny_clip), "--queries", str(queries), "--json"]
    assert cli.main([*arguments, *more]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["queries"] == 3
    assert result["scoring"]["model"] == str(tiny_clip)
    assert 0.0 < result["r_probability"]["seen"] < 1.0
    assert cli.main(arguments) == 2
    assert "lemur, chess" in capsys.readouterr().err


def test_evaluate_leaves_r_figures_out_with_a_word_where_references_remain(short_run, capsys):
    assert cli.main(["evaluate", str(short_run), "--prompts", "vehicles", "--json"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    assert result["psnr"]["seen"] > 0 and result["r_precision"] == {}
    assert "campervan" in said.err or "compact" in said.err
    arguments = ["evaluate", str(short_run), "--prompts", "vehicles", "--scoring", "bundled"]
    assert cli.main(arguments) == 2


def test_a_run_leaves_its_figures_against_frames_a_prompt(short_run):
    from training.amortized.curve import read_curve

    (point,) = read_curve(short_run.parent)
    assert point["step"] == 4
    assert point["frames_per_prompt"] == pytest.approx(4 / 56, abs=0.01)
    for figure in ("psnr", "r_precision", "r_probability"):
        assert set(point[figure]) >= {"seen", "unseen"}


def test_recorded_figures_change_the_metadata_and_no_byte_of_a_tensor(short_run, tmp_path, capsys):
    from safetensors import safe_open

    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(short_run.read_bytes())
    arguments = ["evaluate", str(copy), "--prompts", "pig64", "--count", "1", "--json", "--record"]
    assert cli.main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    with safe_open(short_run, "pt") as before, safe_open(copy, "pt") as after:
        assert json.loads(after.metadata()["metadata"])["metrics"] == result
        assert sorted(before.keys()) == sorted(after.keys())
        for name in before.keys():  # noqa: SIM118
            old, new = before.get_tensor(name), after.get_tensor(name)
            assert old.dtype == new.dtype and old.numpy().tobytes() == new.numpy().tobytes()

"""``att3d browse``: a list in the terminal, a page with pictures that are drawn once."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from backend.cli import main
from backend.model.checkpoint_file import read_metadata
from backend.paths import root

TREES = root() / "checkpoints" / "tree-seasons.safetensors"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATT3D_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def browse(*arguments: str) -> int:
    return main(["browse", "--checkpoint", str(TREES), *arguments])


def test_the_list_has_every_prompt_under_its_category(capsys: pytest.CaptureFixture) -> None:
    assert browse() == 0
    said = capsys.readouterr().out
    assert said.startswith("tree (4)\n")
    assert all(f"  {prompt}\n" in said for prompt in read_metadata(TREES).prompts)


def test_words_search_and_what_is_not_there_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert browse("wint", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["categories"] == {"tree": ["a tree in winter"]}
    assert browse("zeppelin") == 2
    assert "tree-seasons knows nothing with 'zeppelin'" in capsys.readouterr().err


def test_a_page_shows_pictures_and_draws_them_once(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture
) -> None:
    page = tmp_path / "trees.html"
    drawn = []
    for _ in range(2):
        assert browse("-o", str(page), "--json") == 0
        drawn.append(json.loads(capsys.readouterr().out)["drawn"])
    assert drawn == [4, 0]
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert sorted(map(html.unescape, shown)) == sorted(read_metadata(TREES).prompts)
    assert text.count("data:image/png;base64,") == 4
    assert "http" not in text, "whole in one file"
    assert len(list(cache.rglob("*.png"))) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "page.txt"), "no .html file"),
        (("-o", "page.html", "--most", "0"), "--most must be from 1"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert browse(*arguments) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

"""A resumed run notices that a file was edited, and not that it was moved."""

import dataclasses

import pytest

from backend.protocol.errors import TrainingError
from tests.training.small import small_config
from training.amortized.run import train
from training.runs.contents import fingerprint, with_contents


def test_the_place_and_the_name_of_a_file_do_not_count(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a pig\n")
    (tmp_path / "b.txt").write_text("a pig\n")
    before = fingerprint(tmp_path / "a.txt")
    assert fingerprint(tmp_path / "b.txt") == before
    (tmp_path / "a.txt").write_text("a dog\n")
    assert fingerprint(tmp_path / "a.txt") != before


def test_folders_differ_in_names_and_contents(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x").write_text("1")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "x").write_text("1")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    (tmp_path / "two" / "x").rename(tmp_path / "two" / "y")
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "two")


def test_both_ends_of_a_large_file_count(tmp_path):
    path = tmp_path / "large"
    hashes = set()
    for first, last in ((b"a", b"a"), (b"b", b"a"), (b"a", b"b")):
        path.write_bytes(first + bytes(3 << 20) + last)
        hashes.add(fingerprint(path))
    assert len(hashes) == 3


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(TrainingError, match="gone"):
        fingerprint(tmp_path / "gone")


def test_contents_stand_in_for_names_at_any_depth():
    config = {"prompts": "a.txt", "data": {"prompts": "b.txt", "views": "paper"}}
    changed = with_contents(config, {"prompts": "contents 1", "data.prompts": "contents 2"})
    assert changed == {
        "prompts": "contents 1",
        "data": {"prompts": "contents 2", "views": "paper"},
    }


def test_an_edited_prompts_file_is_noticed_and_a_moved_one_is_not(tmp_path, monkeypatch):
    prompts = tmp_path / "mine.txt"
    prompts.write_text("a pig\na rabbit\n")
    config = small_config(tmp_path / "run")
    train(dataclasses.replace(config, prompts=str(prompts), steps=2))
    monkeypatch.chdir(tmp_path)
    train(dataclasses.replace(config, prompts="mine.txt", steps=2))
    prompts.write_text("a pig\na bear\n")

    with pytest.raises(TrainingError, match="--prompts") as info:
        train(dataclasses.replace(config, prompts="mine.txt", steps=2))
    assert "files" in info.value.remedy

"""Prompts from keyboards, clipboards and scripts become one clean line, or a clear error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.prompts.normalize import MAX_CHARACTERS, normalize_prompt
from backend.protocol.errors import BadPrompt


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  a pig \t riding\n a  bike ", "a pig riding a bike"),
        ("a pig\u00a0wearing\u3000a cape", "a pig wearing a cape"),
        ("a\x00 pig\x1b[31m", "a pig[31m"),
        ("a pig\u200b\ufeff", "a pig"),
        ("\u202ea pig\u202c", "a pig"),
        ("cafe\u0301 pig", "caf\u00e9 pig"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("a \U0001f437 pig", "a \U0001f437 pig"),
        ("\U0001f469\u200d\U0001f680 pig", "\U0001f469\u200d\U0001f680 pig"),
        ("\u05d7\u05d6\u05d9\u05e8 \u05e2\u05dc \u05d0\u05d5\u05e4\u05e0\u05d9\u05d9\u05dd",) * 2,
        ("\u062e\u0646\u0632\u064a\u0631",) * 2,
    ],
)
def test_what_looks_the_same_becomes_the_same(given_text: str, expected: str) -> None:
    assert normalize_prompt(given_text) == expected


@pytest.mark.parametrize("blank", ["", "   ", "\n\t", "\x00\x07", "\u200b", "\u200d", "\u0301"])
def test_nothing_visible_is_an_empty_prompt(blank: str) -> None:
    with pytest.raises(BadPrompt, match="empty") as caught:
        normalize_prompt(blank)
    assert caught.value.remedy


def test_ten_thousand_characters_are_too_many() -> None:
    with pytest.raises(BadPrompt, match="10,000 characters; at most 2,000"):
        normalize_prompt("x" * 10_000)


def test_blanks_do_not_count_towards_the_limit() -> None:
    assert normalize_prompt("a" + " " * 10_000 + "pig") == "a pig"


def test_something_that_is_not_text_is_refused() -> None:
    with pytest.raises(BadPrompt, match="NoneType"):
        normalize_prompt(None)  # pyright: ignore[reportArgumentType]


@given(st.text(max_size=MAX_CHARACTERS))
def test_twice_is_once_and_the_result_survives_utf8(text: str) -> None:
    try:
        clean = normalize_prompt(text)
    except BadPrompt:
        return
    assert normalize_prompt(clean) == clean
    assert clean.encode().decode() == clean
    assert "\n" not in clean

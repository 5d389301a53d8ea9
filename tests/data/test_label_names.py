"""One rule for the names of classes: readers, the command line and the server use it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark import SettingError
from fieldmark.data.label_names import MAX_LENGTH, checked_label, find_label, fold_name


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        (" Cafe\u0301\u00a0\u200bau lait ", "Café au lait"),
        ("two\nlines", "two lines"),
        ("a\x00b\tc", "a b c"),
        ("left\u202eright\u2066", "leftright"),
        ("新\u3000类", "新 类"),
    ],
)
def test_names_that_look_equal_are_equal(name: str, folded: str) -> None:
    assert fold_name(name) == folded


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)


@pytest.mark.parametrize(
    "char",
    ["\x00", "\n", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\ud800", "\ue000", "\U000e0041"],
)
def test_a_new_class_has_only_characters_that_can_be_shown(char: str) -> None:
    with pytest.raises(SettingError) as raised:
        checked_label(f"a{char}b")
    assert str(raised.value) == (
        f"the name {f'a{char}b'!a} has the character U+{ord(char):04X}, which cannot be shown; give the name without it"
    )


@pytest.mark.parametrize("name", ["", " \t\n", "\u200b", "\u200b\u200c \ufeff"])
def test_a_new_class_has_a_name(name: str) -> None:
    with pytest.raises(SettingError) as raised:
        checked_label(name)
    assert str(raised.value) == "expected a name for the new class, but it is empty; give one with --label"


def test_a_long_name_is_refused() -> None:
    assert checked_label("é" * MAX_LENGTH) == "é" * MAX_LENGTH
    with pytest.raises(SettingError) as raised:
        checked_label("é" * (MAX_LENGTH + 1))
    assert str(raised.value) == "the name has 201 characters, but the limit is 200; give a shorter one"


@given(st.text(max_size=30))
def test_what_is_accepted_can_be_shown_and_is_folded(name: str) -> None:
    try:
        label = checked_label(name)
    except SettingError as error:
        text = str(error)
    else:
        text = label
        assert label == fold_name(name)
        assert unicodedata.is_normalized("NFC", label)
    assert text.isprintable()


def test_a_label_is_found_by_its_exact_name_first() -> None:
    labels = ["Tea", "Café", "Café ", "a\nb"]
    assert [find_label(name, labels) for name in ("Café ", "Cafe\u0301", "a\nb", "a b", "Coffee")] == [
        "Café ",
        "Café",
        "a\nb",
        "a\nb",
        None,
    ]

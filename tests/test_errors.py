"""Error texts say what was expected, what came, and what to do."""

from __future__ import annotations

import pytest

from fieldmark.errors import DataError, FieldmarkError, ModelError, PhotoError, SettingError, unknown_name


def test_the_nearest_known_name_is_offered() -> None:
    error = unknown_name("method", "fine_tun", ["fine_tune", "auto"])
    assert isinstance(error, SettingError)
    assert str(error) == "unknown method 'fine_tun': did you mean 'fine_tune'? (known: auto, fine_tune)"


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    assert str(unknown_name("split", "zzz", ["val", "test"])) == "unknown split 'zzz': (known: test, val)"


def test_a_long_list_is_counted_and_not_printed() -> None:
    known = [f"model_{number:03}" for number in range(31)]
    assert str(unknown_name("backbone", "model_03", known)).endswith("(31 are known)")
    assert "known: model_000" in str(unknown_name("backbone", "x", known[:30]))


@pytest.mark.parametrize("kind", [DataError, ModelError, PhotoError, SettingError])
def test_every_error_is_caught_as_one(kind: type[FieldmarkError]) -> None:
    assert issubclass(kind, FieldmarkError)

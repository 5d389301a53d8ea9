"""Errors that a person can act on: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "DataError",
    "FieldmarkError",
    "ModelError",
    "PhotoError",
    "SettingError",
    "TooLowError",
    "TrainingError",
    "counted",
    "listed",
    "printable",
    "unknown_name",
    "without_surrogates",
]

_MAX_SHOWN = 300


class FieldmarkError(Exception):
    """The user's input is wrong. The message is one sentence; the command line prints it and exits with 2."""


class DataError(FieldmarkError):
    """A data set cannot be used as it is."""


class PhotoError(FieldmarkError):
    """One photo cannot be read; a batch goes on without it."""


class TooLowError(PhotoError):
    """A photo is no higher than the strip to trim off its bottom."""


class SettingError(FieldmarkError):
    """A method, backbone or setting does not exist, or its value does not fit."""


class TrainingError(FieldmarkError):
    """A training that ran was cut off from outside."""


class ModelError(FieldmarkError):
    """A model folder is missing, damaged or of a newer version."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> SettingError:
    """The error for a name that is not in a list, with the nearest name that is.

    >>> str(unknown_name("method", "fine_tun", ["fine_tune", "auto"]))
    "unknown method 'fine_tun': did you mean 'fine_tune'? (known: auto, fine_tune)"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    listed = f"known: {', '.join(names)}" if len(names) <= 30 else f"{len(names)} are known"
    return SettingError(f"unknown {kind} '{name}': {hint}({listed})")


def listed(names: Iterable[str], shown: int = 3) -> str:
    """Return names for a sentence.

    >>> listed(["Rose", "Tulip"]), listed(["Rose", "Tulip", "Daisy", "Aster"])
    ('Rose and Tulip', 'Rose, Tulip, Daisy and 1 more')
    """
    held = list(names)
    rest = len(held) - shown
    if rest > 0:
        return ", ".join(held[:shown]) + f" and {rest} more"
    return " and ".join(filter(None, [", ".join(held[:-1]), *held[-1:]]))


def counted(number: int, noun: str) -> str:
    """Return a number with its noun for a sentence.

    >>> counted(1, "photo"), counted(1200, "photo"), counted(2, "class")
    ('1 photo', '1,200 photos', '2 classes')
    """
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def printable(path: Path | str) -> str:
    """A path for a message: unprintable characters escaped, and the middle of a very long path left out."""
    text = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in str(path))
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN // 2]}…{text[-_MAX_SHOWN // 2 :]}"


def without_surrogates(text: str) -> str:
    """Return a file name with bytes that are not UTF-8 written as escapes, so that every file and page can hold it.

    >>> without_surrogates("caf\udce9")
    'caf\\xe9'
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a character from JSON
        return text.encode("utf-8", "backslashreplace").decode("utf-8")

"""Errors that a person can act on: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["DataError", "FieldmarkError", "ModelError", "PhotoError", "SettingError", "unknown_name"]


class FieldmarkError(Exception):
    """The user's input is wrong. The message is one sentence; the command line prints it and exits with 2."""


class DataError(FieldmarkError):
    """A data set cannot be used as it is."""


class PhotoError(FieldmarkError):
    """One photo cannot be read; a batch goes on without it."""


class SettingError(FieldmarkError):
    """A method, backbone or setting does not exist, or its value does not fit."""


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

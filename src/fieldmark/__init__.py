"""Fieldmark tells look-alikes apart.

import fieldmark

recognizer = fieldmark.fit("photos/", out="model")
answer = recognizer.predict("unknown.jpg")
print(answer.label, answer.confidence)
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldmark.api import fit, load, read
    from fieldmark.errors import DataError, FieldmarkError, ModelError, PhotoError, SettingError
    from fieldmark.progress import set_verbosity
    from fieldmark.recognizer.recognizer import Recognizer
    from fieldmark.structures import Answer, Candidate, Part, Record, RecordList

__all__ = [
    "Answer",
    "Candidate",
    "DataError",
    "FieldmarkError",
    "ModelError",
    "Part",
    "PhotoError",
    "Recognizer",
    "Record",
    "RecordList",
    "SettingError",
    "__version__",
    "fit",
    "load",
    "read",
    "set_verbosity",
]

__version__ = version("fieldmark")

_HOMES = {
    "fit": "fieldmark.api",
    "load": "fieldmark.api",
    "read": "fieldmark.api",
    "set_verbosity": "fieldmark.progress",
    "Recognizer": "fieldmark.recognizer.recognizer",
    **dict.fromkeys(("Answer", "Candidate", "Part", "Record", "RecordList"), "fieldmark.structures"),
    **dict.fromkeys(("DataError", "FieldmarkError", "ModelError", "PhotoError", "SettingError"), "fieldmark.errors"),
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``import fieldmark`` and ``fieldmark --help`` stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fieldmark' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

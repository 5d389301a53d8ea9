"""Fieldmark tells look-alikes apart.

import fieldmark

recognizer = fieldmark.fit("photos/", out="model")
answer = recognizer.predict("unknown.jpg")
print(answer.label, answer.confidence)
"""

from __future__ import annotations

import importlib
import os
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldmark.api import fit, load, read
    from fieldmark.errors import DataError, FieldmarkError, ModelError, PhotoError, SettingError
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
]

__version__ = version("fieldmark")

# Large tensors in pages of 2 MiB where Linux offers them: asking for pages of 4 KiB takes a fifth of a training step on
# a CPU. PyTorch looks at this once, before its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

_HOMES = {
    "fit": "fieldmark.api",
    "load": "fieldmark.api",
    "read": "fieldmark.api",
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

"""Fine-grained recognition whose answers can be checked.

import fieldmark

recognizer = fieldmark.fit("photos/", out="model")
answer = recognizer.predict("unknown.jpg")
print(answer.label, answer.confidence)
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldmark.api import Recognizer, advise, check, compare, fit, label, load, read, review
    from fieldmark.errors import DataError, FieldmarkError, ModelError, PhotoError, SettingError
    from fieldmark.progress import set_verbosity
    from fieldmark.recognizer.answer import Answer, Candidate
    from fieldmark.structures import Part, Record, RecordList

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
    "advise",
    "check",
    "compare",
    "fit",
    "label",
    "load",
    "read",
    "review",
    "set_verbosity",
]

__version__ = version("fieldmark")

_HOMES = {
    **dict.fromkeys(
        ("Recognizer", "advise", "check", "compare", "fit", "label", "load", "read", "review"), "fieldmark.api"
    ),
    **dict.fromkeys(("Answer", "Candidate"), "fieldmark.recognizer.answer"),
    **dict.fromkeys(("Part", "Record", "RecordList"), "fieldmark.structures"),
    **dict.fromkeys(("DataError", "FieldmarkError", "ModelError", "PhotoError", "SettingError"), "fieldmark.errors"),
    "set_verbosity": "fieldmark.progress",
}


class _Package(ModuleType):
    """Keep `check`, `compare`, `fit` and `review` the verbs: importing the modules of these names would hide them."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that ``import fieldmark`` and ``fieldmark --help`` stay fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'fieldmark' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

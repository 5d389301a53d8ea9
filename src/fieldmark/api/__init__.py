"""Every verb from Python, with the words of the command line. Each verb imports what it needs when it is called."""

from fieldmark.api.recognizer import AnswerLevels, Recognizer
from fieldmark.api.verbs import advise, check, compare, fit, label, load, read, review

__all__ = [
    "AnswerLevels",
    "Recognizer",
    "advise",
    "check",
    "compare",
    "fit",
    "label",
    "load",
    "read",
    "review",
]

"""Read JSON that a stranger wrote: finite numbers, no key twice, limited depth and size, printable text."""

from __future__ import annotations

import json
import math
import re
from typing import Any

__all__ = ["MAX_BYTES", "StrictJsonError", "parse_json"]

MAX_BYTES = 64 * 1024 * 1024
"""Largest text that is read. The manifest of a model of 10,000 classes has about 2 MB."""

_MAX_DEPTH = 32
_MAX_DIGITS = 300
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class StrictJsonError(ValueError):
    """The text is no JSON, or breaks one of the limits."""


def parse_json(content: bytes) -> Any:
    """Return the value of a JSON text in UTF-8.

    Raises:
        StrictJsonError: The text is too long, is no JSON, holds NaN, an infinite or far too long number, the same key
            twice in an object, more than 32 levels, or text with control characters, which could steer a terminal.
    """
    if len(content) > MAX_BYTES:
        raise StrictJsonError("it is too long")
    try:
        value = json.loads(
            content.decode("utf-8"),
            parse_float=_finite,
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_unique,
        )
    except StrictJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise StrictJsonError("it is no JSON") from error
    _check(value)
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StrictJsonError("a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise StrictJsonError("a number is too large")
    return int(text)


def _no_constant(text: str) -> Any:
    raise StrictJsonError(f"{text} is no number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise StrictJsonError("an object has the same key twice")
    return found


def _check(root: Any) -> None:
    """Check depth and text level by level, without recursion."""
    level = [root]
    for _ in range(_MAX_DEPTH + 1):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below += value
                below += value.values()
            elif isinstance(value, list):
                below += value
            elif isinstance(value, str) and not value.isprintable() and _CONTROL.search(value):
                raise StrictJsonError("a text holds control characters")
        if not below:
            return
        level = below
    raise StrictJsonError("it is nested too deeply")

"""Answers of a server as objects, to compare them with those of the library."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from fieldmark.recognizer.answer import Answer, Candidate

__all__ = ["answers_of_server"]


def answers_of_server(url: str, photos: Iterable[Path]) -> list[Answer]:
    """Send photos in one request, in the order of their names, as the page does."""
    ordered = sorted(photos, key=lambda photo: photo.name)
    files = [("photo", (photo.name, photo.read_bytes(), "image/jpeg")) for photo in ordered]
    return [_answer(one) for one in httpx.post(f"{url}/v1/predict", files=files, timeout=60).json()["answers"]]


def _answer(given: dict[str, Any]) -> Answer:
    own = {
        "path": None,
        "candidates": tuple(Candidate(**each) for each in given["candidates"]),
        "set": given["set"] and tuple(given["set"]),
        "answers": {name: _answer(one) for name, one in given.get("answers", {}).items()},
    }
    return Answer(**own | {name: value for name, value in given.items() if name not in own or name == "path"})

"""The classes of a question, as ``fieldmark.json`` lists them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

__all__ = ["ClassNames"]


def _differ(classes: list[str]) -> list[str]:
    if len(set(classes)) < len(classes):
        raise ValueError("two classes have the same name")
    return classes


ClassNames = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=2), AfterValidator(_differ)]
"""At least two names that differ."""

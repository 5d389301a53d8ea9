"""What licences of pretrained weights allow."""

from __future__ import annotations

__all__ = ["forbids_commercial_use"]

_NON_COMMERCIAL = ("cc-by-nc", "fair-noncommercial", "apple-amlr", "seer-license")
"""Beginnings of timm's names of licences that allow research but no commercial use."""


def forbids_commercial_use(licence: str) -> bool:
    """Return whether a licence, by timm's name of it, is known to forbid commercial use."""
    return licence.startswith(_NON_COMMERCIAL)

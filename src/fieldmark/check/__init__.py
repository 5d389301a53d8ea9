"""Check a data set before training: broken files, duplicates, leaks between splits, suspect labels."""

from __future__ import annotations

from fieldmark.check.check_data import check
from fieldmark.check.check_report import CheckReport, render
from fieldmark.check.embed_data import Embed

__all__ = ["CheckReport", "Embed", "check", "render"]

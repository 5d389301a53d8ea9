"""Check a data set before training: broken files, duplicates, leaks between splits, suspect labels."""

from __future__ import annotations

from fieldmark.check.check_data import Embed, check
from fieldmark.check.check_report import CheckReport, render

__all__ = ["CheckReport", "Embed", "check", "render"]

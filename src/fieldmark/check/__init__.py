"""The data-set doctor: what to know, and what to mend, before training."""

from __future__ import annotations

from fieldmark.check.check_data import Embed, check
from fieldmark.check.check_report import CheckReport, render

__all__ = ["CheckReport", "Embed", "check", "render"]

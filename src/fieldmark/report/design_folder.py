"""The design that the pages of files and the page of the server share: one stylesheet and one icon."""

from pathlib import Path

__all__ = ["DESIGN"]

DESIGN = Path(__file__).with_name("design")
"""Folder of ``design.css`` and ``icon.svg``. Pages of files contain both; the server serves it as ``/design``."""

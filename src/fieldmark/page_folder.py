"""The page that answers photos: the server serves it, and an export for the browser contains it."""

from pathlib import Path

__all__ = ["PAGE"]

PAGE = Path(__file__).with_name("page")
"""Folder of ``index.html`` with its scripts, styles and texts. The server serves it as ``/page``."""

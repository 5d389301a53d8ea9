"""Messages of other libraries: the command line prints them only with ``-v``."""

from __future__ import annotations

import logging
import os
import warnings
from typing import TextIO

__all__ = ["log_library_warnings"]

logger = logging.getLogger(__name__)

_CHATTY = ("matplotlib", "PIL", "lightning", "torch", "onnxscript", "onnx_ir", "timm")
"""Loggers of libraries that print to stderr where nobody has set up logging."""


def log_library_warnings() -> None:
    """Log Python warnings at `debug`, and silence the warnings that libraries log. Worker processes warn of nothing."""
    warnings.showwarning = _log
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _log(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    logger.debug("%s: %s (%s:%d)", category.__name__, message, filename, lineno)

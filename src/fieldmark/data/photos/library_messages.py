"""Keep what image libraries print about damaged files off stderr: a `PhotoError` or a finding says it."""

from __future__ import annotations

import ctypes
import ctypes.util
import warnings
from functools import lru_cache
from pathlib import Path

import PIL

__all__ = ["ignore_pillow_warnings", "silence_libtiff"]


def ignore_pillow_warnings() -> None:
    """Ignore Python warnings that Pillow raises, such as on damaged EXIF data.

    The filter is set once for the process: photos are read in threads, and `warnings.catch_warnings` is not safe there.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")


@lru_cache
def silence_libtiff() -> None:
    """Take away the handlers by which libtiff prints each error and warning; Pillow raises the errors as exceptions."""
    folder = Path(PIL.__file__).parent
    bundled = [*folder.parent.glob("pillow.libs/libtiff*"), *folder.glob(".dylibs/libtiff*")]
    for name in (*map(str, bundled), ctypes.util.find_library("tiff")):
        if name is None:
            continue
        try:
            library = ctypes.CDLL(name)
            for setter in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
                setter.restype = ctypes.c_void_p
                setter(None)
        except (AttributeError, OSError):  # another build: its messages are only an annoyance
            continue
        return

"""MATLAB files, in which several of the older data sets keep their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.errors import DataError

__all__ = ["integers", "read_mat", "strings", "variable"]


def read_mat(path: Path) -> dict[str, Any]:
    """The variables of a .mat file, without MATLAB's wrapping of every value in a matrix.

    Raises:
        DataError: The file is missing, damaged or of MATLAB's HDF5 form.
    """
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(path, squeeze_me=True)
    except FileNotFoundError:
        raise DataError(f"expected the file {path}, found none: unpack the annotations completely") from None
    except Exception as error:  # SciPy has many ways to fail on a damaged file
        raise DataError(f"expected a MATLAB file at {path}, found {error}: download it again") from None
    return content


def variable(content: dict[str, Any], name: str, path: Path) -> np.ndarray[Any, Any]:
    """One variable as an array with one dimension (a single entry would come without any).

    Raises:
        DataError: The file has no such variable.
    """
    if name not in content:
        found = ", ".join(sorted(key for key in content if not key.startswith("__"))) or "nothing"
        raise DataError(f"expected a variable '{name}' in {path}, found {found}: download the file again")
    return np.atleast_1d(content[name])


def integers(content: dict[str, Any], name: str, path: Path) -> list[int]:
    """A variable that holds whole numbers."""
    return [int(value) for value in variable(content, name, path)]


def strings(content: dict[str, Any], name: str, path: Path) -> list[str]:
    """A variable that holds texts."""
    return [str(value) for value in variable(content, name, path)]

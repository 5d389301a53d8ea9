"""Read a safetensors file whose names, types and shapes are known: they are checked before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.strict_json import StrictJsonError, parse_json

__all__ = ["Tensors", "read_tensors", "tensor_shapes"]

Tensors = dict[str, NDArray[Any]]

_MAX_HEADER = 16 * 1024 * 1024
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FLOATS = ("F64", "F32", "F16")


def tensor_shapes(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return type and shape of each tensor of a safetensors file from its header. No tensor is read.

    Raises:
        ValueError: The header is damaged, or does not fit the length of the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _MAX_HEADER):
            raise ValueError("its header is longer than the file" if length > size - 8 else "its header is too long")
        header = file.read(length)
    try:
        entries = parse_json(header)
    except StrictJsonError as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    if not isinstance(entries, dict):
        raise ValueError("its header cannot be read: it is no object")
    entries.pop("__metadata__", None)
    found, spans = {}, []
    for name, entry in entries.items():
        kind, shape, span = _entry(entry)
        found[name] = (kind, shape)
        spans.append(span)
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise ValueError("its tensors overlap or leave gaps")
        end = stop
    if end != size - 8 - length:
        raise ValueError("its tensors do not fill the file")
    return found


def read_tensors(path: Path, wanted: Mapping[str, str], sizes: Mapping[str, int], *, nan: str = "") -> Tensors:
    """Return the tensors of a file.

    Args:
        path: A safetensors file.
        wanted: Name -> kind and shape of each tensor that the file must hold, such as ``float K d`` or ``int n``.
            A letter means the same size wherever it occurs.
        sizes: Letter -> size, where it is known.
        nan: Name of the tensor that may hold NaN.

    Raises:
        ValueError: The file is damaged, lacks a tensor, or a tensor has another shape, another type, or numbers that
            are not finite.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    there, known = tensor_shapes(path), dict(sizes)
    for name, spec in wanted.items():
        if name not in there:
            raise ValueError(f"it holds no tensor '{name}'")
        kind, *letters = spec.split()
        _check_shape(name, kind, letters, *there[name], known)
    try:
        held: Tensors = load_file(path)
    except SafetensorError as error:  # a type that the header may name and NumPy lacks
        raise ValueError("it cannot be read") from error
    for name in wanted:
        values = held[name]
        if values.dtype.kind == "f" and not np.isfinite(values).all() and (name != nan or np.isinf(values).any()):
            raise ValueError(f"its tensor '{name}' holds numbers that are not finite")
    return held


def _entry(entry: Any) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    """Return type, shape and position in the file of one tensor of a header."""
    try:
        kind, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        counts = (*shape, start, stop)
        if not all(type(count) is int and 0 <= count < 2**62 for count in counts) or len(shape) > 8:
            raise ValueError
        elements = 1
        for side in shape:
            elements *= side
        if elements * _BYTES[kind] != stop - start:
            raise ValueError
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError("its header describes a tensor wrongly") from error
    return kind, shape, (start, stop)


def _check_shape(
    name: str, kind: str, letters: list[str], found: str, shape: tuple[int, ...], known: dict[str, int]
) -> None:
    """Check one tensor against ``kind`` and ``letters``; sizes that are seen first become known."""
    if (kind == "float" and found not in _FLOATS) or (kind == "int" and found != "I64"):
        raise ValueError(f"its tensor '{name}' has the type {found}")
    if len(shape) != len(letters) or any(known.setdefault(a, b) != b for a, b in zip(letters, shape, strict=True)):
        wanted = " x ".join(str(known.get(letter, letter)) for letter in letters)
        raise ValueError(f"its tensor '{name}' has the shape {' x '.join(map(str, shape))} instead of {wanted}")

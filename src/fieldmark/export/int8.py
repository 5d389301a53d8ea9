"""Static quantisation: backbones in 8-bit integers, with ranges from training photos."""

from __future__ import annotations

import contextlib
import logging
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.artifact.exported import InputFacts
from fieldmark.backbones.runners.batches import load_good
from fieldmark.errors import DataError
from fieldmark.export.bias_correction import correct_biases
from fieldmark.recognizer.inputs import to_image
from fieldmark.structures import Record

__all__ = ["CALIBRATION_PHOTOS", "quantize"]

CALIBRATION_PHOTOS = 128
_CORRECTION_PHOTOS = 64

_OPERATORS = ("Conv", "Gemm", "MatMul", "Add", "Clip", "Relu")
"""Operators in int8: those that take the time, and what stands directly between them. All
operators that ONNX Runtime can quantise cost far more accuracy (docs/export.md)."""

_IN_MEMBER = re.compile(r"/members\.\d+/(?:method/)?([^/]+)/")


class _Photos:
    """Inputs of the graph, one photo at a time, for the quantiser."""

    def __init__(self, feeds: Iterator[dict[str, NDArray[np.uint8]]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._feeds, None)


def quantize(
    graph: bytes, inputs: Sequence[InputFacts], photos: Sequence[Record], heads: Collection[str] = ()
) -> bytes:
    """Return the graph with its backbones in int8. Poolings, heads and calibration stay in float32.

    Args:
        graph: Content of an ONNX file.
        inputs: Inputs of the graph.
        photos: Training photos; their activations set the ranges.
        heads: Names of the methods' own modules, which stay in float32.

    Raises:
        DataError: None of the photos can be read.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    feeds = list(_feeds(inputs, photos))
    if not feeds:
        raise DataError(f"none of the {len(photos)} training photos could be read; give the data with --data")
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        plain, prepared, small = (Path(folder) / name for name in ("plain.onnx", "prepared.onnx", "small.onnx"))
        plain.write_bytes(graph)
        quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
        excluded = _outside(prepared, heads)
        _correct_biases(prepared, excluded, feeds[:_CORRECTION_PHOTOS])
        quantize_static(
            str(prepared),
            str(small),
            _reader(iter(feeds)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(_OPERATORS),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=excluded,
        )
        return small.read_bytes()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the advice that the quantiser logs through the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _feeds(inputs: Sequence[InputFacts], photos: Sequence[Record]) -> Iterator[dict[str, NDArray[np.uint8]]]:
    side = max(each.preprocess.image_size for each in inputs)
    for photo in photos:
        _, images, _ = load_good([photo], lambda record: to_image(record, draft=(side, side)))
        for image in images:
            yield {each.name: each.preprocess(image)[None] for each in inputs}


def _reader(feeds: Iterator[dict[str, NDArray[np.uint8]]]) -> Any:
    """Return the feeds as a subclass of ONNX Runtime's reader, which exists only after its import."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(_Photos, CalibrationDataReader):  # type: ignore[misc]
        pass

    return Reader(feeds)


def _outside(graph: Path, heads: Collection[str]) -> list[str]:
    """Return names of the nodes outside the backbones; an empty list if the exporter did not name nodes by module.

    The name of a backbone's layer starts with its member's module, however it was called. Other nodes belong to the
    method's own modules, or are operations of the method without a module name.
    """
    import onnx

    names = [node.name for node in onnx.load(graph).graph.node]
    inside = {name for name in names if _is_inside(name, heads)}
    return [name for name in names if name not in inside] if inside else []


def _correct_biases(file: Path, excluded: Collection[str], feeds: Sequence[dict[str, NDArray[np.uint8]]]) -> None:
    """Correct the biases of a graph's convolutions, but for nodes that stay in float32; the file is replaced."""
    import onnx

    model = onnx.load(file)
    correct_biases(model, {node.name for node in model.graph.node} - set(excluded), feeds)
    onnx.save(model, file)


def _is_inside(name: str, heads: Collection[str]) -> bool:
    found = _IN_MEMBER.match(name)
    return found is not None and found[1] not in (*heads, "normalize")

"""Check an ONNX graph before a runtime opens it: what it may do, how much it may need, what it must return."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["check_graph", "checked_graph", "read_graph"]

_MAX_BYTES = 2**31 - 1  # of a protobuf message


def read_graph(path: Path) -> ModelProto:
    """Return the content of an ONNX file.

    Raises:
        ValueError: It is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("it is too large")
    try:
        return onnx.load_model_from_string(path.read_bytes())
    except DecodeError as error:
        raise ValueError("it is no ONNX file") from error


def checked_graph(path: Path, inputs: Mapping[str, int], outputs: Mapping[str, int | None]) -> Path | bytes:
    """Return what a runtime may open: the file, or its content with regions that are limited.

    Args:
        path: An ONNX file.
        inputs: See `check_graph`.
        outputs: See `check_graph`.

    Raises:
        ValueError: See `check_graph`.
    """
    model = read_graph(path)
    check_graph(model, inputs, outputs)
    return bytes(model.SerializeToString()) if _limit_regions(model, max(inputs.values())) else path


def check_graph(model: ModelProto, inputs: Mapping[str, int], outputs: Mapping[str, int | None]) -> None:
    """Check a graph of photos. Nothing is computed, so that a hostile graph costs neither memory nor time.

    Args:
        model: The graph.
        inputs: Name of each input -> side in pixels of the photo, uint8 (batch, side, side, 3).
        outputs: Name of each output that must be there -> its columns, float32 (batch, columns); None for any number.

    Raises:
        ValueError: An operator is not allowed, a size does not follow from the size of the photo, memory or operations
            are too many, numbers lie in another file, or inputs and outputs are others.
    """
    from onnx import TensorProto

    from fieldmark.artifact.graph_sizes import Size, Walk

    if model.functions or model.training_info:
        raise ValueError("it holds functions, which no model of Fieldmark needs")
    opsets = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(opsets) != 1 or not 7 <= opsets[0] <= _newest_opset():
        raise ValueError("it needs operators of an unknown version")
    walk = Walk(opsets[0])
    held = {tensor.name for tensor in model.graph.initializer}
    found = {each.name: _sides(each) for each in model.graph.input if each.name not in held}
    if set(found) != set(inputs):
        raise ValueError(f"its inputs are not {', '.join(inputs)}")
    for name, side in inputs.items():
        dtype, sides = found[name]
        if dtype != TensorProto.UINT8 or len(sides) != 4 or sides[1:] != [side, side, 3] or sides[0] not in (None, 1):
            raise ValueError(f"its input {name} is not made for photos of {side} x {side} pixels")
        walk.add_input(name, Size(TensorProto.UINT8, (1, side, side, 3)))
    walk.follow(model.graph)
    made = {each.name for each in model.graph.output}
    for name, columns in outputs.items():
        size = walk.sizes.get(name)
        if name not in made or size is None:
            raise ValueError(f"it has no output {name}")
        if size.dtype != TensorProto.FLOAT or len(size.shape) != 2 or size.shape[0] != 1:
            raise ValueError(f"its output {name} is not one row of numbers for each photo")
        if size.shape[1] != (columns or size.shape[1]) or not size.shape[1]:
            raise ValueError(f"its output {name} has {size.shape[1]} numbers instead of {columns}")


def _newest_opset() -> int:
    import onnx

    return int(onnx.defs.onnx_opset_version())


def _sides(value: Any) -> tuple[int, list[int | None]]:
    tensor = value.type.tensor_type
    return tensor.elem_type, [side.dim_value if side.HasField("dim_value") else None for side in tensor.shape.dim]


def _limit_regions(model: ModelProto, side: int) -> bool:
    """Clip the boxes that RoiAlign reads, where their size decides how long it takes. Return whether there are any.

    Boxes of a model of Fieldmark lie inside the photo, so that this changes no answer.
    """
    from onnx.helper import make_node, make_tensor

    adaptive = [
        node
        for node in model.graph.node
        if node.op_type == "RoiAlign" and not any(each.name == "sampling_ratio" and each.i for each in node.attribute)
    ]
    if not adaptive:
        return False
    nodes = list(model.graph.node)
    limits = (make_tensor("fieldmark.low", 1, [], [-float(side)]), make_tensor("fieldmark.high", 1, [], [2.0 * side]))
    model.graph.initializer.extend(limits)
    for number, node in enumerate(adaptive):
        boxes, names = node.input[1], [f"fieldmark.{part}_{number}" for part in ("clipped", "is_nan", "boxes")]
        new = [
            make_node("Clip", [boxes, "fieldmark.low", "fieldmark.high"], names[:1]),
            make_node("IsNaN", [boxes], names[1:2]),
            make_node("Where", [names[1], "fieldmark.low", names[0]], names[2:]),
        ]
        place = nodes.index(node)
        nodes[place:place] = new
        node.input[1] = names[2]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return True

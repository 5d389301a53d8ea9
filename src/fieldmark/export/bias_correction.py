"""Correct the biases of convolutions for the rounding of their weights to 8 bits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["correct_biases"]

_LEVELS = 127


def correct_biases(
    model: ModelProto, convolutions: Collection[str], feeds: Sequence[Mapping[str, NDArray[np.uint8]]]
) -> None:
    """Subtract from each bias what rounded weights would add to the mean output of a channel.

    Rounding changes the weights W of a convolution by e, and so shifts the mean of its output by sum(e E[x]) with the
    mean input E[x] of each channel. The shifts of depthwise convolutions, which sum over few weights, are a large part
    of what int8 costs networks such as EfficientNet-Lite ([Nagel et al., ICCV 2019, section
    4.2](https://arxiv.org/abs/1906.04721)). The weights themselves are not changed here.

    Args:
        model: The graph in float32; its biases change.
        convolutions: Names of the nodes that will be quantised: symmetric, one scale for each output channel.
        feeds: Inputs of the graph, one photo each.
    """
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if _is_correctable(node, stored, convolutions)]
    if not nodes:
        return
    means = _mean_inputs(model, [node.input[0] for node in nodes], feeds)
    for node in nodes:
        weights, bias = (numpy_helper.to_array(stored[name]).astype(np.float64) for name in node.input[1:3])
        groups = means[node.input[0]].reshape(-1, weights.shape[1])
        of_output = np.repeat(groups, len(weights) // len(groups), axis=0)
        shift = (_rounding_error(weights).sum((2, 3)) * of_output).sum(1)
        stored[node.input[2]].CopyFrom(numpy_helper.from_array((bias - shift).astype(np.float32), node.input[2]))


def _is_correctable(node: NodeProto, stored: Mapping[str, Any], convolutions: Collection[str]) -> bool:
    return (
        node.op_type == "Conv"
        and node.name in convolutions
        and len(node.input) == 3
        and all(name in stored for name in node.input[1:])
        and len(stored[node.input[1]].dims) == 4
    )


def _mean_inputs(
    model: ModelProto, names: Sequence[str], feeds: Sequence[Mapping[str, NDArray[np.uint8]]]
) -> dict[str, Floats]:
    """Return the mean of each channel of tensors (B, C, H, W) over all photos and places."""
    import onnxruntime as ort
    from onnx import ModelProto, TensorProto, helper

    shown = ModelProto()
    shown.CopyFrom(model)
    wanted = list(dict.fromkeys(names))
    known = {output.name for output in model.graph.output}
    shown.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted if name not in known
    )
    session = ort.InferenceSession(shown.SerializeToString(), providers=["CPUExecutionProvider"])
    each = [[values.mean((0, 2, 3), dtype=np.float64) for values in session.run(wanted, dict(feed))] for feed in feeds]
    return {name: np.mean(rows, axis=0) for name, rows in zip(wanted, zip(*each, strict=True), strict=True)}


def _rounding_error(weights: Floats) -> Floats:
    """Return the quantised weights (O, I, H, W) minus the weights."""
    scale = np.maximum(np.abs(weights).max((1, 2, 3), keepdims=True), 1e-12) / _LEVELS
    return np.asarray(np.clip(np.round(weights / scale), -_LEVELS, _LEVELS) * scale - weights)

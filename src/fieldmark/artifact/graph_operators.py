"""The ONNX operators that a model may use, and how many multiply-adds each of them needs.

None of them loops over a number that the graph computes, calls code of another library, or reads a file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnx import NodeProto
from onnx.helper import get_attribute_value

__all__ = ["ALLOWED", "BINARY", "UNARY", "operations"]

Shape = tuple[int, ...]

_ALLOWED = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Celu Clip
    Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout
    DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu
    Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish
    Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Less LessOrEqual Log
    LogSoftmax LpNormalization LpPool MatMul Max MaxPool Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not
    OneHot Or PRelu Pad Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign Round ScatterElements
    ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt
    Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor
    """
ALLOWED = frozenset(_ALLOWED.split())

_UNARY = """
    Abs Ceil Clip CumSum Elu Erf Exp Floor Gelu HardSigmoid HardSwish Identity LeakyRelu Log LogSoftmax Mish Neg Not
    Reciprocal Relu Round Selu Sigmoid Sign Softmax Softplus Sqrt Tanh Trilu
    """
UNARY = frozenset(_UNARY.split())
"""Operators whose output has the type and shape of their first input."""

BINARY = frozenset(("Add", "Sub", "Mul", "Div"))
"""Operators whose output has the type of both inputs, and their common shape after broadcasting."""

ROI_SAMPLES = 64
"""Samples for each side of a cell of RoiAlign, at most."""

_SLOW = {"GridSample": 32.0, "TopK": 32.0, "Resize": 32.0, "Pow": 16.0, "Erf": 16.0, "LRN": 16.0}


def operations(node: NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape]) -> float:
    """Return an upper estimate of the multiply-adds of a node.

    Args:
        node: The node.
        inputs: Shape of each input; None for one that was left out.
        outputs: Shape of each output.
    """
    kind, shapes = node.op_type, [shape for shape in inputs if shape is not None]
    made = float(sum(map(math.prod, outputs)))
    moved = made + float(sum(map(math.prod, shapes)))
    if kind == "Conv":
        return moved + made * math.prod(shapes[1][1:])
    if kind == "ConvTranspose":
        return moved + float(math.prod(shapes[0])) * math.prod(shapes[1][1:])
    if kind in ("MatMul", "Gemm"):
        return moved + made * (max(shapes[0][-2:]) if kind == "Gemm" else shapes[0][-1])
    if kind == "Einsum":
        return moved + _einsum(node, shapes)
    attributes = {each.name: get_attribute_value(each) for each in node.attribute if each.name in _READ}
    if kind.endswith("Pool"):
        return moved + made * float(math.prod(attributes.get("kernel_shape", [1])))
    if kind == "LRN":
        return moved + made * float(attributes.get("size", 1))
    if kind == "RoiAlign":
        samples = attributes.get("sampling_ratio", 0) or ROI_SAMPLES
        if not 0 < samples <= ROI_SAMPLES:
            raise ValueError("its operator RoiAlign takes too many samples")
        return moved + made * float(samples) ** 2
    return moved * _SLOW.get(kind, 1.0)


_READ = ("kernel_shape", "size", "sampling_ratio", "equation")


def _einsum(node: NodeProto, shapes: Sequence[Shape]) -> float:
    """Return the product of all different sides; a side of an ellipsis counts for each input."""
    equation = next(get_attribute_value(each).decode() for each in node.attribute if each.name == "equation")
    sides: dict[str, int] = {}
    total = 1.0
    for letters, shape in zip(equation.partition("->")[0].replace(" ", "").split(","), shapes, strict=True):
        named = letters.replace("...", "")
        if "..." in letters:
            total *= math.prod(shape)
        else:
            sides |= dict(zip(named, shape, strict=True))
    return total * math.prod(sides.values())

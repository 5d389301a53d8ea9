"""Compute the small constants of an ONNX graph from which the sizes of its tensors follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.helper import tensor_dtype_to_np_dtype

__all__ = ["MAX_ELEMENTS", "value_of"]

MAX_ELEMENTS = 4096
"""Larger tensors decide no sizes in an honest graph, so they are not computed."""

Value = NDArray[Any]
Attributes = dict[str, Any]


def value_of(kind: str, inputs: Sequence[Value | None], attributes: Attributes) -> Value | None:
    """Return the output of a node; None where it is large, or the operator is not among those that compute sizes.

    Args:
        kind: Name of the operator.
        inputs: Its known inputs; None for an input that was left out.
        attributes: Its attributes by name.

    Raises:
        ValueError: The inputs do not fit the operator.
    """
    compute = _OPERATORS.get(kind)
    try:
        if kind in _QUANTIZERS and (len(inputs) < 3 or inputs[1] is None or inputs[1].size != 1):
            return None  # weights by channel, which decide no sizes
        if compute is None or _elements(kind, inputs) > MAX_ELEMENTS:
            return None
        with np.errstate(all="ignore"):
            value = np.asarray(compute(inputs, attributes))
        if kind not in _OWN_TYPE:
            value = value.astype(_same_type(kind, inputs), copy=False)
        return value
    except (IndexError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise ValueError(f"{kind} cannot be computed") from error


def _elements(kind: str, inputs: Sequence[Any]) -> float:
    """Return the number of elements of an output that may be larger than what its node reads."""
    if kind == "Expand":
        return math.prod(np.broadcast_shapes(inputs[0].shape, tuple(_counts(inputs[1]))))
    if kind == "ConstantOfShape":
        return math.prod(_counts(inputs[0]))
    if kind == "Range":
        start, limit, delta = (float(each) for each in inputs)
        return max(0.0, (limit - start) / delta) if delta else math.inf
    if kind in ("Reshape", "Gather", "Concat"):
        sizes = [int(each.size) for each in inputs]
        return math.prod(sizes) if kind == "Gather" else sum(sizes)
    shapes = [each.shape for each in inputs if each is not None]
    return math.prod(np.broadcast_shapes(*shapes)) if kind in _BROADCAST else 0.0


def _counts(sides: Value) -> list[int]:
    found: list[int] = sides.tolist()
    if any(side < 0 for side in found):
        raise ValueError("a side is negative")
    return found


def _same_type(kind: str, inputs: Sequence[Any]) -> Any:
    return inputs[1 if kind == "Where" else 0].dtype


def _cast(x: Sequence[Any], a: Attributes) -> Value:
    return np.asarray(x[0].astype(tensor_dtype_to_np_dtype(a["to"])))


def _both(function: Callable[..., Value]) -> Callable[[Sequence[Any], Attributes], Value]:
    return lambda x, a: function(*x)


def _axes(x: Sequence[Any], a: Attributes) -> tuple[int, ...] | None:
    given = x[1].tolist() if len(x) > 1 and x[1] is not None else a.get("axes")
    return None if given is None else tuple(given)


def _divided(a: Value, b: Value) -> Value:
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    if not np.all(b):
        raise ValueError("division by zero")
    return np.asarray(np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)))  # ONNX rounds towards zero


def _clipped(values: Value, low: Value | None = None, high: Value | None = None) -> Value:
    raised = values if low is None else np.maximum(values, low)
    return raised if high is None else np.minimum(raised, high)


def _quantized(values: Value, scale: Value, zero: Value) -> Value:
    limits = np.iinfo(zero.dtype)
    levels = np.rint(values / scale) + zero
    return np.asarray(np.clip(levels, limits.min, limits.max).astype(zero.dtype))


def _dequantized(values: Value, scale: Value, zero: Value) -> Value:
    return np.asarray((values.astype(scale.dtype) - zero.astype(scale.dtype)) * scale)


def _unsqueezed(x: Sequence[Any], a: Attributes) -> Value:
    return np.expand_dims(x[0], _axes(x, a) or ())


def _sliced(x: Sequence[Any], a: Attributes) -> Value:
    data, starts, ends = x[0], x[1].tolist(), x[2].tolist()
    axes = x[3].tolist() if len(x) > 3 and x[3] is not None else range(len(starts))
    steps = x[4].tolist() if len(x) > 4 and x[4] is not None else [1] * len(starts)
    index = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end < -data.shape[axis] else end
        index[axis] = slice(start, stop, step)
    return np.asarray(data[tuple(index)])


def _reshaped(x: Sequence[Any], a: Attributes) -> Value:
    sides = [x[0].shape[i] if side == 0 else side for i, side in enumerate(x[1].tolist())]
    return np.asarray(x[0].reshape(sides))


def _reduced(function: Callable[..., Value]) -> Callable[[Sequence[Any], Attributes], Value]:
    return lambda x, a: function(x[0], axis=_axes(x, a), keepdims=bool(a.get("keepdims", 1)))


_OPERATORS: dict[str, Callable[[Sequence[Any], Attributes], Any]] = {
    "Abs": _both(np.abs),
    "Add": _both(np.add),
    "And": _both(np.logical_and),
    "Cast": _cast,
    "Ceil": _both(np.ceil),
    "Clip": lambda x, a: _clipped(*x),
    "Concat": lambda x, a: np.concatenate(list(x), a["axis"]),
    "ConstantOfShape": lambda x, a: np.full(x[0].tolist(), a["value"].ravel()[0] if "value" in a else np.float32(0)),
    "DequantizeLinear": _both(_dequantized),
    "Div": _both(_divided),
    "Equal": _both(np.equal),
    "Expand": lambda x, a: x[0] * np.ones(x[1].tolist(), x[0].dtype),
    "Floor": _both(np.floor),
    "Gather": lambda x, a: np.take(x[0], x[1], axis=a.get("axis", 0)),
    "Greater": _both(np.greater),
    "GreaterOrEqual": _both(np.greater_equal),
    "Identity": _both(np.asarray),
    "Less": _both(np.less),
    "LessOrEqual": _both(np.less_equal),
    "Max": lambda x, a: np.max(np.broadcast_arrays(*x), axis=0),
    "Min": lambda x, a: np.min(np.broadcast_arrays(*x), axis=0),
    "Mod": lambda x, a: np.fmod(*x) if a.get("fmod") else np.mod(*x),
    "Mul": _both(np.multiply),
    "Neg": _both(np.negative),
    "Not": _both(np.logical_not),
    "Or": _both(np.logical_or),
    "QuantizeLinear": _both(_quantized),
    "Range": _both(np.arange),
    "ReduceMax": _reduced(np.max),
    "ReduceMin": _reduced(np.min),
    "ReduceProd": _reduced(np.prod),
    "ReduceSum": _reduced(np.sum),
    "Reshape": _reshaped,
    "Round": _both(np.round),
    "Sign": _both(np.sign),
    "Slice": _sliced,
    "Sqrt": _both(np.sqrt),
    "Squeeze": lambda x, a: np.squeeze(x[0], _axes(x, a)),
    "Sub": _both(np.subtract),
    "Transpose": lambda x, a: np.transpose(x[0], a.get("perm")),
    "Unsqueeze": _unsqueezed,
    "Where": _both(np.where),
}

_QUANTIZERS = frozenset(("DequantizeLinear", "QuantizeLinear"))
_COMPARE = frozenset(("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or"))
_OWN_TYPE = _COMPARE | _QUANTIZERS | {"Cast", "ConstantOfShape"}
_BROADCAST = _COMPARE | _QUANTIZERS | {"Add", "Div", "Max", "Min", "Mod", "Mul", "Sub", "Where"}

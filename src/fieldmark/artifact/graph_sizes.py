"""Follow an ONNX graph node by node without running it: the sizes of its tensors, its operations, its memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto

from fieldmark.artifact.graph_operators import ALLOWED, BINARY, UNARY, operations
from fieldmark.artifact.graph_values import MAX_ELEMENTS, value_of

__all__ = ["MAX_NODES", "MAX_OPERATIONS", "MAX_TENSOR_BYTES", "Size", "Walk"]

MAX_NODES = 20_000
MAX_TENSOR_BYTES = 2**31
"""Memory that the tensors of one photo may need at the same time."""
MAX_OPERATIONS = 4e12
"""Multiply-adds for one photo: 10,000 times those of EfficientNet-Lite0 at 224 pixels."""

_MAX_DEPTH = 3


@dataclass(frozen=True)
class Size:
    """Element type and shape of a tensor."""

    dtype: int
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.elements * _item_bytes(self.dtype)

    @cached_property
    def proto(self) -> TypeProto:
        """Return the size as ONNX writes it."""
        return onnx.helper.make_tensor_type_proto(self.dtype, self.shape)


@dataclass(slots=True)
class Walk:
    """The state after the nodes that were followed.

    Attributes:
        opset: Version of the standard operators.
        sizes: Tensor -> its size.
        values: Tensor -> its numbers, for small constants.
        constant: Tensors that do not depend on the photo; the runtime may compute and keep them.
        operations: Multiply-adds up to here.
        nodes: Nodes up to here, those inside of others too.
    """

    opset: int
    sizes: dict[str, Size] = field(default_factory=dict)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    constant: set[str] = field(default_factory=set)
    operations: float = 0.0
    nodes: int = 0
    _live: int = 0

    def add_input(self, name: str, size: Size) -> None:
        """Take in an input of the graph."""
        self.sizes[name] = size
        self._live += size.bytes

    def add_tensor(self, name: str, tensor: TensorProto) -> None:
        """Take in a tensor that the file holds.

        Raises:
            ValueError: Its numbers lie in another file, or do not fit its shape.
        """
        self.sizes[name] = size = _size_of_tensor(tensor)
        self.constant.add(name)
        if size.elements <= MAX_ELEMENTS:
            self.values[name] = onnx.numpy_helper.to_array(tensor)

    def follow(self, graph: GraphProto, depth: int = 0) -> None:
        """Follow the nodes of a graph, whose inputs are known.

        Raises:
            ValueError: A node is not allowed, its sizes do not follow from the size of the photo, or a limit is passed.
        """
        if graph.sparse_initializer:
            raise ValueError("it holds sparse tensors")
        for tensor in graph.initializer:
            self.add_tensor(tensor.name, tensor)
        last = {name: index for index, node in enumerate(graph.node) for name in node.input}
        kept = {output.name for output in graph.output}
        for index, node in enumerate(graph.node):
            self.nodes += 1
            if self.nodes > MAX_NODES:
                raise ValueError(f"it has more than {MAX_NODES:,} nodes")
            self._follow_node(node, depth)
            for name in {*node.input, *node.output} - kept - self.constant:
                if name and last.get(name, index) <= index and depth == 0:
                    self._live -= self.sizes[name].bytes

    def _follow_node(self, node: NodeProto, depth: int) -> None:
        kind = node.op_type
        if node.domain not in ("", "ai.onnx") or kind not in ALLOWED:
            raise ValueError(f"it uses the operator {_quoted(kind)}, which no model of Fieldmark needs")
        if missing := [name for name in node.input if name and name not in self.sizes]:
            raise ValueError(f"it reads the tensor {_quoted(missing[0])}, which no node before it makes")
        is_constant = all(name in self.constant for name in node.input if name)
        if kind == "If":
            found = self._branches(node, depth)
        elif kind == "Constant":
            self.add_tensor(node.output[0], _constant(node))
            return
        elif self._evaluate(node):
            return
        else:
            found = self._elementwise(node) or self._inferred(node)
        for name, size in found.items():
            self._check_name(name)
            self.sizes[name] = size
            self._live += size.bytes
        if self._live > MAX_TENSOR_BYTES:
            raise ValueError(f"its tensors need more than {MAX_TENSOR_BYTES >> 30} GiB for one photo")
        if is_constant:
            self.constant.update(found)
        if kind != "If":
            inputs = [self.sizes[name] if name else None for name in node.input]
            shapes = [None if size is None else size.shape for size in inputs]
            self.operations += operations(node, shapes, [self.sizes[name].shape for name in node.output if name])
        if self.operations > MAX_OPERATIONS:
            raise ValueError(f"it needs more than {MAX_OPERATIONS / 1e12:g} trillion operations for one photo")

    def _inferred(self, node: NodeProto) -> dict[str, Size]:
        """Return the sizes of the outputs from those of the inputs, and from the values of small constants."""
        for attribute in node.attribute:
            if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) or attribute.ref_attr_name:
                raise ValueError(f"its operator {node.op_type} holds a graph")
        types = {name: self.sizes[name].proto for name in node.input if name}
        data = {name: onnx.numpy_helper.from_array(self.values[name]) for name in node.input if name in self.values}
        try:
            schema = _schema(node.op_type, self.opset)
            found = onnx.shape_inference.infer_node_outputs(
                schema, node, types, data, opset_imports=[onnx.helper.make_opsetid("", self.opset)]
            )
        except Exception as error:  # ONNX raises errors of several kinds
            raise ValueError(f"its operator {node.op_type} does not fit its inputs") from error
        return {name: self._known(node, name, found.get(name)) for name in node.output if name}

    def _known(self, node: NodeProto, name: str, proto: TypeProto | None) -> Size:
        tensor = None if proto is None else proto.tensor_type
        if tensor is None or not tensor.HasField("shape") or not all(s.HasField("dim_value") for s in tensor.shape.dim):
            raise ValueError(f"the size of the tensor {_quoted(name)} does not follow from the size of the photo")
        return Size(tensor.elem_type, tuple(side.dim_value for side in tensor.shape.dim))

    def _elementwise(self, node: NodeProto) -> dict[str, Size] | None:
        """Return what ONNX would infer for the most frequent operators, faster."""
        if node.op_type in UNARY and len(node.output) == 1:
            return {node.output[0]: self.sizes[node.input[0]]}
        if node.op_type in BINARY and len(node.input) == 2:
            first, second = (self.sizes[name] for name in node.input)
            if first.dtype != second.dtype:
                raise ValueError(f"its operator {node.op_type} does not fit its inputs")
            try:
                shape = np.broadcast_shapes(first.shape, second.shape)
            except ValueError as error:
                raise ValueError(f"its operator {node.op_type} does not fit its inputs") from error
            return {node.output[0]: Size(first.dtype, shape)}
        return None

    def _evaluate(self, node: NodeProto) -> bool:
        """Compute the output of a node where it is small and all that it reads is known. Return whether it was."""
        if len(node.output) != 1:
            return False
        name = node.output[0]
        if node.op_type in ("Shape", "Size"):
            read, attributes = self.sizes[node.input[0]], _attributes(node)
            sides = read.shape[attributes.get("start", 0) : attributes.get("end", len(read.shape))]
            value = np.array(sides if node.op_type == "Shape" else read.elements, dtype=np.int64)
        elif all(not each or each in self.values for each in node.input):
            found = value_of(node.op_type, [self.values.get(each) for each in node.input], _attributes(node))
            if found is None:
                return False
            value = found
        else:
            return False
        self._check_name(name)
        self.sizes[name] = Size(_dtype_of(value.dtype), value.shape)
        self.values[name] = value
        self.constant.add(name)
        return True

    def _check_name(self, name: str) -> None:
        if name in self.sizes:
            raise ValueError(f"two nodes make the tensor {_quoted(name)}")

    def _branches(self, node: NodeProto, depth: int) -> dict[str, Size]:
        """Follow both branches of an If whose condition is a constant; the outputs are those of the one that runs."""
        condition = self.values.get(node.input[0])
        if condition is None or condition.size != 1 or depth >= _MAX_DEPTH:
            raise ValueError("it uses the operator If on what it sees in a photo")
        outputs: dict[str, list[Size]] = {}
        for attribute in node.attribute:
            outer = dict(self.sizes), dict(self.values), set(self.constant)
            self.follow(attribute.g, depth + 1)
            outputs[attribute.name] = [self._output(each.name) for each in attribute.g.output]
            self.sizes, self.values, self.constant = outer
        taken = outputs.get("then_branch" if condition.item() else "else_branch", [])
        if len(taken) != len(node.output) or len(outputs) != 2:
            raise ValueError("its operator If does not fit its outputs")
        return dict(zip(node.output, taken, strict=True))

    def _output(self, name: str) -> Size:
        if name not in self.sizes:
            raise ValueError(f"no node makes its output {_quoted(name)}")
        return self.sizes[name]


@cache
def _schema(kind: str, opset: int) -> Any:
    return onnx.defs.get_schema(kind, opset, "")


@cache
def _dtype_of(dtype: Any) -> int:
    return int(onnx.helper.np_dtype_to_tensor_dtype(dtype))


@cache
def _item_bytes(dtype: int) -> int:
    try:
        return int(onnx.helper.tensor_dtype_to_np_dtype(dtype).itemsize)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("it holds tensors of an unknown type") from error


def _size_of_tensor(tensor: TensorProto) -> Size:
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError("its numbers lie in another file")
    size = Size(tensor.data_type, tuple(tensor.dims))
    if any(side < 0 for side in size.shape) or tensor.data_type in (TensorProto.STRING, TensorProto.UNDEFINED):
        raise ValueError(f"its tensor {_quoted(tensor.name)} has an impossible shape or type")
    if tensor.HasField("raw_data"):
        fits = len(tensor.raw_data) == size.bytes
    else:
        held = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data, tensor.uint64_data)
        fits = max(map(len, held)) == size.elements
    if not fits:
        raise ValueError(f"its tensor {_quoted(tensor.name)} has another number of elements than its shape says")
    return size


def _constant(node: NodeProto) -> TensorProto:
    """Return the tensor of a Constant node."""
    if len(node.attribute) != 1 or len(node.output) != 1:
        raise ValueError("its operator Constant holds no tensor")
    attribute = node.attribute[0]
    if attribute.name == "value":
        held: TensorProto = attribute.t
        return held
    if attribute.name in ("value_float", "value_floats", "value_int", "value_ints"):
        kind = np.float32 if "float" in attribute.name else np.int64
        return onnx.numpy_helper.from_array(np.array(onnx.helper.get_attribute_value(attribute), dtype=kind))
    raise ValueError("its operator Constant holds no tensor")


def _attributes(node: NodeProto) -> dict[str, Any]:
    return dict(_read(node.attribute))


def _read(attributes: Sequence[AttributeProto]) -> Iterator[tuple[str, Any]]:
    for attribute in attributes:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, TensorProto):
            _size_of_tensor(value)
            value = onnx.numpy_helper.to_array(value)
        yield attribute.name, value


def _quoted(name: str | bytes) -> str:
    """Return a name for a message. Protocol buffers give names that are not UTF-8 as bytes."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    words = " ".join(text.split())
    return "'" + (words if len(words) <= 60 else words[:60] + "…") + "'"

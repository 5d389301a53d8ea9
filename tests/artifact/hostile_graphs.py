"""ONNX graphs as a stranger could make them: loops, terabytes, files outside of the folder, other outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import hostile_models
import numpy as np
from onnx import TensorProto
from onnx.helper import (
    make_function,
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor,
    make_tensor_value_info,
)
from safetensors.numpy import load_file

__all__ = ["hostile_graphs"]

FILE = "model-0.onnx"
WIDTH = len(load_file(hostile_models.BASE / "memory.safetensors")["mean"])
SIDE, CLASSES = 64, 5


def _value(name: str, kind: int, *shape: Any) -> Any:
    return make_tensor_value_info(name, kind, shape)


def _model(
    nodes: Sequence[Any] = (),
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
    classes: int = CLASSES,
    width: int = WIDTH,
    tensors: Sequence[Any] = (),
    functions: Sequence[Any] = (),
    opset: int = 17,
) -> Any:
    """A graph with valid inputs and outputs, and some nodes besides."""
    own = [
        make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        make_node("ReduceMean", ["floats"], ["means"], axes=[1, 2], keepdims=0),
        make_node("MatMul", ["means", "head"], ["logits"]),
        make_node("MatMul", ["means", "body"], ["embedding"]),
    ]
    weights = [
        make_tensor("head", TensorProto.FLOAT, [3, classes], np.ones(3 * classes)),
        make_tensor("body", TensorProto.FLOAT, [3, width], np.ones(3 * width)),
    ]
    graph = make_graph(
        [*own, *nodes],
        "graph",
        list(inputs) or [_value("images", TensorProto.UINT8, "batch", SIDE, SIDE, 3)],
        list(outputs) or [_value(name, TensorProto.FLOAT, "batch", None) for name in ("logits", "embedding")],
        [*weights, *tensors],
    )
    return make_model(
        graph, opset_imports=[make_opsetid("", opset), make_opsetid("evil", 1)], functions=list(functions), ir_version=8
    )


def _ints(name: str, *numbers: int) -> Any:
    return make_tensor(name, TensorProto.INT64, [len(numbers)], numbers)


def _scalar(name: str, number: int) -> Any:
    return make_tensor(name, TensorProto.INT64, [], [number])


def _loop(times: int, inner: Sequence[Any] = ()) -> Any:
    body = make_graph(
        [make_node("Identity", ["go"], ["on"]), *inner],
        "body",
        [_value("i", TensorProto.INT64), _value("go", TensorProto.BOOL)],
        [_value("on", TensorProto.BOOL)],
    )
    return make_node("Loop", ["times", ""], [], body=body)


def _external(location: str) -> Any:
    tensor = make_tensor("x", TensorProto.FLOAT, [1], [0.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return _model(tensors=[tensor])


def _short(shape: Sequence[int]) -> Any:
    tensor = make_tensor("x", TensorProto.FLOAT, [1], [0.0])
    tensor.dims[:] = shape
    return _model(tensors=[tensor])


def _branch(inner: Sequence[Any], *, known: bool) -> Any:
    then = make_graph([make_node("Constant", [], ["a"], value_int=1)], "then", [], [_value("a", TensorProto.INT64)])
    other = make_graph(list(inner), "else", [], [_value("b", TensorProto.FLOAT, None)])
    if known:
        start = [make_node("Constant", [], ["yes"], value=make_tensor("v", TensorProto.BOOL, [], [True]))]
    else:
        start = [
            make_node("ReduceMax", ["floats"], ["most"], keepdims=0),
            make_node("Cast", ["most"], ["yes"], to=TensorProto.BOOL),
        ]
    sides = [_ints("tera", 10**12)]
    return _model([*start, make_node("If", ["yes"], ["out"], then_branch=then, else_branch=other)], tensors=sides)


def hostile_graphs() -> dict[str, hostile_models.Damage]:
    """Name -> damage of the graph of the model."""
    memory = "its tensors need more than 2 GiB for one photo"
    work = "it needs more than 4 trillion operations for one photo"
    follow = "the size of the tensor 'x' does not follow from the size of the photo"
    huge = _ints("tera", 10**12)
    last = make_node("Flatten", ["means"], ["flat"])
    loop = "it uses the operator 'Loop', which no model of Fieldmark needs"
    big = make_tensor("big", TensorProto.FLOAT, [2**16, 1], np.ones(2**16))
    row = make_tensor("row", TensorProto.FLOAT, [1, 2**16], np.ones(2**16))
    square = make_tensor("square", TensorProto.FLOAT, [2048, 1], np.ones(2048))
    function = make_function("evil", "F", ["x"], ["y"], [make_node("F", ["x"], ["y"], domain="evil")], [])
    unknown = {
        name: (
            _model([make_node(name, ["floats"], ["x"], domain=domain)]),
            f"it uses the operator '{name}', which no model of Fieldmark needs",
        )
        for name, domain in (
            ("Evil", "evil"),
            ("Inverse", "com.microsoft"),
            ("ATen", "org.pytorch.aten"),
            ("NoSuchOperator", ""),
            ("Loop", ""),
            ("Scan", ""),
            ("SequenceMap", ""),
            ("SequenceEmpty", ""),
            ("Optional", ""),
            ("StringConcat", ""),
            ("TfIdfVectorizer", ""),
            ("NonZero", ""),
            ("Unique", ""),
            ("Compress", ""),
            ("RandomNormal", ""),
            ("Multinomial", ""),
            ("LSTM", ""),
            ("GRU", ""),
            ("NonMaxSuppression", ""),
            ("ImageDecoder", ""),
            ("DFT", ""),
        )
    }
    graphs: dict[str, tuple[Any, str]] = {
        **unknown,
        "Loop of 2^62 steps": (_model([_loop(2**62)], tensors=[_scalar("times", 2**62)]), loop),
        "Loop in Loop": (_model([_loop(9, [_loop(2**62)])], tensors=[_scalar("times", 2**62)]), loop),
        "recursive function": (
            _model([make_node("F", ["floats"], ["x"], domain="evil")], functions=[function]),
            "it holds functions, which no model of Fieldmark needs",
        ),
        "file outside": (_external("../../../etc/passwd"), "its numbers lie in another file"),
        "absolute file": (_external("/etc/passwd"), "its numbers lie in another file"),
        "file beside": (_external("split.csv"), "its numbers lie in another file"),
        "ConstantOfShape": (_model([make_node("ConstantOfShape", ["tera"], ["x"])], tensors=[huge]), memory),
        "Expand": (
            _model([make_node("Expand", ["means", "wide"], ["x"])], tensors=[_ints("wide", 10**6, 10**6, 3)]),
            memory,
        ),
        "Tile": (_model([make_node("Tile", ["means", "wide"], ["x"])], tensors=[_ints("wide", 10**6, 10**6)]), memory),
        "Range": (
            _model(
                [make_node("Range", ["a", "b", "c"], ["x"])],
                tensors=[_scalar("a", 0), _scalar("b", 10**12), _scalar("c", 1)],
            ),
            memory,
        ),
        "EyeLike": (
            _model(
                [make_node("MatMul", ["big", "row"], ["m"]), make_node("EyeLike", ["m"], ["x"])], tensors=[big, row]
            ),
            memory,
        ),
        "outer product": (_model([make_node("MatMul", ["big", "row"], ["x"])], tensors=[big, row]), memory),
        "broadcast": (_model([make_node("Mul", ["big", "row"], ["x"])], tensors=[big, row]), memory),
        "Pad": (_model([make_node("Pad", ["means", "wide"], ["x"])], tensors=[_ints("wide", 0, 0, 10**12, 0)]), memory),
        "Resize": (
            _model(
                [
                    make_node("Transpose", ["floats"], ["t"], perm=[0, 3, 1, 2]),
                    make_node("Resize", ["t", "", "scales"], ["x"]),
                ],
                tensors=[make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 1e4, 1e4])],
            ),
            memory,
        ),
        "OneHot": (
            _model(
                [
                    make_node("Cast", ["means"], ["i"], to=TensorProto.INT64),
                    make_node("OneHot", ["i", "depth", "pair"], ["x"]),
                ],
                tensors=[_scalar("depth", 10**12), make_tensor("pair", TensorProto.FLOAT, [2], [0, 1])],
            ),
            memory,
        ),
        "many tensors at once": (
            _model(
                [make_node("Expand", ["means", "wide"], [f"x{i}"]) for i in range(40)]
                + [make_node("Sum", [f"x{i}" for i in range(40)], ["x"])],
                tensors=[_ints("wide", 8 * 10**6, 3)],
            ),
            memory,
        ),
        "size from the photo": (
            _model(
                [
                    make_node("ReduceSum", ["floats"], ["sum"], keepdims=0),
                    make_node("Cast", ["sum"], ["n"], to=TensorProto.INT64),
                    make_node("Reshape", ["n", "one"], ["side"]),
                    make_node("ConstantOfShape", ["side"], ["x"]),
                ],
                tensors=[_ints("one", 1)],
            ),
            follow,
        ),
        "quadrillions of multiply-adds": (
            _model(
                [make_node("MatMul", ["means", "three"], ["line"]), make_node("Expand", ["line", "wide"], ["x0"])]
                + [make_node("Expand", ["square", "wide"], ["e"])]
                + [make_node("MatMul", [f"x{i}", "e"], [f"x{i + 1}"]) for i in range(600)],
                tensors=[
                    square,
                    _ints("wide", 2048, 2048),
                    make_tensor("three", TensorProto.FLOAT, [3, 2048], np.ones(6144)),
                ],
            ),
            work,
        ),
        "pooling over a huge window": (
            _model(
                [
                    make_node("Transpose", ["floats"], ["t"], perm=[0, 3, 1, 2]),
                    make_node("AveragePool", ["t"], ["x"], kernel_shape=[10**5, 10**5], pads=[50_000] * 4),
                ],
            ),
            work,
        ),
        "RoiAlign with a million samples": (
            _model(
                [
                    make_node("Transpose", ["floats"], ["t"], perm=[0, 3, 1, 2]),
                    make_node("RoiAlign", ["t", "boxes", "of"], ["x"], sampling_ratio=10**6),
                ],
                tensors=[make_tensor("boxes", TensorProto.FLOAT, [1, 4], [0, 0, 1, 1]), _ints("of", 0)],
            ),
            "its operator RoiAlign takes too many samples",
        ),
        "If on what the photo shows": (
            _branch([make_node("ConstantOfShape", ["tera"], ["b"])], known=False),
            "it uses the operator If on what it sees in a photo",
        ),
        "terabytes in the other branch": (_branch([make_node("ConstantOfShape", ["tera"], ["b"])], known=True), memory),
        "Loop in a branch": (
            _branch([_loop(2**62), make_node("Constant", [], ["b"], value_float=1.0)], known=True),
            loop,
        ),
        "negative sides": (_short([-1]), "its tensor 'x' has an impossible shape or type"),
        "terabytes without numbers": (
            _short([10**12]),
            "its tensor 'x' has another number of elements than its shape says",
        ),
        "overflowing sides": (
            _short([2**40, 2**40]),
            "its tensor 'x' has another number of elements than its shape says",
        ),
        "text": (
            _model(tensors=[make_tensor("x", TensorProto.STRING, [1], [b"a"])]),
            "its tensor 'x' has an impossible shape or type",
        ),
        "Constant without a tensor": (
            _model([make_node("Constant", [], ["x"], value_string="a")]),
            "its operator Constant holds no tensor",
        ),
        "7 classes": (_model(classes=7), "its output logits has 7 numbers instead of 5"),
        "1 class": (_model(classes=1), "its output logits has 1 numbers instead of 5"),
        "shorter embedding": (_model(width=3), f"its output embedding has 3 numbers instead of {WIDTH}"),
        "no embedding": (
            _model(outputs=[_value("logits", TensorProto.FLOAT, "batch", None)]),
            "it has no output embedding",
        ),
        "no logits": (
            _model(outputs=[_value("embedding", TensorProto.FLOAT, "batch", None)]),
            "it has no output logits",
        ),
        "output that nothing makes": (
            _model(outputs=[_value(n, TensorProto.FLOAT, "b", None) for n in ("logits", "embedding", "ghost")]),
            "ONNX Runtime cannot open it",
        ),
        "two inputs": (
            _model(
                inputs=[_value("images", TensorProto.UINT8, "b", SIDE, SIDE, 3), _value("more", TensorProto.FLOAT, 1)]
            ),
            "its inputs are not images",
        ),
        "another input": (
            _model(inputs=[_value("pixels", TensorProto.UINT8, "b", SIDE, SIDE, 3)]),
            "its inputs are not images",
        ),
        "float input": (
            _model(inputs=[_value("images", TensorProto.FLOAT, "b", SIDE, SIDE, 3)]),
            "its input images is not made for photos of 64 x 64 pixels",
        ),
        "larger photos": (
            _model(inputs=[_value("images", TensorProto.UINT8, "b", 10**6, 10**6, 3)]),
            "its input images is not made for photos of 64 x 64 pixels",
        ),
        "batches of a million": (
            _model(inputs=[_value("images", TensorProto.UINT8, 10**6, SIDE, SIDE, 3)]),
            "its input images is not made for photos of 64 x 64 pixels",
        ),
        "unknown tensor": (
            _model([make_node("Relu", ["ghost"], ["x"])]),
            "it reads the tensor 'ghost', which no node before it makes",
        ),
        "cycle": (
            _model([make_node("Add", ["means", "b"], ["a"]), make_node("Relu", ["a"], ["b"])]),
            "it reads the tensor 'b', which no node before it makes",
        ),
        "a name twice": (_model([last, make_node("Relu", ["means"], ["flat"])]), "two nodes make the tensor 'flat'"),
        "sides that do not fit": (
            _model([make_node("MatMul", ["means", "means"], ["x"])]),
            "its operator MatMul does not fit its inputs",
        ),
        "types that do not fit": (
            _model([make_node("Add", ["means", "images"], ["x"])]),
            "its operator Add does not fit its inputs",
        ),
        "operators of the future": (_model(opset=99), "it needs operators of an unknown version"),
        "30,000 nodes": (
            _model([make_node("Relu", ["means"], [f"x{i}"]) for i in range(30_000)]),
            "it has more than 20,000 nodes",
        ),
    }
    found = {f"graph: {name}": _damage(model.SerializeToString(), reason) for name, (model, reason) in graphs.items()}
    found["graph: no ONNX"] = _damage(b"not a graph", "it is no ONNX file")
    found["graph: empty"] = _damage(b"", "it needs operators of an unknown version")
    return found


def _damage(content: bytes, reason: str) -> hostile_models.Damage:
    def write(content: bytes, folder: Path) -> None:
        (folder / FILE).write_bytes(content)
        hostile_models.reseal(folder)

    change: Callable[[Path], object] = partial(write, content)
    return change, f"{FILE} cannot be used: {reason}"

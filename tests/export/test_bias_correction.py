"""The corrected biases undo what rounded weights change in the mean."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from fieldmark.export.bias_correction import correct_biases


def _graph(groups: int) -> ModelProto:
    """Photos to a convolution of one pixel on three channels, or on each of them."""
    rng = np.random.default_rng(groups)
    weights = rng.standard_normal((6, 3 // groups, 1, 1)).astype(np.float32)
    held = {
        "weights": weights,
        "bias": rng.standard_normal(6).astype(np.float32),
        "factor": np.float32(1 / 255),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "factor"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["pixels", "weights", "bias"], ["map"], name="conv", group=groups),
    ]
    graph = helper.make_graph(
        nodes,
        "one convolution",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 8, 8, 3])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", 6, 8, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _means(model: ModelProto, feeds: list[dict[str, np.ndarray]]) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.mean([session.run(["map"], feed)[0].mean((0, 2, 3)) for feed in feeds], axis=0)


def _weights(model: ModelProto) -> np.ndarray:
    return numpy_helper.to_array(next(each for each in model.graph.initializer if each.name == "weights"))


@pytest.mark.parametrize("groups", [1, 3])
def test_rounded_weights_leave_the_mean_of_each_channel(groups: int) -> None:
    rng = np.random.default_rng(0)
    feeds = [{"images": rng.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)} for _ in range(4)]
    plain, corrected = _graph(groups), _graph(groups)
    correct_biases(corrected, {"conv"}, feeds)
    np.testing.assert_array_equal(_weights(corrected), _weights(plain))

    scale = np.abs(_weights(plain)).max((1, 2, 3), keepdims=True) / 127
    rounded = numpy_helper.from_array((np.round(_weights(plain) / scale) * scale).astype(np.float32), "weights")
    shifts = []
    for model in (plain, corrected):
        small = ModelProto()
        small.CopyFrom(model)
        next(each for each in small.graph.initializer if each.name == "weights").CopyFrom(rounded)
        shifts.append(np.abs(_means(small, feeds) - _means(plain, feeds)).max())
    if groups == 1:  # a weight that is alone in its channel is not rounded
        assert shifts[0] > 1e-4
    assert shifts[1] < 1e-6


def test_other_nodes_keep_their_biases() -> None:
    feeds = [{"images": np.full((1, 8, 8, 3), 128, np.uint8)}]
    model = _graph(1)
    correct_biases(model, set(), feeds)
    assert model == _graph(1)

"""A graph that was exported before is the same, and so is one with other heads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fieldmark.backbones import known_graphs, onnx_export
from fieldmark.backbones.known_graphs import known_graph
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.build import build_method
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.method_graph import NamedOutputs

PREPROCESS = Preprocess(32)
NAMES = ["logits", "embedding"]


@pytest.fixture(autouse=True)
def exported(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The graphs that are exported, with no graph known at the beginning."""
    made: list[bytes] = []

    def export(*arguments: object) -> bytes:
        made.append(export_graph(*arguments))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(onnx_export, "export_graph", export)
    monkeypatch.setattr(known_graphs, "_kept", type(known_graphs._kept)())
    return made


def _method(poolings: tuple[str, ...], seed: int, classes: int = 3) -> tuple[NamedOutputs, list[str]]:
    """A method whose backbone does not depend on the seed, but its head and scalings do."""
    torch.manual_seed(0)
    method = build_method("linear_probe", classes, {"backbone": "test_efficientnet", "poolings": poolings}, 32).eval()
    assert isinstance(method, PooledMethod)
    torch.manual_seed(seed)
    for number, (name, dim) in enumerate(method.pool.dims.items()):
        method.set_scaling(name, torch.randn(dim), 0.5 + seed + number / 4)
    method.set_head(torch.randn(method.head.weight.shape), torch.randn(classes))
    return NamedOutputs(method), [f"method.{name}" for name in method.fitted_tensors]


@pytest.mark.parametrize("poolings", [("avg",), ("gem", "cov")])
def test_other_heads_give_the_bytes_of_an_export(poolings: tuple[str, ...], exported: list[bytes]) -> None:
    for seed in range(3):
        module, varies = _method(poolings, seed)
        assert known_graph(module, PREPROCESS, NAMES, varies) == export_graph(module, PREPROCESS, NAMES)
    assert len(exported) == 1


def test_other_classes_weights_or_photos_are_exported(exported: list[bytes]) -> None:
    module, varies = _method(("avg",), 0)
    known_graph(module, PREPROCESS, NAMES, varies)
    known_graph(module, Preprocess(64), NAMES, varies)
    known_graph(module, PREPROCESS, NAMES[:1], varies)
    more, _ = _method(("avg",), 0, classes=4)
    known_graph(more, PREPROCESS, NAMES, varies)
    with torch.no_grad():
        next(module.parameters())[0] += 1.0
    assert known_graph(module, PREPROCESS, NAMES, varies) == export_graph(module, PREPROCESS, NAMES)
    assert len(exported) == 5


class _Computed(nn.Module):
    """The exporter computes with its weight, so that the graph does not have it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value, 1.0]))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"mean": images.mean((1, 2, 3))[:, None] * (2.0 * self.weight)}


def test_a_tensor_that_the_graph_does_not_have_is_exported(exported: list[bytes]) -> None:
    for value in (1.0, 2.0):
        content = known_graph(_Computed(value), PREPROCESS, ["mean"], ["weight"])
        assert content == export_graph(_Computed(value), PREPROCESS, ["mean"])
    assert len(exported) == 2


class _Twins(nn.Module):
    """Two tensors that may be equal, which the exporter then joins."""

    def __init__(self, fixed: float, fitted: float) -> None:
        super().__init__()
        self.fixed, self.fitted = nn.Parameter(torch.full((3,), fixed)), nn.Parameter(torch.full((3,), fitted))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"mean": images.mean((2, 3)) * self.fixed + self.fitted}


def test_equal_tensors_stay_apart(exported: list[bytes]) -> None:
    for names in (["fixed"], ["fitted"]):
        for other in (1.0, 2.0, 3.0):
            module = _Twins(other, 1.0) if names == ["fixed"] else _Twins(1.0, other)
            content = known_graph(module, PREPROCESS, ["mean"], names)
            assert content == export_graph(module, PREPROCESS, ["mean"]), (names, other)
    assert len(exported) == 4  # the second graph of each has both tensors


def test_the_graph_that_was_used_last_stays(exported: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (_Computed(float(value)) for value in range(3))
    size = len(known_graph(first, PREPROCESS, ["mean"]))
    monkeypatch.setattr(known_graphs, "_KEPT_BYTES", 2 * size)
    for module in (second, first, third, first):
        known_graph(module, PREPROCESS, ["mean"])
    assert len(exported) == 3
    known_graph(second, PREPROCESS, ["mean"])
    assert len(exported) == 4
    monkeypatch.setattr(known_graphs, "_KEPT_BYTES", 0)
    known_graph(_Computed(9.0), PREPROCESS, ["mean"])
    assert not known_graphs._kept

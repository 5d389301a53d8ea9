"""What a trained method says of photos, by the graph that will be shipped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from fieldmark.backbones.onnx_export import export_graph
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import load_views
from fieldmark.methods.base import Method
from fieldmark.structures import Record

__all__ = ["NamedOutputs", "graph_logits", "method_logits"]


class NamedOutputs(nn.Module):
    """Images to the named tensors of the shipped graph: ``logits`` (B, K) and ``embedding`` (B, D)."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        output = self.method(images)
        return {"logits": output.logits, "embedding": output.embedding}


def method_logits(method: Method, records: Sequence[Record], preprocess: Preprocess, views: int) -> NDArray[np.float32]:
    """Logits (n, K) of readable photos, averaged over the views.

    Raises:
        PhotoError: A photo cannot be read.
    """
    if not records:
        return np.zeros((0, method.num_classes), dtype=np.float32)
    graph = export_graph(NamedOutputs(method.eval()), preprocess, ["logits"])
    return graph_logits(OnnxRunner(graph), records, preprocess, views)


def graph_logits(
    runner: OnnxRunner, records: Sequence[Record], preprocess: Preprocess, views: int
) -> NDArray[np.float32]:
    """Logits (n, K) of at least one readable photo by a graph, averaged over the views.

    Raises:
        PhotoError: A photo cannot be read.
    """

    def work(batch: Sequence[Record]) -> NDArray[np.float32]:
        stack = np.stack([load_views(record, preprocess, views) for record in batch])
        return np.asarray(runner.run_stack(stack)["logits"].mean(1))

    return np.concatenate(list(in_batches(records, work)))

"""The ONNX graph of a trained method: exported once, then read for logits, for embeddings and for the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from fieldmark.arrays import Float32s
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.choose_runner import module_runner
from fieldmark.backbones.runners.device import Device, choose_device
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.runner import Runner
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.photos.views import load_views, whole_views
from fieldmark.methods.base import Method
from fieldmark.structures import Record

__all__ = ["MethodGraph", "NamedOutputs"]


class NamedOutputs(nn.Module):
    """Images to the named tensors of the graph: ``logits`` (B, K) and ``embedding`` (B, D)."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        output = self.method(images)
        return {"logits": output.logits, "embedding": output.embedding}


class MethodGraph:
    """A trained method and its graph.

    Args:
        method: It is put into evaluation mode. The graph shows its weights at the first use.
        preprocess: How a photo becomes the input.
        content: The ONNX file, if it was exported before.
        device: What computes logits and embeddings: a GPU runs the method itself, a CPU its graph.
    """

    def __init__(
        self, method: Method, preprocess: Preprocess, content: bytes | None = None, *, device: Device = "cpu"
    ) -> None:
        self.method = method.eval()
        self._preprocess = preprocess
        self._content = content
        self._device = device

    @cached_property
    def content(self) -> bytes:
        """The ONNX file. Its input is uint8 (B, S, S, 3), its outputs are those of `NamedOutputs`."""
        return self._content or export_graph(NamedOutputs(self.method), self._preprocess, ["logits", "embedding"])

    @cached_property
    def _runner(self) -> Runner:
        if choose_device(self._device) == "cpu":
            return OnnxRunner(self.content)
        return module_runner(NamedOutputs(self.method), self._preprocess, ["logits", "embedding"], self._device)

    @property
    def _batch_size(self) -> int:
        return self._runner.batch_size(self._preprocess.image_size)

    def mean_logits(self, records: Sequence[Record], views: int) -> Float32s:
        """Return the logits (n, K) of readable photos, averaged over the views.

        Raises:
            PhotoError: A photo cannot be read.
        """
        if not records:
            return np.zeros((0, self.method.num_classes), dtype=np.float32)

        def work(batch: Sequence[Record]) -> Float32s:
            stack = np.stack([load_views(record, self._preprocess, views) for record in batch])
            return np.asarray(self._runner.run_stack(stack)["logits"].mean(1))

        return np.concatenate(list(in_batches(records, work, batch_size=self._batch_size)))

    def mean_embeddings(self, records: Sequence[Record], views: int) -> Float32s:
        """Return the embeddings (n, D) of at least one readable photo, averaged over the views of the whole photo.

        Raises:
            PhotoError: A photo cannot be read.
        """

        def work(batch: Sequence[Record]) -> Float32s:
            arrays = np.stack([load_array(record, self._preprocess) for record in batch])
            return np.asarray(self._runner.run_views(arrays, whole_views(views))["embedding"].mean(1))

        return np.concatenate(list(in_batches(records, work, batch_size=self._batch_size)))

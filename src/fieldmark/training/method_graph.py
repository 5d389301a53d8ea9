"""The ONNX graph of a trained method: exported once, then read for logits, for embeddings and for the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from torch import Tensor, nn

from fieldmark.arrays import Float32s
from fieldmark.backbones.known_graphs import known_graph
from fieldmark.backbones.onnx_export import export_graph
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.backbones.runners.choose_runner import module_runner
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.backbones.runners.device import Device, choose_device
from fieldmark.backbones.runners.run_images import ACTIVATION, run_images
from fieldmark.backbones.runners.runner import Runner
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import draft_side, whole_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.methods.base import Method
from fieldmark.structures import Record

__all__ = ["MethodGraph", "NamedOutputs"]


class NamedOutputs(nn.Module):
    """Images to the named tensors of the graph: ``logits`` (B, K) and ``embedding`` (B, D).

    Args:
        method: A method; with `zooms`, one that returns its activation.
        zooms: Also return `ACTIVATION` (B, h * w), by which zoomed views find the object.
    """

    def __init__(self, method: nn.Module, *, zooms: bool = False) -> None:
        super().__init__()
        self.method = method
        self.names = ["logits", "embedding", *([ACTIVATION] if zooms else [])]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        output = self.method(images)
        named = {"logits": output.logits, "embedding": output.embedding}
        if ACTIVATION in self.names:
            named[ACTIVATION] = output.activation
        return named


class MethodGraph:
    """A trained method and its graph.

    Args:
        method: It is put into evaluation mode. The graph shows its weights at the first use.
        preprocess: How a photo becomes the input.
        zoom: How zoomed views are cut; None for none.
        content: The ONNX file, if it was exported before.
        device: What computes logits and embeddings: a GPU runs the method itself, a CPU its graph.
        varies: Names of the method's tensors that were fitted while all others are those of a frozen network; see
            `known_graph`.
    """

    def __init__(
        self,
        method: Method,
        preprocess: Preprocess,
        content: bytes | None = None,
        *,
        zoom: Zoom | None = None,
        device: Device = "cpu",
        varies: Sequence[str] = (),
    ) -> None:
        self.method = method.eval()
        self._preprocess = preprocess
        self._zoom = zoom
        self._named = NamedOutputs(self.method, zooms=zoom is not None)
        self._content = content
        self._device = device
        self._varies = [f"method.{name}" for name in varies]

    @cached_property
    def content(self) -> bytes:
        """The ONNX file. Its input is uint8 (B, S, S, 3), its outputs are those of `NamedOutputs`."""
        if self._content:
            return self._content
        names = self._named.names
        if not self._varies:
            return export_graph(self._named, self._preprocess, names)
        return known_graph(self._named, self._preprocess, names, self._varies)

    @cached_property
    def _runner(self) -> Runner:
        if choose_device(self._device) == "cpu":
            return CpuRunner(self.content)
        return module_runner(self._named, self._preprocess, self._named.names, self._device)

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
            return np.asarray(self._run(batch, views)["logits"].mean(1))

        self._runner.expect(len(records))
        return np.concatenate(list(in_batches(records, work, batch_size=self._batch_size)))

    def mean_embeddings(self, records: Sequence[Record], views: int) -> Float32s:
        """Return the embeddings (n, D) of at least one readable photo, averaged over all views but the corners.

        Raises:
            PhotoError: A photo cannot be read.
        """

        def work(batch: Sequence[Record]) -> Float32s:
            return np.asarray(self._run(batch, whole_views(views))["embedding"].mean(1))

        self._runner.expect(len(records))
        return np.concatenate(list(in_batches(records, work, batch_size=self._batch_size)))

    def _run(self, records: Sequence[Record], views: int) -> dict[str, Float32s]:
        side = draft_side(self._preprocess, views, self._zoom)
        images = [open_photo(one.path, trim_bottom=one.trim_bottom, draft=(side, side)) for one in records]
        return run_images(self._runner, images, self._preprocess, views, self._zoom).outputs

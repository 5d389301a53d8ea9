"""Export a PyTorch module as an ONNX graph that takes uint8 photos and normalises them itself."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fieldmark.data.photos.preprocess import Preprocess

__all__ = ["Normalize", "Normalized", "export_graph", "export_module"]


class Normalize(nn.Module):
    """Map uint8 photos (B, S, S, 3) of `Preprocess` to normalised floats (B, 3, S, S)."""

    mean: Tensor
    std: Tensor

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.register_buffer("mean", 255.0 * torch.tensor(preprocess.mean)[:, None, None])
        self.register_buffer("std", 255.0 * torch.tensor(preprocess.std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        return (images.permute(0, 3, 1, 2).float() - self.mean) / self.std


class Normalized(nn.Module):
    """A module that takes uint8 photos (B, S, S, 3) instead of normalised images.

    Args:
        module: Maps normalised images (B, 3, S, S) to a dict of tensors.
        preprocess: Its mean and standard deviation normalise the photos.
    """

    def __init__(self, module: nn.Module, preprocess: Preprocess) -> None:
        super().__init__()
        self.normalize = Normalize(preprocess)
        self.module = module

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return dict(self.module(self.normalize(images)))


class _InOrder(nn.Module):
    """A wrapper that returns a module's dict of tensors as a tuple in a fixed order."""

    def __init__(self, module: nn.Module, outputs: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.outputs = tuple(outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        named: Mapping[str, Tensor] = self.module(images)
        return tuple(named[name] for name in self.outputs)


def export_graph(module: nn.Module, preprocess: Preprocess, outputs: Sequence[str]) -> bytes:
    """Return the content of an ONNX file whose input ``images`` is uint8 (batch, S, S, 3).

    Args:
        module: Maps normalised images (B, 3, S, S) to a dict of tensors whose first axis is the batch.
        preprocess: Its size, mean and std become part of the graph.
        outputs: Keys of that dict, in the order of the graph's outputs.
    """
    side = preprocess.image_size
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    return export_module(_InOrder(Normalized(module, preprocess), outputs), {"images": example}, outputs)


def export_module(graph: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """Return the content of an ONNX file of a module, for batches of any size.

    Args:
        graph: Takes the tensors of `examples` in order, and returns a tuple of tensors.
        examples: Input name -> a tensor whose first axis is the batch.
        outputs: Names of the returned tensors.
    """
    graph = graph.eval()
    try:
        return _export_traced(graph, examples, outputs)
    except Exception:  # an operator that only the new exporter supports, or a torch without the old one
        return _export_dynamo(graph, examples, outputs)


def _export_traced(graph: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """Use the tracing exporter: 0.5 s instead of 8 s with the new one, for the same graph."""
    buffer = io.BytesIO()
    axes = {name: {0: "batch"} for name in (*examples, *outputs)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            tuple(examples.values()),
            buffer,  # type: ignore[arg-type]
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()


def _export_dynamo(graph: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in examples),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())

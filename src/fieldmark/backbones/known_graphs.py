"""Graphs that this process exported before: tracing a network takes up to a second, and fits repeat it.

Several passes of one frozen network have the same graph. Heads on it differ in a few tensors, which are replaced.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from fieldmark.backbones.module_key import module_key
from fieldmark.data.photos.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["known_graph"]

_KEPT_BYTES = 64 << 20
"""Size of all graphs that are kept: four of EfficientNet-Lite0. The one that was used last stays longest."""

_PREFIX = "module.module."
"""Of the names of a module's tensors in the graph of `export_graph`."""

_kept: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def known_graph(
    module: nn.Module, preprocess: Preprocess, outputs: Sequence[str], varies: Collection[str] = ()
) -> bytes:
    """Return what `export_graph` returns; a graph that is known already is not exported again.

    Args:
        module: See `export_graph`.
        preprocess: See `export_graph`.
        outputs: See `export_graph`.
        varies: Names of tensors by which modules with the same graph differ. The forward pass must read them as they
            are: what the exporter computes from a tensor becomes a constant of the graph.
    """
    from fieldmark.backbones.onnx_export import export_graph

    key = module_key(module, preprocess, outputs, varies=varies)
    with _lock:
        content = _kept.get(key)
        if content is not None:
            _kept.move_to_end(key)
    if content is not None and varies:
        state = module.state_dict()
        content = _with_values(content, {_PREFIX + name: state[name] for name in varies})
    if content is not None:
        return content
    content = export_graph(module, preprocess, outputs)
    with _lock:
        _kept[key] = content
        while sum(map(len, _kept.values())) > _KEPT_BYTES:
            _kept.popitem(last=False)
    return content


def _with_values(content: bytes, values: Mapping[str, Tensor]) -> bytes | None:
    """Return the graph with other values of its tensors; None where it does not have each of them for itself.

    The exporter joins tensors that are equal.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    found = {each.name: each for each in model.graph.initializer}
    uses = Counter(name for node in model.graph.node for name in node.input)
    for name, tensor in values.items():
        held, value = found.get(name), tensor.detach().cpu().contiguous().numpy()
        if held is None or uses[name] != 1 or not held.raw_data or len(held.raw_data) != value.nbytes:
            return None
        held.raw_data = value.tobytes()
    return bytes(model.SerializeToString())

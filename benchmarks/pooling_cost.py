"""What each pooling costs beside average pooling of the same feature map, in time and in memory.

Ratios of medians, all poolings in turns; the naive bilinear pooling, which holds every location's outer product, is the
one to stay away from. Memory is what the call allocates at its peak, counted tensor by tensor, beside its output.

    python benchmarks/pooling_cost.py [--batch 32] [--channels 320] [--side 7] [--projected 128] [--rounds 30]
"""

from __future__ import annotations

import argparse
import statistics
import time
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fieldmark.layers.pooling.bilinear import BilinearPool, RootBilinearPool
from fieldmark.layers.pooling.global_pooling import AveragePool, CovariancePool, CovarianceRoot, GeneralizedMeanPool
from fieldmark.layers.pooling.sketches import create_sketch
from fieldmark.layers.pooling.stream_fusion import ConcatFusion

Pool = Callable[[Tensor], Tensor]


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are made inside and still alive; views share their storage."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in given | self._known:
                self._add(tensor)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def naive_bilinear(feature_map: Tensor) -> Tensor:
    """The outer product of every location, (B, H W, C, C), then their mean."""
    local = feature_map.flatten(2).transpose(1, 2)
    return (local[..., :, None] * local[..., None, :]).mean(1).flatten(1)


def of_itself(pool: nn.Module) -> Pool:
    return lambda feature_map: pool(feature_map, feature_map)


def poolings(channels: int, projected: int) -> dict[str, Pool]:
    """Name -> what is called with the map (B, C, H, W)."""
    return {
        "average": AveragePool(channels),
        "generalised mean": GeneralizedMeanPool(channels),
        "concatenation of two streams": of_itself(ConcatFusion(channels, channels)),
        "bilinear": of_itself(BilinearPool(channels, channels)),
        "bilinear, matrix root": of_itself(RootBilinearPool(channels)),
        "covariance root (isqrt_cov)": CovarianceRoot(channels, 5),
        f"covariance root of {projected} components": CovariancePool(channels, projected),
        "tensor sketch 8192": of_itself(create_sketch("tensor_sketch", channels, channels, 8192)),
        "random Maclaurin 8192": of_itself(create_sketch("random_maclaurin", channels, channels, 8192)),
        "bilinear, naive": naive_bilinear,
    }


def seconds(pool: Pool, feature_map: Tensor, backward: bool) -> float:
    feature_map = feature_map.detach().requires_grad_(backward)
    started = time.perf_counter()
    output = pool(feature_map)
    if backward:
        output.sum().backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - started


def peak_over_output(pool: Pool, feature_map: Tensor) -> float:
    """Bytes allocated at the peak of a call without gradients, over those of its output."""
    counter = LiveBytes()
    with torch.no_grad(), counter:
        output = pool(feature_map)
    return counter.peak / (output.numel() * output.element_size())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("batch", 32), ("channels", 320), ("side", 7), ("projected", 128), ("rounds", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.manual_seed(0)
    feature_map = torch.randn(asked.batch, asked.channels, asked.side, asked.side).relu()
    pools = poolings(asked.channels, asked.projected)
    times: dict[tuple[str, bool], list[float]] = {(name, back): [] for name in pools for back in (False, True)}
    for _ in range(asked.rounds):
        for (name, back), found in times.items():
            found.append(seconds(pools[name], feature_map, back))
    base = {back: statistics.median(times["average", back]) for back in (False, True)}
    print(f"map {tuple(feature_map.shape)}: time over average pooling's, peak memory over the output's own")
    print("| pooling | length | forward | with backward | peak memory / output |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, pool in pools.items():
        forward, both = (statistics.median(times[name, back]) / base[back] for back in (False, True))
        length = pool(feature_map[:1]).shape[1]
        print(f"| {name} | {length:,} | {forward:.1f} | {both:.1f} | {peak_over_output(pool, feature_map):.2f} |")


if __name__ == "__main__":
    main()

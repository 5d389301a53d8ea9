"""Which photos make up an epoch and how they fall into batches, as a pure function of seed and epoch."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

__all__ = ["Draw", "EpochBatches", "EpochDraws", "mix_seed"]

Draw = tuple[int, int]
"""A photo's position and the seed of its augmentation."""


def mix_seed(*numbers: int) -> int:
    """One 63-bit seed out of several numbers; near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class EpochDraws(Sampler[Draw]):
    """Every photo once an epoch in another order, or every class equally often.

    The seed of each photo's augmentation travels with its position, so that an epoch is the same whatever the
    number of worker processes, and also after an interruption.

    Args:
        labels: One for each photo.
        seed: Another seed, another order.
        balanced: Draw each class equally often (to within one photo); no photo twice before its class is through.
    """

    def __init__(self, labels: Sequence[int], seed: int, balanced: bool = False) -> None:
        self.labels = list(labels)
        self.seed = seed
        self.balanced = balanced
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the loop before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = self._balanced_order(random) if self.balanced else random.permutation(len(self.labels))
        seeds = random.integers(2**63, size=len(order))
        return iter([(int(index), int(seed)) for index, seed in zip(order, seeds, strict=True)])

    def _balanced_order(self, random: np.random.Generator) -> np.ndarray:
        members: defaultdict[int, list[int]] = defaultdict(list)
        for index, label in enumerate(self.labels):
            members[label].append(index)
        classes = random.permutation(sorted(members))
        quota, extra = divmod(len(self.labels), len(classes))
        drawn = [_cycled(members[label], quota + (rank < extra), random) for rank, label in enumerate(classes)]
        return random.permutation(np.concatenate(drawn))


class EpochBatches(Sampler[list[Draw]]):
    """Batches of nearly equal size, so that no photo is dropped and none stands alone in a last batch.

    Batch norm cannot learn from a batch of one photo, and little from one of two. n photos therefore make
    ceil(n / batch_size) batches whose sizes differ by one at most.

    Args:
        draws: The photos of an epoch.
        batch_size: Largest size of a batch.
        rank: Which of the processes this is; each takes its own share of every batch's photos.
        world_size: Number of processes; all make equally many steps.
    """

    def __init__(self, draws: EpochDraws, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.sampler = draws  # by this name Lightning finds what needs `set_epoch`
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return -(-len(self._shares()) // self.batch_size)

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = list(self.sampler)
        mine = [draws[position] for position in self._shares()]
        edges = np.linspace(0, len(mine), len(self) + 1).round().astype(int)
        return iter([mine[start:stop] for start, stop in itertools.pairwise(edges)])

    def _shares(self) -> list[int]:
        """Positions of this process; the first ones come twice where the photos do not divide evenly."""
        count = len(self.sampler)
        each = -(-count // self.world_size)
        return [(self.rank + step * self.world_size) % count for step in range(each)]


def _cycled(members: Sequence[int], count: int, random: np.random.Generator) -> np.ndarray:
    rounds = -(-count // len(members))
    return np.concatenate([random.permutation(members) for _ in range(max(1, rounds))])[:count]

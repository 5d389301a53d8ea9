"""Which photos make up an epoch and how they fall into batches, as a pure function of seed and epoch."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

__all__ = ["Draw", "EpochBatches", "EpochDraws", "mix_seed"]

Draw = tuple[int, int]
"""A photo's position and the seed of its augmentation."""


def mix_seed(*numbers: int) -> int:
    """One 63-bit seed out of several numbers; near numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


class EpochDraws:
    """Every photo once an epoch in another order, or every class equally often.

    The seed of each photo's augmentation travels with its position, so that an epoch is the same whatever the
    number of worker processes, and also after an interruption.

    With `per_class`, draws come in runs of that many photos of one class, which `EpochBatches` never cuts. The runs of
    a class are spread evenly over the epoch, so that few batches hold two of them. Its last run is filled up with
    other photos of the class, or with the same ones where it has no others.

    Args:
        labels: One for each photo.
        seed: Another seed, another order.
        balanced: Draw each class equally often (to within one photo, or one run); no photo twice before its class is
            through.
        per_class: Photos in a run; None draws photos one by one.
    """

    def __init__(self, labels: Sequence[int], seed: int, balanced: bool = False, per_class: int | None = None) -> None:
        self.labels = list(labels)
        self.seed = seed
        self.balanced = balanced
        self.run = per_class or 1
        self.epoch = 0
        self._members: defaultdict[int, list[int]] = defaultdict(list)
        for index, label in enumerate(self.labels):
            self._members[label].append(index)

    def set_epoch(self, epoch: int) -> None:
        """Called by the loop before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.labels) if self.run == 1 else self.run * sum(map(self._runs_of, self._members))

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng([self.seed, self.epoch])
        order = self._order(random)
        seeds = random.integers(2**63, size=len(order))
        return iter([(int(index), int(seed)) for index, seed in zip(order, seeds, strict=True)])

    def _order(self, random: np.random.Generator) -> np.ndarray:
        if self.run > 1:
            return self._order_of_runs(random)
        return self._balanced_order(random) if self.balanced else random.permutation(len(self.labels))

    def _balanced_order(self, random: np.random.Generator) -> np.ndarray:
        classes = random.permutation(sorted(self._members))
        quota, extra = divmod(len(self.labels), len(classes))
        drawn = [_cycled(self._members[label], quota + (rank < extra), random) for rank, label in enumerate(classes)]
        return random.permutation(np.concatenate(drawn))

    def _order_of_runs(self, random: np.random.Generator) -> np.ndarray:
        runs, places = [], []
        for label in sorted(self._members):
            count = self._runs_of(label)
            # One order, repeated: the photos that fill the last run are not already in it.
            runs.append(np.resize(random.permutation(self._members[label]), (count, self.run)))
            places.append((np.arange(count) + random.random(count)) / count)
        return np.concatenate(runs)[np.argsort(np.concatenate(places), kind="stable")].ravel()

    def _runs_of(self, label: int) -> int:
        photos = len(self.labels) / len(self._members) if self.balanced else len(self._members[label])
        return math.ceil(photos / self.run)


class EpochBatches:
    """Batches of nearly equal size, so that no photo is dropped and no last batch has a single photo.

    Batch norm cannot learn from a batch of one photo, and little from one of two. n photos therefore make
    ceil(n / batch_size) batches whose sizes differ by one at most; where draws come in runs, so do n runs.

    Args:
        draws: The photos of an epoch.
        batch_size: Largest size of a batch; it holds at least one run.
        rank: Which of the processes this is; each takes its own share of every batch's photos, in whole runs.
        world_size: Number of processes; all make equally many steps.
    """

    def __init__(self, draws: EpochDraws, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        self.draws = draws
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size

    def __len__(self) -> int:
        return -(-len(self._shares()) // max(1, self.batch_size // self.draws.run))

    def __iter__(self) -> Iterator[list[Draw]]:
        draws, run = list(self.draws), self.draws.run
        mine = [draws[run * position : run * (position + 1)] for position in self._shares()]
        edges = np.linspace(0, len(mine), len(self) + 1).round().astype(int)
        return iter([list(itertools.chain(*mine[start:stop])) for start, stop in itertools.pairwise(edges)])

    def _shares(self) -> list[int]:
        """Runs of this process; the first ones come twice where the runs do not divide evenly."""
        count = len(self.draws) // self.draws.run
        each = -(-count // self.world_size)
        return [(self.rank + step * self.world_size) % count for step in range(each)]


def _cycled(members: Sequence[int], count: int, random: np.random.Generator) -> np.ndarray:
    rounds = -(-count // len(members))
    return np.concatenate([random.permutation(members) for _ in range(max(1, rounds))])[:count]

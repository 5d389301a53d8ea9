"""The taxonomy of the classes: ancestors, their probabilities, and distances between classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints

__all__ = ["Hierarchy"]


class Hierarchy:
    """Classes and their ancestors, in levels from the class (level 0) up to the coarsest rank.

    Args:
        classes: In the order of the probabilities.
        ranks: Names of the taxonomy levels, coarsest first.
        taxonomy: Class -> names of its ancestors, coarsest first. A class without an ancestor at a rank is its own
            ancestor there.
    """

    def __init__(self, classes: Sequence[str], ranks: Sequence[str], taxonomy: Mapping[str, Sequence[str]]) -> None:
        depth = max((len(names) for names in taxonomy.values()), default=0)
        named = [*ranks, *(f"level {index + 1}" for index in range(len(ranks), depth))][:depth]
        self.levels: tuple[str, ...] = ("class", *reversed(named))
        self._nodes = [np.arange(len(classes), dtype=np.int64)]
        self._names: list[list[str]] = [list(classes)]
        for height in range(1, depth + 1):
            keys = [_key(name, taxonomy.get(name, ()), depth - height + 1) for name in classes]
            nodes = {key: index for index, key in enumerate(dict.fromkeys(keys))}
            self._nodes.append(np.array([nodes[key] for key in keys], dtype=np.int64))
            self._names.append([key[-1] for key in nodes])

    def name(self, label: int, level: int) -> str:
        """Return the ancestor of a class at a level; the class itself at level 0."""
        return self._names[level][int(self._nodes[level][label])]

    def nodes(self, level: int) -> Ints:
        """Return the index of each class's ancestor at a level, (K,)."""
        return self._nodes[level]

    def at_level(self, probabilities: Floats, level: int) -> NDArray[np.float64]:
        """Return probabilities (n, nodes) of the ancestors at a level: sums over their classes."""
        table = np.zeros((len(probabilities), len(self._names[level])))
        np.add.at(table.T, self._nodes[level], probabilities.T)
        return table

    def path(self, probabilities: Floats) -> NDArray[np.float64]:
        """Return the probability of the predicted class and of its ancestors, (n, levels); rows never decrease."""
        best = probabilities.argmax(1)
        rows = np.arange(len(probabilities))
        columns = [self.at_level(probabilities, level)[rows, nodes[best]] for level, nodes in enumerate(self._nodes)]
        return np.stack(columns, 1)

    def distance(self, predicted: Ints, labels: Ints) -> Ints:
        """Return the lowest level, (n,), with a shared ancestor: 0 for the same class, `levels` if they share none."""
        shared = np.stack([nodes[predicted] == nodes[labels] for nodes in self._nodes], 1)
        return np.where(shared.any(1), shared.argmax(1), len(self.levels)).astype(np.int64)


def _key(name: str, ancestors: Sequence[str], length: int) -> tuple[str, ...]:
    """Return the path from the root to an ancestor, since one name may occur under several parents."""
    if len(ancestors) >= length:
        return tuple(ancestors[:length])
    return (*ancestors, "\0class", name)

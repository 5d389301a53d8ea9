"""An even sample of a stream of unknown length."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

__all__ = ["EvenSample"]

T = TypeVar("T")


class EvenSample(Generic[T]):
    """Keep every item at first, then every second one, then every fourth one, to stay within the limit.

    Args:
        limit: Most items that are kept.
    """

    def __init__(self, limit: int) -> None:
        self.kept: list[T] = []
        self._limit = limit
        self._step = 1
        self._seen = 0

    def add(self, items: Iterable[T]) -> None:
        for item in items:
            if self._seen % self._step == 0:
                self.kept.append(item)
            self._seen += 1
            if len(self.kept) > self._limit:
                self.kept = self.kept[::2]
                self._step *= 2

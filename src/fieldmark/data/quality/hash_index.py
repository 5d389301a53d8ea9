"""All pairs of 64-bit hashes within a Hamming distance, without comparing each hash with each.

Multi-index hashing (Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", CVPR 2012): cut
the 64 bits into m bands and keep a table from each band's value to the hashes that have it. Write the distance as
r = m s + a with 0 <= a < m. Two hashes within r differ in at most s bits in one of the first a + 1 bands, or in at most
s - 1 bits in one of the others: otherwise they would differ in at least (a + 1)(s + 1) + (m - a - 1) s = r + 1 bits.
So it is enough to look up all values that are that close to a query's band. No pair is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Ints

__all__ = ["HashIndex"]

Hashes = NDArray[np.uint64]

_BITS = 64
_BANDS = range(3, 17)
"""With three bands a table has 2^22 entries, 32 MB; fewer bands would need larger ones."""
_AT_ONCE = 1 << 17
"""Table entries and candidates in memory at once."""
_LOOK_UP = 4
"""Time of a look-up in a table over that of comparing two hashes."""


@dataclass(frozen=True, slots=True)
class _Band:
    """The table of one band.

    Attributes:
        mask: Its bits, set.
        shift: Of its lowest bit.
        radius: Bits in which the bands of a pair may differ.
        flips: All values with at most that many bits.
        starts: Where the hashes of a band value start in `hashes`; one more entry ends the last.
        hashes: Sorted by their band.
        order: Their positions in the index.
    """

    mask: np.uint64
    shift: np.uint64
    radius: int
    flips: Ints
    starts: Ints
    hashes: Hashes
    order: Ints

    def values(self, hashes: Hashes) -> Ints:
        return ((hashes & self.mask) >> self.shift).astype(np.int64)


class HashIndex:
    """64-bit hashes, ready to be searched for all that lie near others.

    Args:
        hashes: (N,).
        radius: Bits in which two hashes of a pair may differ.
        bands: Number of tables; by default the one with the least work for N queries.
    """

    def __init__(self, hashes: Hashes, radius: int, *, bands: int | None = None) -> None:
        self.radius = radius
        many = bands or min(_BANDS, key=lambda number: _work(len(hashes), radius, number))
        self._bands = [_band(hashes, low, width, most) for low, width, most in _layout(radius, many) if most >= 0]

    def pairs(self, queries: Hashes) -> Iterator[tuple[Ints, Ints]]:
        """Yield all pairs within the radius, each once: positions in the index, and positions in the queries.

        Args:
            queries: (Q,).
        """
        for number, band in enumerate(self._bands):
            for found, owner in self._candidates(band, queries):
                differing = band.hashes[found] ^ queries[owner]
                near = np.flatnonzero(np.bitwise_count(differing) <= self.radius)
                for earlier in self._bands[:number]:  # has already yielded the pairs that are close there
                    near = near[np.bitwise_count(differing[near] & earlier.mask) > earlier.radius]
                if len(near):
                    yield band.order[found[near]], owner[near]

    def _candidates(self, band: _Band, queries: Hashes) -> Iterator[tuple[Ints, Ints]]:
        """Yield positions in the table and in the queries, of hashes that are close in one band."""
        step = max(1, _AT_ONCE // len(band.flips))
        for start in range(0, len(queries), step):
            values = (band.values(queries[start : start + step])[:, None] ^ band.flips).ravel()
            first = band.starts[values]
            counts = band.starts[values + 1] - first
            filled = np.flatnonzero(counts)
            ends = np.cumsum(counts[filled])
            cuts = np.searchsorted(ends, np.arange(_AT_ONCE, ends[-1] if len(ends) else 0, _AT_ONCE))
            for part in np.split(filled, cuts):
                some = counts[part]
                place = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
                yield np.repeat(first[part], some) + place, np.repeat(start + part // len(band.flips), some)


def _layout(radius: int, bands: int) -> list[tuple[int, int, int]]:
    """Lowest bit, width and radius of each band."""
    edges = [number * _BITS // bands for number in range(bands + 1)]
    share, rest = divmod(radius, bands)
    return [
        (low, high - low, share if number <= rest else share - 1) for number, (low, high) in enumerate(pairwise(edges))
    ]


def _work(count: int, radius: int, bands: int) -> float:
    """Expected work for a query if all hashes are equally probable: its look-ups and the hashes that they find."""
    return sum(
        _flips(width, most) * (_LOOK_UP + count / (1 << width))
        for _, width, most in _layout(radius, bands)
        if most >= 0
    )


def _flips(width: int, radius: int) -> int:
    return sum(comb(width, bits) for bits in range(min(width, radius) + 1))


def _band(hashes: Hashes, low: int, width: int, radius: int) -> _Band:
    mask, shift = np.uint64(((1 << width) - 1) << low), np.uint64(low)
    values = ((hashes & mask) >> shift).astype(np.int64)
    order = np.argsort(values, kind="stable")
    starts = np.zeros(2**width + 1, dtype=np.int64)
    np.cumsum(np.bincount(values, minlength=2**width), out=starts[1:])
    flips = [
        sum(1 << bit for bit in bits)
        for count in range(min(width, radius) + 1)
        for bits in combinations(range(width), count)
    ]
    return _Band(mask, shift, radius, np.array(flips, dtype=np.int64), starts, hashes[order], order)

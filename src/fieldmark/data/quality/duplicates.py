"""Photos that show the same moment: exact copies, and near-duplicates such as bursts and re-saved copies.

Two kinds of evidence that a pair is a near-duplicate, either of which is enough:

- **Pixels.** The perceptual hashes differ in at most `HASH_BITS` of 64 bits, *and* the fine detail of the
  two grey thumbnails (what is left after a blur is taken away) correlates by at least `DETAIL`. The hash
  describes silhouettes: any two dark birds in the middle of a bright sky agree within 4 bits. The detail describes
  textures. Measured on three data sets, where a pair across classes counts as a mistake: within 12 bits
  only, Flowers-17 has 90 pairs, 17 of them across classes, and CUB-200-2011 (first 50 species) 500 pairs,
  463 across; with both, 71 and none, 4 and none, and 68 and none on Grocery (81 products). The best pair of
  different birds reaches a detail of 0.51. Mirrored copies are found in the same way, with `MIRRORED_DETAIL`:
  they are rare, and symmetric things look mirrored by nature.
- **Embeddings** (where there are some): a cosine of at least `COSINE`. This finds crops and bursts from
  another angle, which no longer align pixel by pixel. With EfficientNet-Lite0 no pair across classes passes
  on the same three sets (94, 3 and 185 pairs), while 0.91 lets the first ones through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s, Ints, unit_rows
from fieldmark.data.quality.embedding_cells import cells
from fieldmark.data.quality.hash_index import HashIndex
from fieldmark.data.quality.photo_facts import PhotoFacts
from fieldmark.data.quality.thumbnail_detail import ThumbnailDetail

__all__ = [
    "COSINE",
    "DETAIL",
    "HASH_BITS",
    "MAX_GROUP",
    "MIRRORED_DETAIL",
    "DuplicatePair",
    "duplicate_groups",
    "embedding_duplicates",
    "exact_duplicates",
    "near_duplicates",
]

HASH_BITS = 12
DETAIL = 0.55
MIRRORED_DETAIL = 0.75
COSINE = 0.93
MAX_GROUP = 64
"""Near-duplicates join into no larger groups: a longer chain tells of a studio more than of a specimen."""

_AT_ONCE = 1 << 18

Kind = Literal["exact", "near", "mirrored", "embedding"]


@dataclass(frozen=True, slots=True, order=True)
class DuplicatePair:
    """Two photos of the same moment.

    Attributes:
        first: Index of the one photo.
        second: Index of the other, always larger.
        kind: What tells: equal bytes, pixels, mirrored pixels, or embeddings.
        similarity: 1 for exact copies; correlation of detail, or cosine, for the others.
    """

    first: int
    second: int
    kind: Kind
    similarity: float


def exact_duplicates(facts: Sequence[PhotoFacts]) -> list[DuplicatePair]:
    """Files with equal bytes, each paired with the first of its kind."""
    first_of: dict[str, int] = {}
    pairs = []
    for index, photo in enumerate(facts):
        if photo.content_key is None:
            continue
        first = first_of.setdefault(photo.content_key, index)
        if first != index:
            pairs.append(DuplicatePair(first, index, "exact", 1.0))
    return pairs


def near_duplicates(
    facts: Sequence[PhotoFacts], *, hash_bits: int = HASH_BITS, detail: float = DETAIL
) -> list[DuplicatePair]:
    """Pairs whose pixels show the same thing, also mirrored; exact copies are left to `exact_duplicates`.

    Hashes are looked up in an index that misses no pair, and memory grows with the number of photos only by that
    index, 100 bytes for each. Bad files have no pairs.

    Args:
        facts: What `inspect_photos` found.
        hash_bits: The hashes of a pair may differ in this many of 64 bits.
        detail: The least correlation of the thumbnails' detail, -1 to 1.
    """
    readable: Ints = np.array([k for k, photo in enumerate(facts) if photo.thumbnail is not None], dtype=np.int64)
    if len(readable) < 2:
        return []
    photos = [facts[k] for k in readable]
    hashes = np.array([photo.phash for photo in photos], dtype=np.uint64)
    mirrored = np.array([photo.mirrored_phash for photo in photos], dtype=np.uint64)
    index = HashIndex(hashes, hash_bits)
    details = ThumbnailDetail([photo.thumbnail or b"" for photo in photos])
    views: tuple[tuple[Kind, NDArray[np.uint64], float], ...] = (
        ("near", hashes, detail),
        ("mirrored", mirrored, max(detail, MIRRORED_DETAIL)),
    )
    found: dict[tuple[int, int], DuplicatePair] = {}
    for kind, queries, least in views:
        for pairs in _many(index.pairs(queries)):
            for a, b, similarity in details.alike(*pairs, least, mirrored=kind == "mirrored"):
                first, second = int(readable[a]), int(readable[b])
                if facts[first].content_key != facts[second].content_key:
                    found.setdefault((first, second), DuplicatePair(first, second, kind, similarity))
    return sorted(found.values())


def embedding_duplicates(embeddings: Float32s, threshold: float = COSINE) -> list[DuplicatePair]:
    """Pairs of embeddings that point the same way: all of them, or nearly all of many; see `cells`.

    Args:
        embeddings: (N, D), of any length each; a zero embedding resembles nothing.
        threshold: The least cosine.
    """
    rows = unit_rows(np.asarray(embeddings, dtype=np.float32))
    good: Ints = np.flatnonzero(np.isfinite(rows.sum(axis=1)))
    rows = rows if len(good) == len(rows) else rows[good]
    found: dict[tuple[int, int], float] = {}
    for members, visitors in cells(rows):
        cosine = rows[members] @ rows[visitors].T
        row, column = np.nonzero(cosine >= threshold)
        one, other = good[members[row]], good[visitors[column]]
        apart = one != other
        first, second, value = np.minimum(one, other), np.maximum(one, other), cosine[row, column]
        pairs = zip(first[apart].tolist(), second[apart].tolist(), strict=True)
        found.update(zip(pairs, value[apart].tolist(), strict=True))
    return sorted(DuplicatePair(first, second, "embedding", value) for (first, second), value in found.items())


def duplicate_groups(count: int, pairs: Iterable[DuplicatePair], *, max_group: int = MAX_GROUP) -> list[int]:
    """Join pairs into groups: photos of one group show the same moment and stay in one split.

    Exact copies always join. The other pairs join from the most to the least alike, as long as the group
    stays within `max_group` photos, so that a chain of chance likenesses cannot swallow a class.

    Returns:
        A group number for each of `count` photos: the index of the group's first photo.
    """
    parents = list(range(count))
    sizes = [1] * count

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for pair in sorted(pairs, key=lambda pair: (pair.kind != "exact", -round(pair.similarity, 4), pair)):
        first, second = sorted((root(pair.first), root(pair.second)))
        if first == second or (pair.kind != "exact" and sizes[first] + sizes[second] > max_group):
            continue
        parents[second] = first
        sizes[first] += sizes[second]
    return [root(index) for index in range(count)]


def _many(parts: Iterable[tuple[Ints, Ints]]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the pairs whose first photo comes before the second, many at a time."""
    held: list[tuple[Ints, Ints]] = []
    count = 0
    for first, second in parts:
        upper = first < second
        held.append((first[upper], second[upper]))
        count += len(held[-1][0])
        if count >= _AT_ONCE:
            yield np.concatenate([a for a, _ in held]), np.concatenate([b for _, b in held])
            held, count = [], 0
    if held:
        yield np.concatenate([a for a, _ in held]), np.concatenate([b for _, b in held])

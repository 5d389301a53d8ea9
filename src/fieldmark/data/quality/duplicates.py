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
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s, Ints
from fieldmark.data.quality.photo_facts import THUMBNAIL_SIDE, PhotoFacts

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

_BLUR_SIGMA = 2.0
_BLOCK = 2048
_CHUNK = 8192
_DENSE = 0.02

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

    Works through blocks of hashes, so that memory stays flat. Bad files have no pairs.

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
    details = _details(photos)
    flipped = np.ascontiguousarray(details.reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)[:, :, ::-1])
    flipped = flipped.reshape(details.shape)
    views: tuple[tuple[Kind, NDArray[np.uint64], Float32s, float], ...] = (
        ("near", hashes, details, detail),
        ("mirrored", mirrored, flipped, max(detail, MIRRORED_DETAIL)),
    )
    found: dict[tuple[int, int], DuplicatePair] = {}
    for kind, other_hashes, other_details, least in views:
        for a, b, similarity in _alike(hashes, other_hashes, details, other_details, hash_bits, least):
            first, second = int(readable[a]), int(readable[b])
            if facts[first].content_key != facts[second].content_key:
                found.setdefault((first, second), DuplicatePair(first, second, kind, similarity))
    return sorted(found.values())


def embedding_duplicates(embeddings: Float32s, threshold: float = COSINE) -> list[DuplicatePair]:
    """Pairs of embeddings that point the same way.

    Args:
        embeddings: (N, D), of any length each; a zero embedding resembles nothing.
        threshold: The least cosine.
    """
    rows = _unit_rows(np.asarray(embeddings, dtype=np.float32))
    pairs = []
    for start, stop, other, end in _blocks(len(rows)):
        cosine = rows[start:stop] @ rows[other:end].T
        first, second = _upper(np.nonzero(cosine >= threshold), start, other)
        values = cosine[first - start, second - other]
        pairs += [
            DuplicatePair(int(a), int(b), "embedding", float(value))
            for a, b, value in zip(first, second, values, strict=True)
        ]
    return sorted(pairs)


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


def _details(photos: Sequence[PhotoFacts]) -> Float32s:
    """(N, 1024) what a blur takes away from each thumbnail, mean 0, length 1; zero for a blank photo."""
    from scipy.ndimage import gaussian_filter

    rows = np.empty((len(photos), THUMBNAIL_SIDE**2), dtype=np.float32)
    for start in range(0, len(photos), _BLOCK):
        grey = np.frombuffer(b"".join(photo.thumbnail or b"" for photo in photos[start : start + _BLOCK]), np.uint8)
        images = grey.astype(np.float32).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        detail = images - gaussian_filter(images, (0, _BLUR_SIGMA, _BLUR_SIGMA))
        rows[start : start + _BLOCK] = detail.reshape(len(images), -1)
    return _unit_rows(rows - rows.mean(axis=1, keepdims=True))


def _alike(
    hashes: NDArray[np.uint64],
    other_hashes: NDArray[np.uint64],
    details: Float32s,
    other_details: Float32s,
    hash_bits: int,
    least: float,
) -> Iterator[tuple[int, int, float]]:
    for start, stop, other, end in _blocks(len(hashes)):
        bits = np.bitwise_count(hashes[start:stop, None] ^ other_hashes[None, other:end])
        near = bits <= hash_bits
        if near.mean() > _DENSE:  # one product of matrices costs less than that many single pairs
            correlation = details[start:stop] @ other_details[other:end].T
            first, second = _upper(np.nonzero(near & (correlation >= least)), start, other)
            yield from zip(
                first.tolist(),
                second.tolist(),
                correlation[first - start, second - other].tolist(),
                strict=True,
            )
            continue
        first, second = _upper(np.nonzero(near), start, other)
        for chunk in range(0, len(first), _CHUNK):
            a, b = first[chunk : chunk + _CHUNK], second[chunk : chunk + _CHUNK]
            similarity = np.einsum("nd,nd->n", details[a], other_details[b])
            alike = similarity >= least
            yield from zip(a[alike].tolist(), b[alike].tolist(), similarity[alike].tolist(), strict=True)


def _blocks(count: int) -> Iterator[tuple[int, int, int, int]]:
    """Row and column ranges that cover the upper triangle of a (count, count) matrix."""
    for start in range(0, count, _BLOCK):
        for other in range(start, count, _BLOCK):
            yield start, min(start + _BLOCK, count), other, min(other + _BLOCK, count)


def _upper(hits: tuple[Any, ...], start: int, other: int) -> tuple[Ints, Ints]:
    """Row and column numbers of a block's hits in the whole matrix, only those above the diagonal."""
    first, second = hits[0] + start, hits[1] + other
    above = first < second
    return first[above], second[above]


def _unit_rows(rows: Float32s) -> Float32s:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 1e-6, lengths, np.inf), dtype=np.float32)

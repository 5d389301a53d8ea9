"""How alike the fine detail of two thumbnails is: what is left of them after a blur is taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fieldmark.arrays import Float32s, Ints, unit_rows
from fieldmark.data.quality.photo_facts import THUMBNAIL_SIDE

__all__ = ["ThumbnailDetail"]

_BLUR_SIGMA = 2.0
_TILE = 1024
_CHUNK = 8192
_DENSE = 0.02


class ThumbnailDetail:
    """The thumbnails of many photos. Detail is computed for those that are compared, so that memory stays flat.

    Args:
        thumbnails: (32, 32) grey pixels of each photo, row by row.
    """

    def __init__(self, thumbnails: Sequence[bytes]) -> None:
        from scipy.ndimage import gaussian_filter1d

        self._thumbnails = thumbnails
        # The blur is linear along each axis; as a matrix it is several times faster on many small images.
        self._blur = gaussian_filter1d(np.eye(THUMBNAIL_SIDE, dtype=np.float32), _BLUR_SIGMA, axis=0)

    def rows(self, photos: Ints, *, mirrored: bool = False) -> Float32s:
        """Return the detail (n, 1024) of the photos at these positions: mean 0, length 1; zero for a blank photo."""
        grey = np.frombuffer(b"".join(self._thumbnails[photo] for photo in photos.tolist()), np.uint8)
        images = grey.astype(np.float32).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
        images -= images.mean(axis=(1, 2), keepdims=True)  # so that nothing at all is left of a blank photo
        detail = images - self._blur @ images @ self._blur.T
        if mirrored:
            detail = detail[:, :, ::-1]
        rows = detail.reshape(len(images), -1)
        return unit_rows(rows - rows.mean(axis=1, keepdims=True))

    def alike(self, first: Ints, second: Ints, least: float, *, mirrored: bool) -> Iterator[tuple[int, int, float]]:
        """Yield the pairs whose detail correlates by at least `least`, and the correlation.

        Args:
            first: (P,) positions of the one photo of each pair.
            second: (P,) positions of the other.
            least: -1 to 1.
            mirrored: Compare with the mirror image of the second photo.
        """
        # Pairs among the same photos are compared together, so that the detail of each is computed few times.
        order = np.lexsort((second // _TILE, first // _TILE))
        for start in range(0, len(order), _CHUNK):
            some = order[start : start + _CHUNK]
            own, row = np.unique(first[some], return_inverse=True)
            others, column = np.unique(second[some], return_inverse=True)
            rows, columns = self.rows(own), self.rows(others, mirrored=mirrored)
            if len(some) > _DENSE * len(own) * len(others):  # a product of matrices costs less than so many pairs
                correlation = (rows @ columns.T)[row, column]
            else:
                correlation = np.einsum("nd,nd->n", rows[row], columns[column])
            kept = correlation >= least
            yield from zip(
                first[some][kept].tolist(), second[some][kept].tolist(), correlation[kept].tolist(), strict=True
            )

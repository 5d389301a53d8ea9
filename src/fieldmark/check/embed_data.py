"""Look over photos and embed them with one decode of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from fieldmark.arrays import Float32s
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.prepare import Survey, survey
from fieldmark.structures import RecordList

__all__ = ["Embed", "survey_for"]


class Embed(Protocol):
    """A function from photos to embeddings, such as `fieldmark.backbones.bundled_embeddings.embed`."""

    def __call__(self, paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> Float32s:
        """Return (N, D) embeddings in the order of `paths`; NaN for an unreadable photo."""


@contextmanager
def survey_for(embed: Embed | None, records: RecordList) -> Iterator[tuple[Survey, Callable[[], Float32s]]]:
    """Survey photos, and give a function that embeds the usable ones, (N, D).

    The bundled network reads what the survey decoded, so that its photos are not opened again.

    Args:
        embed: Computes embeddings; None for the bundled EfficientNet-Lite0 with its cache.
        records: Records of a reader.
    """
    if embed is not None:
        own, seen = embed, survey(records)
        yield seen, lambda: own(seen.records.paths, trim_bottom=[record.trim_bottom for record in seen.records])
        return
    from fieldmark.backbones.bundled_embeddings import bundled_preprocess
    from fieldmark.backbones.bundled_embeddings import embed as bundled
    from fieldmark.backbones.feature_cache import cache_root

    with PixelStore(bundled_preprocess(), cache_root()) as pixels:
        seen = survey(records, pixels)
        used = seen.records
        trims = [record.trim_bottom for record in used]
        yield seen, lambda: bundled(used.paths, trim_bottom=trims, content_keys=seen.content_keys, pixels=pixels)

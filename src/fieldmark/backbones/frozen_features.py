"""Compute descriptors of photos with a frozen module once, and keep them in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.feature_cache import FeatureCache, cache_root, row_key
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.backbones.module_key import module_key
from fieldmark.backbones.runners.device import Device
from fieldmark.backbones.runners.run_images import ACTIVATION, find_objects
from fieldmark.backbones.runners.runner import Runner
from fieldmark.cores import available_cpus
from fieldmark.data.photos.open_photo import content_key, open_photo
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess, load_array
from fieldmark.data.photos.tiles import tile_views, tiles_of
from fieldmark.data.photos.views import draft_side, with_mirrored, zoomed_views
from fieldmark.data.photos.zoom import Zoom, give_box, given_box, zoom_region
from fieldmark.errors import PhotoError
from fieldmark.progress import progress_bar
from fieldmark.structures import Box, Record

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FrozenFeatures", "KeptGraph"]


@dataclass(frozen=True, slots=True)
class KeptGraph:
    """A module that was exported before, so that PyTorch need not be imported to run it on a CPU.

    Attributes:
        key: Its `module_key`.
        content: Its ONNX file; see `export_graph`.
    """

    key: str
    content: bytes


class FrozenFeatures:
    """Descriptors of photos from a module that no longer changes.

    Args:
        module: Maps normalised images (B, 3, S, S) to a dict of descriptors (B, D_name), and is put in evaluation mode;
            or the graph of such a module.
        dims: Name -> D_name of that dict.
        preprocess: Preprocessing of the photos.
        root: Folder of the cache; see `cache_root`.
        device: Where the module runs; see `choose_device`. Cached rows do not depend on it, nor on
            the runner, but for rounding.
        pixels: Photos that are decoded already.
    """

    def __init__(
        self,
        module: nn.Module | KeptGraph,
        dims: Mapping[str, int],
        preprocess: Preprocess,
        root: Path | None = None,
        *,
        device: Device = "auto",
        pixels: PixelStore | None = None,
    ) -> None:
        self.device = device
        self.pixels = pixels
        self.module = module if isinstance(module, KeptGraph) else module.eval()
        self.preprocess = preprocess
        self.columns: dict[str, slice] = {}
        start = 0
        for name, dim in dims.items():
            self.columns[name] = slice(start, start + dim)
            start += dim
        self.key = module.key if isinstance(module, KeptGraph) else module_key(module, preprocess, list(dims))
        self._cache = FeatureCache((root or cache_root()) / "features" / self.key, start)

    def extract(
        self,
        records: Sequence[Record],
        *,
        mirror: bool = True,
        zoom: Zoom | None = None,
        content_keys: Mapping[Path, str] | None = None,
        description: str = "reading photos",
    ) -> FeatureTable:
        """Return descriptors of every record; compute those that are not in the cache.

        Args:
            records: The photos.
            mirror: Also compute the mirrored view.
            zoom: Also compute views that are zoomed in on the object, where the output `ACTIVATION` says that it is.
                Its `tiles` are 0; see `extract_boxes`.
            content_keys: Known `content_key` of files, to avoid reading them again.
            description: Text before the progress bar.
        """
        contents, failed = _contents(records, content_keys or {})
        flips = (False, True) if mirror else (False,)

        def keys_of(zoomed: str) -> list[list[bytes]]:
            return [
                [row_key(content, trim_bottom=record.trim_bottom, mirror=flip, zoom=zoomed) for flip in flips]
                for content, record in zip(contents, records, strict=True)
            ]

        keys = keys_of("")

        def load_whole(position: int) -> Pixels:
            return self._whole(records[position], contents[position], mirror)

        failed |= self._compute(keys, failed, load_whole, description)
        if zoom is not None:
            zoomed, found = keys_of(f"{zoom}"), zoom

            def load_zoomed(position: int) -> Pixels:
                return self._zoomed(records[position], keys[position], found)

            failed |= self._compute(zoomed, failed, load_zoomed, f"{description}, zoomed in")
            keys = [[*whole, *more] for whole, more in zip(keys, zoomed, strict=True)]
        return self._table(keys, len(flips) * (1 if zoom is None else 2), failed)

    def extract_boxes(
        self,
        records: Sequence[Record],
        boxes: Sequence[Box | None],
        zoom: Zoom,
        *,
        mirror: bool = True,
        content_keys: Mapping[Path, str] | None = None,
        description: str = "reading boxes",
    ) -> FeatureTable:
        """Return descriptors of the view of every record that is zoomed in on its box.

        Args:
            records: The photos.
            boxes: Where each of them shows its object, xyxy in pixels; None only where it cannot be read.
            zoom: Its margin.
            mirror: Also compute the mirrored view.
            content_keys: See `extract`.
            description: Text before the progress bar.
        """
        contents, failed = _contents(records, content_keys or {})
        flips, shown = (False, True) if mirror else (False,), f"with margin {zoom.margin:g}"
        keys = [
            [row_key(content, trim_bottom=record.trim_bottom, mirror=flip, zoom=f"{box} {shown}") for flip in flips]
            for content, record, box in zip(contents, records, boxes, strict=True)
        ]

        def load(position: int) -> Pixels:
            image, box = self._for_zoom(records[position], len(flips), zoom), boxes[position]
            if box is None:
                raise PhotoError(f"no object was found in {records[position].path}")
            give_box(image, box)
            region = zoom_region(given_box(image) or box, image.size, zoom)
            return zoomed_views(image, self.preprocess, len(flips), region)

        failed |= self._compute(keys, failed, load, description)
        return self._table(keys, len(flips), failed)

    def extract_tiles(
        self,
        records: Sequence[Record],
        tiles: int,
        *,
        content_keys: Mapping[Path, str] | None = None,
        description: str = "reading tiles",
    ) -> FeatureTable:
        """Return descriptors of the tiles of every record, one view for each tile of `tile_views`.

        Args:
            records: The photos.
            tiles: Tiles side by side along each side; see `tile_views`.
            content_keys: See `extract`.
            description: Text before the progress bar.
        """
        contents, failed = _contents(records, content_keys or {})
        count = tiles_of(tiles)
        keys = [
            [row_key(content, trim_bottom=record.trim_bottom, zoom=f"tile {tile} of {count}") for tile in range(count)]
            for content, record in zip(contents, records, strict=True)
        ]

        def load(position: int) -> Pixels:
            photo = self._for_zoom(records[position], 1, Zoom(tiles=tiles))
            return tile_views(photo, self.preprocess, tiles)

        failed |= self._compute(keys, failed, load, description)
        return self._table(keys, count, failed)

    def _table(self, keys: Sequence[Sequence[bytes]], views: int, failed: Mapping[int, str]) -> FeatureTable:
        """Return the table of the views with these keys."""
        rows = np.stack([self._cache.rows_of([one[view] for one in keys]) for view in range(views)], axis=1)
        return FeatureTable(self._cache, rows, self.columns, failed)

    def _open_runner(self) -> Runner:
        """Open what runs the module."""
        from fieldmark.backbones.runners.choose_runner import module_runner
        from fieldmark.backbones.runners.cpu_runner import CpuRunner

        module = self.module
        if isinstance(module, KeptGraph):
            return CpuRunner(module.content)
        return module_runner(module, self.preprocess, list(self.columns), self.device)

    def _whole(self, record: Record, content: str, mirror: bool) -> Pixels:
        """Return the views of the whole photo, (1 or 2, S, S, 3)."""
        held = None if self.pixels is None else self.pixels.find(content, record.trim_bottom, self.preprocess)
        looks = (load_array(record, self.preprocess) if held is None else held)[None]
        return with_mirrored(looks) if mirror else looks

    def _zoomed(self, record: Record, keys: Sequence[bytes], zoom: Zoom) -> Pixels:
        """Return as many zoomed views; the object lies where the activation of the whole photo says."""
        image = self._for_zoom(record, len(keys), zoom)
        activations = self._cache.read(self._cache.rows_of(keys), self.columns[ACTIVATION])
        (found,) = find_objects(activations[None], [image], self.preprocess, zoom)
        return zoomed_views(image, self.preprocess, len(keys), zoom_region(found, image.size, zoom))

    def _for_zoom(self, record: Record, views: int, zoom: Zoom) -> Image.Image:
        """Open a photo with as many pixels as the object in it needs."""
        side = draft_side(self.preprocess, views, zoom)
        return open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))

    def _compute(
        self,
        keys: Sequence[Sequence[bytes]],
        failed: Mapping[int, str],
        load: Callable[[int], Pixels],
        description: str,
    ) -> dict[int, str]:
        """Compute the rows of the views that are not in the cache, and return why photos cannot be read.

        Args:
            keys: Of each view of each photo.
            failed: Photos to leave out.
            load: Position of a photo to its views (V, S, S, 3).
            description: Text before the progress bar.
        """
        from fieldmark.backbones.runners.batches import in_batches, load_good
        from fieldmark.backbones.runners.pass_clock import PassClock

        missing = [
            position
            for position, views in enumerate(keys)
            if position not in failed and not all(key in self._cache for key in views)
        ]
        if not missing:
            return {}
        runner = self._open_runner()
        runner.expect(len(missing))
        newly: dict[int, str] = {}
        threads = available_cpus()
        clock = PassClock(threads)

        def work(positions: Sequence[int]) -> tuple[list[int], Float32s | None, list[tuple[int, str]]]:
            good, arrays, bad = load_good(positions, load, clock)
            if not good:
                return good, None, bad
            with clock.computing():
                outputs = runner.run_stack(np.stack(arrays))
            return good, np.concatenate([outputs[name] for name in self.columns], axis=-1), bad

        with progress_bar() as bar:
            task = bar.add_task(description, total=len(missing))
            # A photo and its mirror image count as one; with many tiles, a call holds fewer photos.
            size = max(1, 2 * runner.batch_size(self.preprocess.image_size) // max(2, len(keys[missing[0]])))
            for good, rows, bad in in_batches(missing, work, batch_size=size, threads=threads):
                newly.update(bad)
                if rows is not None:
                    for view in range(rows.shape[1]):
                        self._cache.append([keys[position][view] for position in good], rows[:, view])
                bar.advance(task, len(good) + len(bad))
        clock.report(len(missing), description, runner.description)
        return newly


def _contents(records: Sequence[Record], known: Mapping[Path, str]) -> tuple[list[str], dict[int, str]]:
    """Return the content key of each record, and why those cannot be read that have none."""
    contents: list[str] = []
    failed: dict[int, str] = {}
    for position, record in enumerate(records):
        try:
            contents.append(known.get(record.path) or content_key(record.path))
        except PhotoError as error:
            failed[position] = str(error)
            contents.append("")
    return contents, failed

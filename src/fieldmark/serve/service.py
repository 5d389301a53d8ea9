"""The recognizer behind the routes: photos in, answers out, while the model may change."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.backbones.blas_threads import single_threaded_blas
from fieldmark.cores import available_cpus
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.thumbnails import small_jpeg
from fieldmark.errors import ModelError, PhotoError
from fieldmark.explain import PhotoEvidence
from fieldmark.explain.explain_photo import explain_photo, explainer_of
from fieldmark.recognizer.inputs import to_image
from fieldmark.recognizer.known_photo import known_photo
from fieldmark.recognizer.predictor import Predictor
from fieldmark.recognizer.side_by_side import Judgement, judge
from fieldmark.serve.followed_model import FollowedModel
from fieldmark.serve.micro_batches import MicroBatcher
from fieldmark.serve.request_counts import RequestCounts
from fieldmark.serve.settings import ServeSettings

__all__ = ["PhotoReading", "Service"]

_THUMBNAIL, _LARGE = 320, 1280
_THUMBNAILS_KEPT = 512


@dataclass(frozen=True, slots=True, eq=False)
class PhotoReading:
    """What is known of one photo, and who says so.

    Attributes:
        recognizer: Its classes are those of `probabilities`.
        probabilities: (K + m,).
        unknown: Whether the photo shows none of the classes; None if the model has no threshold.
        embedding: (D,).
        box: (4,) where the photo shows its object, xyxy pixels; NaN where nothing looked for it.
        further: For each further question what `probabilities` and `unknown` are for the first.
    """

    recognizer: Predictor
    probabilities: NDArray[np.floating]
    unknown: bool | None
    embedding: NDArray[np.floating]
    box: NDArray[np.floating]
    further: tuple[Judgement, ...] = ()

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """What is known for each question, the first one first."""
        return (self.probabilities, self.unknown), *self.further


class Service:
    """A recognizer that many requests share.

    Args:
        model: A model folder or an exported file.
        settings: Limits.
        metrics: What is counted.

    Raises:
        ModelError: The model cannot be loaded.
    """

    def __init__(self, model: Path, settings: ServeSettings, metrics: RequestCounts) -> None:
        self.settings, self.metrics = settings, metrics
        self._followed = FollowedModel(model)
        self._held = contextlib.ExitStack()
        self._held.enter_context(single_threaded_blas())
        self.batcher: MicroBatcher[bytes, PhotoReading] = MicroBatcher(
            self._read,
            batch_size=settings.batch_size,
            max_wait=settings.max_wait,
            threads=settings.threads or available_cpus(),
            max_waiting=settings.max_waiting,
        )
        self._alone = ThreadPoolExecutor(1, thread_name_prefix="fieldmark-explain")
        self._changing = threading.Lock()
        self.thumbnail = lru_cache(_THUMBNAILS_KEPT)(self._thumbnail)
        self.ready = True
        self._alone.submit(self._warm, self.recognizer)
        self._followed.start(self._warm)

    @property
    def recognizer(self) -> Predictor:
        """The newest state of the model that could be loaded."""
        return self._followed.recognizer

    @property
    def trouble(self) -> str:
        """Why a newer state of the model cannot be loaded; empty if nothing is wrong."""
        return self._followed.trouble

    async def readings(self, photos: Sequence[bytes]) -> list[PhotoReading | PhotoError]:
        """What is known of each photo, or why it cannot be read."""
        futures = [asyncio.wrap_future(future) for future in self.batcher.submit(photos)]
        found = await asyncio.gather(*futures, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, PhotoError):
                raise each
        return [each for each in found if isinstance(each, PhotoReading | PhotoError)]

    async def explain(self, photo: bytes, against: str | None) -> tuple[PhotoEvidence, Image.Image]:
        """The evidence and the upright photo; explanations are computed one after the other."""

        def run() -> tuple[PhotoEvidence, Image.Image]:
            try:
                return explain_photo(self.recognizer, photo, against), to_image(photo)
            except ModuleNotFoundError as error:  # a small install
                raise ModelError(
                    f"evidence needs the package {error.name}, which this server's install leaves out:"
                    " run 'pip install fieldmark' there"
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._alone, run)

    def known_photo(self, path: str) -> Path:
        """Where a photo of the gallery lies on disk, see `fieldmark.recognizer.known_photo`.

        Raises:
            ModelError: The gallery's table does not list it, or it lies elsewhere.
        """
        recognizer = self.recognizer
        if not recognizer.gallery.holds(path):
            raise ModelError("the gallery lists no such photo")
        return known_photo(recognizer, path, self.settings.photos)

    def follow(self) -> None:
        """Answer with the newest state of the model from now on; photos that are being read end with the old one."""
        self._followed.reload()

    @property
    def changing(self) -> threading.Lock:
        """Held while the model changes."""
        return self._changing

    def close(self) -> None:
        """Finish what was accepted."""
        self.ready = False
        self._followed.stop()
        self.batcher.close()
        self._alone.shutdown(wait=True)
        self._held.close()

    def _warm(self, recognizer: Predictor) -> None:
        """Load what the first search and the first explanation would otherwise wait for."""
        if recognizer.manifest.gallery is not None:
            with contextlib.suppress(ModelError):  # said to whoever asks for it
                _ = recognizer.gallery
        if not recognizer.is_exported:
            explainer_of(recognizer)

    def _read(self, photos: Sequence[bytes]) -> list[PhotoReading | Exception]:
        recognizer = self.recognizer
        side = recognizer.graphs.draft_side
        images: list[Image.Image | PhotoError] = []
        for photo in photos:
            try:
                images.append(open_photo(photo, max_pixels=self.settings.max_pixels, draft=(side, side)))
            except PhotoError as error:
                images.append(error)
        good = [image for image in images if isinstance(image, Image.Image)]
        readings = iter(_judged(recognizer, good) if good else [])
        self.metrics.photos_read(len(good), len(photos) - len(good))
        return [next(readings) if isinstance(image, Image.Image) else image for image in images]

    def _thumbnail(self, path: str, generation: int) -> bytes:
        """A photo of the gallery as a small JPEG. `generation` is the model's, so that changes are seen."""
        return self._scaled(path, _THUMBNAIL)

    def large_photo(self, path: str) -> bytes:
        """A photo of the gallery as a JPEG for a closer look; made anew each time, since few are asked for."""
        return self._scaled(path, _LARGE)

    def _scaled(self, path: str, side: int) -> bytes:
        return small_jpeg(open_photo(self.known_photo(path), draft=(side, side)), side)


def _judged(recognizer: Predictor, images: Sequence[Image.Image]) -> list[PhotoReading]:
    graph = recognizer.graphs.run(images)
    found = judge(recognizer.asked, graph)
    readings = []
    for index in range(len(images)):
        first, *further = found.of(index)
        box = found.boxes[index]
        readings.append(PhotoReading(recognizer, *first, graph.embeddings[index], box, tuple(further)))
    return readings

"""Labelling photos one by one: the most useful first, with suggestions that improve as labels come in."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.artifact.gallery import GalleryRow
from fieldmark.data.label_names import checked_label, find_label
from fieldmark.errors import SettingError
from fieldmark.review.items import Suggestion
from fieldmark.review.label_head import KnownVectors, LabelHead, fit_label_head
from fieldmark.review.labels_file import place_of, read_labels, write_labels
from fieldmark.review.useful_photos import choose_photos

__all__ = ["LabelPool", "LabelProgress", "LabelSession"]


@dataclass(frozen=True, slots=True)
class LabelPool:
    """Photos to label.

    Attributes:
        folder: Where they lie.
        photos: One of each content; the session names them by position.
        copies: Photo -> other files with the same bytes, which get the same label.
        vectors: (n, d), projected like those of the gallery.
        known: The photos that the model was made from.
        left_out: Number of files that the model knows already.
        unreadable: Files that cannot be read.
    """

    folder: Path
    photos: Sequence[Path]
    copies: dict[Path, list[Path]]
    vectors: Float32s
    known: KnownVectors
    left_out: int = 0
    unreadable: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class LabelProgress:
    """How far the labelling is.

    Attributes:
        total: Photos in the folder that can be labelled.
        labelled: Photos that have a label, from earlier sessions too.
        skipped: Photos that were skipped in this session.
        fits: How often the head was fitted in this session.
        until_fit: Labels until the next fit.
    """

    total: int
    labelled: int
    skipped: int
    fits: int
    until_fit: int


class LabelSession:
    """Photos in the order in which their labels help most. Several threads may use it.

    Args:
        pool: The photos.
        file: The CSV ``path,label``; it is written after each label, and continued where it exists.
        refit_every: Labels between two fits of the head.
        seed: Of the draws that choose photos.
    """

    def __init__(self, pool: LabelPool, file: Path, *, refit_every: int = 20, seed: int = 0) -> None:
        if refit_every < 1:
            raise SettingError(f"the number of labels between two fits must be at least 1, but is {refit_every}")
        self.pool, self.file = pool, file
        self._every, self._seed = refit_every, seed
        self._lock, self._fitting = threading.RLock(), threading.Lock()
        position = {place_of(photo): index for index, photo in enumerate(pool.photos)}
        self._rows = read_labels(file)
        self._labels = {position[path]: label for path, label in self._rows.items() if path in position}
        self._skipped: dict[int, None] = {}
        self._history: list[tuple[int, str | None]] = []
        self._new = self._fits = 0
        self._head = self._fit(None)
        self._probabilities = self._head.probabilities(pool.vectors)
        self._queue = self._choose()

    def __repr__(self) -> str:
        return f"LabelSession({len(self._labels)} of {len(self.pool.photos)} photos labelled, {self.file})"

    @property
    def classes(self) -> list[str]:
        """All classes by name, with new ones."""
        with self._lock:
            return sorted({*self._head.classes, *self._labels.values()}, key=str.casefold)

    @property
    def labels(self) -> dict[Path, str]:
        """Photo -> its class, in the order of labelling."""
        with self._lock:
            return {self.pool.photos[photo]: label for photo, label in self._labels.items()}

    def progress(self) -> LabelProgress:
        """Return how far the labelling is."""
        with self._lock:
            return LabelProgress(
                total=len(self.pool.photos),
                labelled=len(self._labels),
                skipped=len(self._skipped),
                fits=self._fits,
                until_fit=max(self._every - self._new, 0),
            )

    def next(self, count: int = 1) -> list[int]:
        """Return the positions of the next photos to label; skipped photos come last."""
        with self._lock:
            waiting = [photo for photo in self._queue if self._is_open(photo)]
            if len(waiting) < count:
                self._queue = self._choose()
                waiting = [photo for photo in self._queue if self._is_open(photo)]
            return (waiting or [photo for photo in self._skipped if photo not in self._labels])[:count]

    def suggestions(self, photo: int, count: int = 9) -> list[Suggestion]:
        """Return the most probable classes of a photo."""
        with self._lock:
            row, classes = self._probabilities[photo], self._head.classes
        best = np.argsort(-row, kind="stable")[:count]
        return [Suggestion(classes[int(one)], float(row[one])) for one in best]

    def example(self, photo: int, label: str) -> GalleryRow | None:
        """Return the known photo of a class that is nearest to a photo; None for a new class."""
        known = self.pool.known
        rows = [index for index, row in enumerate(known.rows) if row.label == label]
        if not rows:
            return None
        return known.rows[rows[int((known.vectors[rows] @ self.pool.vectors[photo]).argmax())]]

    def label_of(self, photo: int) -> str | None:
        """Return the class that a photo was given; None without one."""
        with self._lock:
            return self._labels.get(photo)

    def answer(self, photo: int, label: str) -> str:
        """Give a photo a class, known or new, write the file, and return the class.

        Raises:
            SettingError: There is no such photo, or the name of the class is not valid.
        """
        name = checked_label(label)
        with self._lock:
            self._demand(photo)
            name = find_label(name, self.classes) or name
            self._change(photo, name)
            return name

    def skip(self, photo: int) -> None:
        """Leave a photo for later.

        Raises:
            SettingError: There is no such photo.
        """
        with self._lock:
            self._demand(photo)
            self._skipped.pop(photo, None)
            self._skipped[photo] = None

    def undo(self) -> int | None:
        """Take the last label of this session back, write the file, and return its photo; None without one."""
        with self._lock:
            if not self._history:
                return None
            photo, before = self._history[-1]
            self._change(photo, before)
            del self._history[-2:]
            self._new = max(self._new - 2, 0)
            self._queue = [photo, *(one for one in self._queue if one != photo)]
            return photo

    @property
    def can_undo(self) -> bool:
        return bool(self._history)

    @property
    def is_fit_due(self) -> bool:
        """Whether enough labels came since the last fit."""
        return self._new >= self._every

    def refit(self) -> None:
        """Fit the head on all labels, and order the other photos anew. Labels may come in meanwhile."""
        with self._fitting:
            with self._lock:
                taken = self._new
            head = self._fit(self._head)
            probabilities = head.probabilities(self.pool.vectors)
            with self._lock:
                self._head, self._probabilities = head, probabilities
                self._new -= taken
                self._fits += 1
                self._queue = self._choose()

    def refit_if_due(self) -> None:
        """Fit the head if it is due, for threads that may come at the same time."""
        if self.is_fit_due:
            self.refit()

    def _fit(self, start: LabelHead | None) -> LabelHead:
        with self._lock:
            photos, labels = list(self._labels), list(self._labels.values())
        return fit_label_head(self.pool.known, self.pool.vectors[photos], labels, start=start)

    def _choose(self) -> list[int]:
        """Return the next photos: enough for the labels until the fit after the next one."""
        open_photos = [photo for photo in range(len(self.pool.photos)) if self._is_open(photo)]
        seed = self._seed + len(self._labels)
        chosen = choose_photos(
            self._probabilities[open_photos], self.pool.vectors[open_photos], 2 * self._every, seed=seed
        )
        return [open_photos[int(row)] for row in chosen]

    def _is_open(self, photo: int) -> bool:
        return photo not in self._labels and photo not in self._skipped

    def _demand(self, photo: int) -> None:
        if not 0 <= photo < len(self.pool.photos):
            raise SettingError(f"the folder has no photo number {photo}: load the page again")

    def _change(self, photo: int, label: str | None) -> None:
        """Write the file with a photo's new label, then remember it."""
        labels = {one: name for one, name in self._labels.items() if one != photo}
        path = self.pool.photos[photo]
        files = [place_of(file) for file in (path, *self.pool.copies.get(path, ()))]
        rows = {file: name for file, name in self._rows.items() if file not in files}
        if label is not None:
            labels[photo] = label
            rows |= dict.fromkeys(files, label)
        write_labels(self.file, rows)
        self._history.append((photo, self._labels.get(photo)))
        self._labels, self._rows = labels, rows
        self._skipped.pop(photo, None)
        self._new += 1

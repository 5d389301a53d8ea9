"""What the rungs of ``auto`` share: what may still be spent, the log, and pilots on a few photos."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fieldmark.arrays import Bools, Ints
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.views import read_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.layers.class_balance import accuracy, accuracy_error, predicted
from fieldmark.methods.auto import Auto
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble, hits_on_val
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import FrozenPass, run_pass
from fieldmark.training.frozen.search_limit import SearchLimit

__all__ = ["PATIENT_BUDGET", "PILOT_GAIN", "AutoSearch", "Candidate", "FewPhotos", "Pilot"]

logger = logging.getLogger(__name__)


PATIENT_BUDGET = 180.0
"""Seconds. A larger budget lifts the limits of a fit without one, and its rest goes into fine-tuning."""

PILOT_PHOTOS = 480
PILOT_GAIN = 0.01

CONTRADICTION = 5.0
"""If val lies below cross-validation by this many standard errors, val judges. A val of few bursts differs by 3 or 4,
one from another place by 20."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A backbone at an image size.

    Attributes:
        backbone: Name in timm.
        image_size: Side in pixels.
        zoom: How it cuts the object out of the whole photo and reads it again; None reads the photo once.
    """

    backbone: str
    image_size: int
    zoom: Zoom | None = None


@dataclass(frozen=True, slots=True)
class Pilot:
    """What a change gains on a few photos.

    Attributes:
        gain: Difference of the cross-validated accuracies.
        error: Its standard error.
        seconds: For one view of a photo.
    """

    gain: float
    error: float
    seconds: float

    @property
    def pays(self) -> bool:
        return self.gain >= max(PILOT_GAIN, self.error)


@dataclass(frozen=True, slots=True)
class FewPhotos:
    """What a backbone reaches on a few photos.

    Attributes:
        hits: Whether each photo that judges is answered correctly.
        seconds: For one view of a photo.
        object_share: Median share of a photo that the object fills; None where no locator looked for it.
    """

    hits: Bools
    seconds: float
    object_share: float | None = None

    @property
    def accuracy(self) -> float:
        return float(self.hits.mean())

    def over(self, before: FewPhotos) -> Pilot:
        """Return what it gains over something else on the same photos."""
        difference = self.hits.astype(float) - before.hits
        return Pilot(float(difference.mean()), float(difference.std() / np.sqrt(len(difference))), self.seconds)


@dataclass(slots=True)
class AutoSearch:
    """State of the search: settings, what may still be spent, what judges, and the log.

    Attributes:
        photos: Train photos, then those of the split val.
        settings: Settings of the method.
        limit: What may still be spent.
        descriptors: Sets of descriptors that cross-validation chooses from.
        val_judges: Whether photos of val judge every step, instead of cross-validation inside train.
        steps: The log.
        next_step: What a person could try next.
    """

    photos: PhotoTable
    settings: Auto.Settings
    limit: SearchLimit
    descriptors: Sequence[tuple[str, ...]]
    val_judges: bool = False
    steps: list[str] = field(default_factory=list)
    next_step: str = ""

    def note(self, line: str) -> None:
        self.steps.append(line)
        logger.info(f"  {line}")

    @property
    def patient(self) -> bool:
        """Whether the user gives more time than a fit without a budget takes."""
        return (self.settings.budget or 0.0) > PATIENT_BUDGET

    def views(self, candidate: Candidate) -> int:
        """Return how many views of a photo a pass of the candidate reads: those of answers, and the annotated box."""
        return self.answer_views(candidate) + (min(2, self.settings.test_views) if self.settings.crop == "box" else 0)

    def answer_views(self, candidate: Candidate) -> int:
        """Return how many views of a photo the candidate reads for an answer, the tiles of its locator among them."""
        return read_views(min(2, self.settings.test_views), candidate.zoom)

    def backbone(self, candidate: Candidate) -> FrozenBackbone:
        return FrozenBackbone(
            self.photos,
            self.settings,
            candidate.backbone,
            candidate.image_size,
            sorted({name for names in self.descriptors for name in names}),
            learn_val=not self.patient,  # a fine-tune needs val photos that no member learned from
            metric=self.settings.metric,
            whole_photo=candidate.zoom is not None,
        )

    def read(self, frozen: FrozenBackbone, candidate: Candidate) -> FrozenPass:
        """Read all photos with the backbone of a candidate, and choose a head."""
        return run_pass(frozen, self.descriptors, zoom=candidate.zoom, folds=self.settings.folds)

    def choose_judge(self, ensemble: BackboneEnsemble) -> None:
        """Let val judge if it lies far below cross-validation: it shows another place or day, as new photos will.

        A val that the heads learn from, or with few photos, does not judge.
        """
        count = len(self.photos.positions("val"))
        if not count or ensemble.learns_val:
            return
        truth = self.photos.labels[self.photos.positions("val")]
        on_val = accuracy(hits_on_val(self.photos, ensemble.members, ensemble.metric), truth, ensemble.metric)
        expected = ensemble.accuracy
        error = np.sqrt(max(expected * (1.0 - expected), 1e-4) / count)
        if on_val < expected - CONTRADICTION * error:
            self.val_judges = True
            self.note(f"val says {on_val:.3f}, so that its {count} photos judge from here on: they come from elsewhere")

    def hits(self, ensemble: BackboneEnsemble) -> Bools:
        """Return whether each photo that judges is answered correctly."""
        return hits_on_val(self.photos, ensemble.members, ensemble.metric) if self.val_judges else ensemble.hits

    def accuracy(self, ensemble: BackboneEnsemble) -> float:
        return accuracy(self.hits(ensemble), self._truth(ensemble), ensemble.metric)

    def _truth(self, ensemble: BackboneEnsemble) -> Ints:
        """Return the classes of the photos that judge."""
        return self.photos.labels[self.photos.positions("val")] if self.val_judges else ensemble.labels

    def surpasses(self, larger: BackboneEnsemble, smaller: BackboneEnsemble, errors: float = 1.0) -> bool:
        """Return whether one is better than another by more than so many standard errors of the difference."""
        hits, before, truth = self.hits(larger), self.hits(smaller), self._truth(larger)
        metric = larger.metric
        gain = accuracy(hits.astype(float) - before, truth, metric)
        return bool(gain > errors * accuracy_error(hits != before, truth, metric))

    def pilot(self, last: FrozenPass, frozen: FrozenBackbone, candidate: Candidate) -> Pilot:
        """Return what the backbone of a candidate gains over a pass on a few photos, with the same descriptors."""
        names = last.choice.names
        before = self.read_few(last.backbone, names, last.zoom)
        return self.read_few(frozen, names, candidate.zoom).over(before)

    def read_few(self, frozen: FrozenBackbone, names: tuple[str, ...], zoom: Zoom | None) -> FewPhotos:
        """Read a few photos.

        Args:
            frozen: What reads them.
            names: Descriptors of its head.
            zoom: How it zooms.
        """
        photos = _few_of_each_class(self.photos, PILOT_PHOTOS, self.settings.seed)
        if self.val_judges:
            photos = np.concatenate([photos, self.photos.positions("val")])
        run = run_pass(frozen, [names], photos=photos, mirror=False, zoom=zoom, folds=self.settings.folds)
        if self.val_judges:
            rows, answers = run.answers_of_others()
        else:
            rows = run.photos[run.choice.positions]
            answers = predicted(run.choice.logits, self.photos.labels[rows], run.backbone.metric)
        views = run.table.views + (zoom.looks if zoom else 0)
        hits = np.asarray(answers == self.photos.labels[rows])
        share = None if run.located is None else run.located.share
        return FewPhotos(hits, run.seconds / (len(photos) * views), share)


def _few_of_each_class(photos: PhotoTable, limit: int, seed: int) -> Ints:
    """Return train photos, as many of each class as the limit allows, at least 4."""
    each = max(4, limit // len(photos.classes))
    generator = np.random.default_rng(seed)
    labels = photos.labels[photos.positions("train")]
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:each] for label in range(len(photos.classes))]
    return np.sort(np.concatenate(chosen))

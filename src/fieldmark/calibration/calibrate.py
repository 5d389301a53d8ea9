"""Calibrate trained members: a temperature each, and one scaling for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.member_fusion import fuse, mean_logits
from fieldmark.calibration.temperature import (
    expected_calibration_error,
    fit_temperature,
    is_contradicted,
    negative_log_likelihood,
    pooled_temperature,
)
from fieldmark.calibration.vector_scaling import choose_scaling
from fieldmark.data.photo_table import PhotoTable
from fieldmark.layers.class_balance import Metric, accuracy, choose_strength, class_shares
from fieldmark.member_spec import MemberSpec
from fieldmark.training.member import Trained, TrainedMember

__all__ = ["Calibration", "Predicted", "calibrate"]


@dataclass(frozen=True, slots=True)
class Predicted:
    """Calibrated results on photos, by heads that did not learn from them.

    Attributes:
        rows: Rows of `PhotoTable.for_training`, (n,).
        probabilities: (n, K), calibrated.
        logits: (n, K) weighted mean over the members, divided by their temperatures.
    """

    rows: Ints
    probabilities: Floats
    logits: Floats

    def of_rows(self, rows: Ints) -> Predicted:
        """Return the results on those of the given rows that are among them."""
        chosen = np.isin(self.rows, rows)
        return Predicted(self.rows[chosen], self.probabilities[chosen], self.logits[chosen])

    def without(self, rows: Ints) -> Predicted:
        """Return the results on all but the given rows."""
        return self.of_rows(np.setdiff1d(self.rows, rows))

    def and_also(self, other: Predicted) -> Predicted:
        """Return the results on these photos and on others."""
        return Predicted(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.probabilities, other.probabilities]),
            np.concatenate([self.logits, other.logits]),
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of calibration.

    Attributes:
        members: The members with their final temperatures.
        scaling: Scaling of the fused logits; None where the temperatures are enough.
        val: Results on all photos of the split val; out of fold where a member learned from them.
        out_of_fold: Results on the photos that the heads learned from, each by heads that did not learn from it; None
            where a member has none. It covers val where the heads learned from val.
        contradicted: Whether the val photos are significantly less certain than out-of-fold results claim.
        figures: Calibration errors and losses on all val photos, before and after.
        top1: Top-1 accuracy on all val photos; None without any.
        out_of_fold_top1: Top-1 accuracy of `out_of_fold`.
        mean_class: Mean class accuracy on all val photos; None without any.
        out_of_fold_mean_class: Mean class accuracy of `out_of_fold`.
        class_weights: Weight of a photo of each class, (K,), where probabilities and guarantees hold for classes that
            are all equally frequent; None where they hold for photos like the training photos.
    """

    members: tuple[MemberSpec, ...]
    scaling: LogitScaling | None
    val: Predicted
    out_of_fold: Predicted | None
    contradicted: bool
    figures: dict[str, float]
    top1: float | None
    out_of_fold_top1: float | None = None
    mean_class: float | None = None
    out_of_fold_mean_class: float | None = None
    class_weights: Floats | None = None


def calibrate(trained: Trained, known: PhotoTable) -> Calibration:
    """Fit on out-of-fold logits where all members have them, and on held-out photos of the role val.

    If the held-out photos contradict the out-of-fold logits of train photos, only the held-out ones count.

    Where the metric is the mean class accuracy, the calibrated logits are then adjusted by the shares of the classes.

    Args:
        trained: Members with their `val_logits`.
        known: The photos of `PhotoTable.for_training`.
    """
    labels, val, folded = known.labels, known.positions("val", "calibration"), _folded(trained.members)
    held_out = np.zeros(0, np.int64) if trained.learned_val and len(folded) else known.positions("val")
    contradicted = _contradicted(trained.members, labels, val, held_out)
    temperatures = [_member_temperature(member, labels, val, held_out) for member in trained.members]
    specs = [
        member.spec.model_copy(update={"temperature": temperature})
        for member, temperature in zip(trained.members, temperatures, strict=True)
    ]
    weights = [spec.weight for spec in specs]
    on_val = [member.val_logits for member in trained.members]
    on_folds = [member.out_of_fold.logits[folded] for member in trained.members if member.out_of_fold is not None]
    free = np.isin(val, held_out)
    fused, truth = _log_fused(on_val, temperatures, weights)[free], labels[held_out]
    if len(folded) and not contradicted:
        fused = np.concatenate([fused, _log_fused(on_folds, temperatures, weights)])
        truth = np.concatenate([truth, labels[folded]])
    common = 1.0 if len(specs) == 1 or not len(truth) else fit_temperature(fused, truth)
    scaling = choose_scaling(fused, truth, common)
    weights_of_classes = None
    if trained.metric == "mean_class":
        learned = known.positions("train", "val") if trained.learned_val else known.positions("train")
        shares = class_shares(labels[learned], len(known.classes))
        weights_of_classes = 1.0 / (shares * len(shares))
        strength = choose_strength(np.log(np.maximum(scaling(fused), 1e-30)), truth, shares)
        scaling = scaling.shifted(-strength * np.log(shares))

    def predicted(rows: Ints, logits: Sequence[Floats]) -> Predicted:
        log_fused = _log_fused(logits, temperatures, weights)
        after = scaling(log_fused) if len(rows) else np.exp(log_fused)
        return Predicted(rows, after, mean_logits(logits, temperatures, weights))

    results, out_of_fold = predicted(val, on_val), predicted(folded, on_folds) if len(folded) else None
    plain = scaling.kind == "temperature" and common == 1.0
    return Calibration(
        tuple(specs),
        None if plain else scaling,
        results,
        out_of_fold,
        contradicted,
        _figures(
            _log_fused(on_val, [1.0] * len(on_val), weights), results.probabilities, labels[val], weights_of_classes
        ),
        _accuracy(results, labels, "top1"),
        None if out_of_fold is None else _accuracy(out_of_fold, labels, "top1"),
        _accuracy(results, labels, "mean_class"),
        None if out_of_fold is None else _accuracy(out_of_fold, labels, "mean_class"),
        weights_of_classes,
    )


def _folded(members: Sequence[TrainedMember]) -> Ints:
    """Return the rows of photos that have out-of-fold logits of all members, whose heads knew the photo's class."""
    each = [member.out_of_fold for member in members]
    sizes = {len(found.known) if found is not None else 0 for found in each}
    if len(sizes) > 1 or sizes == {0}:
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.all([found.known for found in each if found is not None], axis=0))


def _contradicted(members: Sequence[TrainedMember], labels: Ints, val: Ints, held_out: Ints) -> bool:
    """Return whether held-out photos prefer another temperature than out-of-fold photos, for any member."""
    return any(is_contradicted(*_by_origin(member, labels, val, held_out)) for member in members)


def _member_temperature(member: TrainedMember, labels: Ints, val: Ints, held_out: Ints) -> float:
    if member.calibrated:
        return member.spec.temperature
    return pooled_temperature(*_by_origin(member, labels, val, held_out))


def _by_origin(member: TrainedMember, labels: Ints, val: Ints, held_out: Ints) -> tuple[Floats, Ints, Floats, Ints]:
    """Return logits and labels of held-out photos, then those out of fold."""
    own, found = member.val_logits[np.isin(val, held_out)], member.out_of_fold
    if found is None:
        return own, labels[held_out], own[:0], held_out[:0]
    known = np.flatnonzero(found.known)
    return own, labels[held_out], found.logits[known], labels[known]


def _log_fused(logits: Sequence[Floats], temperatures: Sequence[float], weights: Sequence[float]) -> Floats:
    return np.asarray(np.log(np.maximum(fuse(logits, temperatures, weights), 1e-30)))


def _accuracy(found: Predicted, labels: Ints, metric: Metric) -> float | None:
    truth = labels[found.rows]
    return accuracy(found.probabilities.argmax(1) == truth, truth, metric) if len(truth) else None


def _figures(before: Floats, after: Floats, labels: Ints, class_weights: Floats | None) -> dict[str, float]:
    if not len(labels):
        return {}
    each = None if class_weights is None else class_weights[labels]
    return {
        "val_photos": float(len(labels)),
        "ece_before": expected_calibration_error(np.exp(before), labels, weights=each),
        "ece_after": expected_calibration_error(after, labels, weights=each),
        "nll_before": negative_log_likelihood(before, labels, each),
        "nll_after": negative_log_likelihood(np.log(np.maximum(after, 1e-12)), labels, each),
    }

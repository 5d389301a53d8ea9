"""Calibrate a trained model on val: a temperature for each member, then one scaling of their common answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.member_fusion import fuse, mean_logits
from fieldmark.calibration.temperature import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    pooled_temperature,
)
from fieldmark.calibration.vector_scaling import choose_scaling
from fieldmark.data.photo_table import PhotoTable
from fieldmark.member_spec import MemberSpec
from fieldmark.training.member import Trained, TrainedMember

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of calibration, fitted on the val photos outside the calibration set.

    Attributes:
        members: The members with their final temperatures.
        scaling: Scaling of the fused logits; None where the temperatures are enough.
        probabilities: (n_val, K) calibrated, of all photos of the split val.
        logits: (n_val, K) weighted mean over the members, divided by their temperatures.
        figures: Calibration errors and losses on all val photos, before and after.
        top1: Top-1 accuracy on all val photos; None without any.
    """

    members: tuple[MemberSpec, ...]
    scaling: LogitScaling | None
    probabilities: Floats
    logits: Floats
    figures: dict[str, float]
    top1: float | None


def calibrate(trained: Trained, val: PhotoTable) -> Calibration:
    """Fit on the photos of the role val, and on out-of-fold logits where members have them.

    Args:
        trained: Members with their `val_logits`.
        val: The photos of the split val.
    """
    labels, free = val.labels, val.positions("val")
    temperatures = [_member_temperature(member, labels, free) for member in trained.members]
    specs = [
        member.spec.model_copy(update={"temperature": temperature})
        for member, temperature in zip(trained.members, temperatures, strict=True)
    ]
    logits, weights = [member.val_logits for member in trained.members], [spec.weight for spec in specs]
    fused = np.log(np.maximum(fuse(logits, temperatures, weights), 1e-30))
    common = 1.0 if len(specs) == 1 or not len(free) else fit_temperature(fused[free], labels[free])
    scaling = choose_scaling(fused[free], labels[free], common)
    after = scaling(fused) if len(fused) else np.exp(fused)
    mean = mean_logits(logits, temperatures, weights)
    if not len(labels):
        return Calibration(tuple(specs), None, after, mean, {}, None)
    before = np.log(np.maximum(fuse(logits, [1.0] * len(logits), weights), 1e-12))
    figures = {
        "val_photos": float(len(labels)),
        "ece_before": expected_calibration_error(np.exp(before), labels),
        "ece_after": expected_calibration_error(after, labels),
        "nll_before": negative_log_likelihood(before, labels),
        "nll_after": negative_log_likelihood(np.log(np.maximum(after, 1e-12)), labels),
    }
    plain = scaling.kind == "temperature" and common == 1.0
    kept = None if plain else scaling
    return Calibration(tuple(specs), kept, after, mean, figures, float((after.argmax(1) == labels).mean()))


def _member_temperature(member: TrainedMember, labels: Ints, free: Ints) -> float:
    if member.calibrated:
        return member.spec.temperature
    logits, truth = member.val_logits[free], labels[free]
    if member.fold_logits is None or member.fold_labels is None:
        return fit_temperature(logits, truth)
    return pooled_temperature(logits, truth, member.fold_logits, member.fold_labels)

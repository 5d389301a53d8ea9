"""Calibrate a trained model on val: a temperature for each member, then one scaling of their common answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.member_fusion import fuse
from fieldmark.calibration.temperature import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    pooled_temperature,
)
from fieldmark.calibration.vector_scaling import choose_scaling
from fieldmark.training.member import Member

__all__ = ["Calibration", "calibrate"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The result of calibration, fitted on the val photos outside the calibration set.

    Attributes:
        temperatures: One for each member.
        scaling: Scaling of the fused logits; None where the temperatures are enough.
        probabilities: (n_val, K) calibrated, of all val photos.
        figures: Calibration errors and losses on all val photos, before and after.
        top1: Top-1 accuracy on all val photos; None without any.
    """

    temperatures: tuple[float, ...]
    scaling: LogitScaling | None
    probabilities: Floats
    figures: dict[str, float]
    top1: float | None


def calibrate(members: Sequence[Member], labels: Ints, free: Bools) -> Calibration:
    """Fit on the val photos outside the calibration set, and on out-of-fold logits where members have them.

    Args:
        members: Trained members with their `val_logits`.
        labels: (n_val,).
        free: (n_val,) True for val photos that may be fitted on; the others are the calibration set.
    """
    temperatures = tuple(_member_temperature(member, labels, free) for member in members)
    logits, weights = [member.val_logits for member in members], [member.weight for member in members]
    fused = np.log(np.maximum(fuse(logits, temperatures, weights), 1e-30))
    common = 1.0 if len(members) == 1 or not free.any() else fit_temperature(fused[free], labels[free])
    scaling = choose_scaling(fused[free], labels[free], common)
    after = scaling(fused) if len(fused) else np.exp(fused)
    if not len(labels):
        return Calibration(temperatures, None, after, {}, None)
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
    return Calibration(temperatures, kept, after, figures, float((after.argmax(1) == labels).mean()))


def _member_temperature(member: Member, labels: Ints, free: Bools) -> float:
    if member.temperature is not None:
        return member.temperature
    logits, truth = member.val_logits[free], labels[free]
    if member.fold_logits is None or member.fold_labels is None:
        return fit_temperature(logits, truth)
    return pooled_temperature(logits, truth, member.fold_logits, member.fold_labels)

"""Result records of ``fieldmark compare``: one row for each method, and the comparison as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fieldmark.evaluation.paired_tests import Difference

__all__ = ["Comparison", "MethodRow", "SettingChange"]


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting in which a method differs from the baseline.

    Attributes:
        name: The setting; ``method`` for the method itself.
        value: The method's value; None if it has no such setting.
        baseline: The baseline's value; None if it has no such setting.
        held_by: Which of the two have the setting: ``both``, ``method`` or ``baseline``.
    """

    name: str
    value: Any
    baseline: Any
    held_by: Literal["both", "method", "baseline"]


@dataclass(frozen=True, slots=True)
class MethodRow:
    """Results of one method. Accuracies are fractions.

    Attributes:
        label: Its name in the table.
        status: ``done``, ``partly`` (some seeds), ``skipped``, ``failed``, or ``oracle`` (given the true parts).
        reason: Why runs are missing.
        seeds: Finished seeds.
        top1: Test accuracy for each seed.
        mean: Mean of `top1`; None without a finished run.
        mean_class_accuracy: Mean over classes, averaged over seeds.
        difference: From the baseline, over the seeds that both finished; None for the baseline.
        mcnemar: p-value for each of those seeds.
        standing: ``better`` or ``worse`` if the bootstrap interval and McNemar's test agree, otherwise ``level``;
            ``none`` for the baseline and for rows that cannot be compared.
        verdict: `standing` as a sentence.
        seconds: Mean wall time of a fit.
        cpu_seconds: Mean processor time of a fit.
        peak_bytes: Peak memory, the largest over the seeds.
        parameters: Number of weights.
        ms_per_photo: Prediction time of the first seed's model, timed alone; None if something else ran meanwhile.
        class_top1: Accuracy for each class, averaged over seeds; empty for an ``oracle``.
        settings: Settings of the first seed.
        folders: Model folders.
        differs: Settings that differ from the baseline's; empty for the baseline.
    """

    label: str
    status: str
    reason: str | None
    seeds: tuple[int, ...]
    top1: tuple[float, ...]
    mean: float | None
    mean_class_accuracy: float | None
    difference: Difference | None
    mcnemar: tuple[float, ...]
    standing: str
    verdict: str
    seconds: float | None
    cpu_seconds: float | None
    peak_bytes: int | None
    parameters: int | None
    ms_per_photo: float | None
    class_top1: tuple[float | None, ...]
    settings: Mapping[str, Any] | None
    folders: tuple[str, ...]
    differs: tuple[SettingChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        methods: One row for each method, the baseline first.
        baseline: Label of the baseline.
        classes: Class names.
        seeds: Seeds of the runs.
        photos: Split -> number of photos, for the first seed.
        source: Where the data are.
        shared: Settings that all methods share, such as backbone, image size and epochs.
        notes: Remarks for the reader.
        command: Command that made the comparison.
        versions: Library -> version.
        created: UTC time.
    """

    methods: tuple[MethodRow, ...]
    baseline: str
    classes: tuple[str, ...]
    seeds: tuple[int, ...]
    photos: Mapping[str, int]
    source: str
    shared: Mapping[str, Any]
    notes: tuple[str, ...]
    command: str
    versions: Mapping[str, str]
    created: str

    @property
    def finished(self) -> tuple[MethodRow, ...]:
        """Methods with a result."""
        return tuple(row for row in self.methods if row.mean is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``compare --json`` prints."""
        return asdict(self)

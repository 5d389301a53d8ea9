"""What calibration photos guarantee: coverage of prediction sets, accuracy of answers that back off."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from fieldmark.arrays import Bools, Float64s, Floats
from fieldmark.errors import ModelError, SettingError
from fieldmark.file_name import FileName
from fieldmark.uncertainty.backoff import learn_threshold
from fieldmark.uncertainty.conformal import (
    check_level,
    class_quantiles,
    label_shift_quantiles,
    mixed_quantiles,
    photos_needed,
    prediction_sets,
    score_quantile,
)
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore
from fieldmark.uncertainty.guarantee_tables import GuaranteeTables
from fieldmark.uncertainty.prior import Prior
from fieldmark.uncertainty.taxonomy import Hierarchy

__all__ = ["GUARANTEES_FILE", "AnswerOptions", "GuaranteeFacts", "Guarantees"]

GUARANTEES_FILE = "trust.safetensors"


class GuaranteeFacts(BaseModel):
    """The part of ``fieldmark.json`` about the calibration set.

    Attributes:
        file: safetensors file of `GuaranteeTables`.
        photos: Size of the calibration set.
        effective_photos: As many photos of equal weight leave as much to chance; None where all weigh the same.
        rests_on: ``val``: held-out val photos, by which no weight or temperature was chosen; ``out_of_fold``: learned
            photos, each scored by heads that did not learn from it nor from its group.
        contradiction: Why the guarantees rest on val although there are out-of-fold scores; None otherwise.
        score: Conformity score of the prediction sets, a name in `CONFORMITY_SCORES`.
        k_reg: RAPS adds no penalty up to this rank.
        penalty: Lambda of RAPS for each further rank; 0 is APS.
        classwise: Weight of each class's own quantile; 0 is one quantile for all photos.
        coverage: Default coverage of the prediction sets.
        target_accuracy: Default share of answers that must be correct at their rank; None keeps answers at the class.
            The file calls it ``confidence``.
    """

    model_config = ConfigDict(extra="allow", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    file: FileName
    photos: int = Field(ge=0, lt=2**40)
    effective_photos: int | None = Field(None, ge=0, lt=2**40)
    rests_on: Literal["val", "out_of_fold"] = "val"
    contradiction: str | None = None
    score: str = Field("lac", pattern=r"\A[\w.-]{1,64}\z")
    k_reg: int = Field(0, ge=0, lt=2**31)
    penalty: float = Field(0.0, ge=0, le=1e6)
    classwise: float = Field(0.0, ge=0, le=1)
    coverage: float = Field(0.9, gt=0, lt=1)
    target_accuracy: float | None = Field(None, gt=0, lt=1, alias="confidence")

    @field_validator("penalty")
    @classmethod
    def _only_of_raps(cls, penalty: float, info: ValidationInfo) -> float:
        if penalty and info.data.get("score") != "raps":
            raise ValueError("only RAPS has a penalty")
        return penalty

    @property
    def band_photos(self) -> int:
        """Number of photos for `coverage_band`."""
        return self.photos if self.effective_photos is None else self.effective_photos

    @property
    def photos_in_words(self) -> str:
        """Which photos calibrate, such as ``66 held-out val photos``."""
        if self.rests_on == "val":
            return f"{self.photos:,} held-out val photos"
        return f"{self.photos:,} photos in cross-validation"

    @property
    def score_in_words(self) -> str:
        """The score for people, such as ``RAPS (k_reg 3, lambda 0.01)``."""
        if self.score != "raps":
            weight = f", {self.classwise:g} of each class's own quantile" if self.classwise else ""
            return self.score.upper() + weight
        return f"RAPS (k_reg {self.k_reg}, lambda {self.penalty:g})" if self.penalty else "RAPS (lambda 0, as APS)"


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """Options of an answer.

    Attributes:
        top_k: Number of candidates.
        coverage: Target coverage of the prediction sets; the model's default for None.
        target_accuracy: Share of answers that must be correct at their rank; the model's default for None.
    """

    top_k: int = 5
    coverage: float | None = None
    target_accuracy: float | None = None


@dataclass(slots=True)
class Guarantees:
    """Prediction sets and ranks of answers.

    Attributes:
        hierarchy: The classes and their ancestors.
        tables: Results on the calibration set.
        coverage: Default coverage of the prediction sets.
        target_accuracy: Default target accuracy; None keeps answers at the class.
        score: Conformity score of the sets and of the tables.
        classwise: Weight of each class's own quantile.
        class_weights: Weight of each class, (K + m,), where the guarantees hold for other shares of the classes than
            those of the training photos; None for theirs.
    """

    hierarchy: Hierarchy
    tables: GuaranteeTables
    coverage: float = 0.9
    target_accuracy: float | None = None
    score: ConformityScore = LAC
    classwise: float = 0.0
    class_weights: Float64s | None = None
    _thresholds: dict[float, float | None] = field(default_factory=dict)

    @property
    def photos(self) -> int:
        """Size of the calibration set."""
        return len(self.tables.scores)

    def check(self, wanted: AnswerOptions) -> None:
        """Check the options that a caller asks for.

        Raises:
            SettingError: There are no candidates, a level does not lie between 0 and 1, or the calibration set is too
                small for the coverage.
        """
        if wanted.top_k < 1:
            raise SettingError(f"the number of candidates must be at least 1, but is {wanted.top_k}")
        if wanted.target_accuracy is not None:
            check_level("target_accuracy", wanted.target_accuracy)
        if wanted.coverage is None:
            return
        check_level("coverage", wanted.coverage)
        needed = photos_needed(wanted.coverage)
        if self.photos < needed:
            raise SettingError(
                f"a coverage of {wanted.coverage:g} needs {needed} calibration photos, but the model has "
                f"{self.photos}; ask for less, or fit on more photos"
            )

    def coverage_of(self, wanted: AnswerOptions) -> float:
        """Return the wanted coverage, or the default."""
        return self.coverage if wanted.coverage is None else wanted.coverage

    def target_accuracy_of(self, wanted: AnswerOptions) -> float | None:
        """Return the wanted target accuracy, or the default."""
        return self.target_accuracy if wanted.target_accuracy is None else wanted.target_accuracy

    def under(self, prior: Prior) -> Guarantees:
        """Return the guarantees for photos whose classes have another prior than the training photos.

        Calibration photos count by the weight of their class. Coverage then holds for photos that differ from them
        only in how often each class occurs. The accuracy of answers that back off uses the effective number of
        photos, which is an approximation.

        Source: Podkopaev, Ramdas, "Distribution-free uncertainty quantification for classification under label shift"
        (UAI 2021), theorem 2.

        Args:
            prior: Weights (K + m,) of the trained and of the enrolled classes.

        Raises:
            ModelError: The model keeps no probabilities of calibration photos.
        """
        if self.photos and not len(self.tables.sample):
            raise ModelError(
                "the model keeps no probabilities of its calibration photos, which a prior needs: fit it again with "
                "this version of Fieldmark"
            )
        return replace(
            self,
            tables=self.tables.under(prior, self.hierarchy, self.score),
            class_weights=prior.weights if self.class_weights is None else prior.weights * self.class_weights,
            _thresholds={},
        )

    def sets(self, probabilities: Floats, coverage: float) -> Bools | None:
        """Return the prediction sets (n, K); None if the calibration set is too small for that coverage."""
        quantile = self.quantile(coverage, probabilities.shape[1])
        if quantile is None:
            return None
        found = prediction_sets(probabilities, quantile, self.score)
        return found if self.class_weights is None else found & (self.class_weights > 0)

    def quantile(self, coverage: float, num_classes: int) -> float | Floats | None:
        """Return the largest score of a class in a set, or one for each class, (K,); None as for `sets`."""
        tables = self.tables
        if self.class_weights is not None:
            together = label_shift_quantiles(tables.scores, tables.weights, self.class_weights, coverage)
            if np.isinf(together).all():
                return None
            return mixed_quantiles(tables.scores, tables.labels, together, coverage, self.classwise)
        if not self.classwise:
            return score_quantile(tables.scores, coverage)
        return class_quantiles(tables.scores, tables.labels, num_classes, coverage, self.classwise)

    def threshold(self, target_accuracy: float) -> tuple[float, bool]:
        """Return the smallest probability of an answer, and whether calibration photos guarantee the accuracy.

        Without a guarantee the threshold is the target accuracy itself, which is as reliable as the calibrated
        probabilities are.
        """
        if target_accuracy not in self._thresholds:
            self._thresholds[target_accuracy] = learn_threshold(
                self.tables.paths, self.tables.distances, target_accuracy, self.tables.weights
            )
        found = self._thresholds[target_accuracy]
        return (target_accuracy, False) if found is None else (found, True)

"""Evaluate a method that learns from parts with the true boxes, and measure how well it finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fieldmark.errors import DataError, SettingError
from fieldmark.evaluation.metrics import Metrics, compute_metrics
from fieldmark.structures import RecordList

if TYPE_CHECKING:
    from torch import Tensor

    from fieldmark.artifact.manifest import Manifest, MemberFacts
    from fieldmark.methods.base import Annotations, Method

__all__ = ["LEAST_OVERLAP", "OracleEvaluation", "Use", "evaluate_with_annotations"]

Use = Literal["box", "parts"]

LEAST_OVERLAP = 0.5
"""Intersection over union from which on a part is found correctly."""

_BATCH = 16


@dataclass(frozen=True, slots=True)
class OracleEvaluation:
    """An evaluation with given boxes.

    Attributes:
        metrics: The usual numbers, of answers that know the true boxes.
        use: ``box``: the object's is given and parts are looked for around it; ``parts``: all are given.
        pcp: Thing -> percentage of correct parts as a fraction: photos, of those on which it is marked, where it is
            found with an IoU of at least `LEAST_OVERLAP`. With ``box`` it is looked for around the given object,
            with ``parts`` without any help.
    """

    metrics: Metrics
    use: Use
    pcp: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        return self.metrics.to_dict() | {"oracle": self.use, "pcp": dict(self.pcp)}


@dataclass(slots=True)
class _Tally:
    """Photos with a thing, and those where it was found, (1 + P,) each."""

    marked: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    found: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def add(self, boxes: Tensor, truth: Tensor) -> None:
        """Take in found boxes (B, 1 + P, 4), zeros where missing, and true ones, NaN where missing."""
        from torchvision.ops import box_iou

        marked = ~truth.isnan().any(2)
        overlap = box_iou(boxes[:, :, None], truth.nan_to_num(0.0)[:, :, None])[:, :, 0, 0]
        found = marked & (overlap >= LEAST_OVERLAP)
        sums = marked.sum(0).numpy(), found.sum(0).numpy()
        self.marked, self.found = sums if not self.marked.size else (self.marked + sums[0], self.found + sums[1])


def evaluate_with_annotations(
    folder: Path, manifest: Manifest, records: RecordList, use: Use = "parts"
) -> OracleEvaluation:
    """Evaluate a model that is given the true boxes.

    Photos without a box of the object are left out. Probabilities are those of the model's calibration.

    Args:
        folder: Of the model.
        manifest: Of the model.
        records: Annotated photos, their labels as indices of the model's classes.
        use: See `OracleEvaluation`.

    Raises:
        SettingError: A method of the model does not learn from boxes and parts.
        DataError: No photo has a box.
        PhotoError: A photo cannot be read.
    """
    from fieldmark.artifact.load_method import load_method
    from fieldmark.calibration.member_fusion import fuse

    methods = [load_method(folder, manifest, facts) for facts in manifest.members]
    for method, facts in zip(methods, manifest.members, strict=True):
        if method.point_names is None:
            raise SettingError(
                f"'{facts.method}' of {folder} does not learn from boxes and parts, so it cannot use the true ones: "
                "leave --oracle out, or fit a method that does"
            )
    marked = records.like(record for record in records if record.box is not None)
    if not marked or (use == "parts" and not any(record.parts for record in marked)):
        raise DataError(
            f"--oracle {use} needs photos with true boxes{' and parts' if use == 'parts' else ''}, but none of the "
            f"{len(records)} photos has them; name data that have, such as CUB-200-2011, or leave --oracle out"
        )
    answers = [
        _member_logits(method, facts, marked, use) for method, facts in zip(methods, manifest.members, strict=True)
    ]
    probabilities = fuse(
        [logits for logits, _ in answers],
        [facts.temperature for facts in manifest.members],
        [facts.weight for facts in manifest.members],
    )
    metrics = compute_metrics(probabilities, np.array(marked.labels, dtype=np.int64), tuple(manifest.classes))
    return OracleEvaluation(metrics, use, answers[0][1])


def _member_logits(
    method: Method, facts: MemberFacts, records: RecordList, use: Use
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """Logits (n, K) with given boxes, and the fraction of photos on which each thing is found."""
    import torch

    from fieldmark.data.photos.annotations import mirror_order
    from fieldmark.methods.base import Annotations
    from fieldmark.training.gradient.annotated_photos import annotated_batches

    assert method.point_names is not None
    preprocess = facts.preprocess
    order = mirror_order(method.point_names) if facts.views % 2 == 0 else None
    rows, tally = [], _Tally()
    with torch.no_grad():
        for images, _, marked in annotated_batches(records, method.point_names, preprocess, _BATCH):
            given = marked if use == "parts" else Annotations(marked.boxes, None)
            logits, boxes = _answer(method, images, given, order)
            tally.add(boxes, method.true_regions(marked, preprocess.image_size))
            rows.append(logits.numpy())
    counts = list(zip(method.region_names, tally.found, tally.marked, strict=True))
    counts = counts[use == "box" :]  # a given object is not found
    return np.concatenate(rows), {name: float(found / marked) for name, found, marked in counts if marked}


def _answer(method: Method, images: Tensor, given: Annotations, order: Sequence[int] | None) -> tuple[Tensor, Tensor]:
    """Return logits (B, K) with the given annotations, and the regions (B, R, 4) that the method finds itself.

    `order` is the order of points in the mirror image, where the logits of that one count too.
    """
    output = method.forward_given(images, given)
    logits = output.logits
    if order is not None:
        side = int(images.shape[3])
        logits = (logits + method.forward_given(images.flip(3), given.mirrored(side, order)).logits) / 2
    found = output.regions if given.points is None else method(images).regions
    assert found is not None
    return logits, found

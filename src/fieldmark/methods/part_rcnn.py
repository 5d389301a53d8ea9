"""``part_rcnn``: detect the object and its parts, crop them, classify all together.

Source: Zhang, Donahue, Girshick, Darrell, "Part-based R-CNNs for fine-grained category detection" (ECCV 2014). The
detector is a dense one in place of selective search with support vector machines.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.data.photos.annotations import demand_annotations, point_names
from fieldmark.errors import unknown_name
from fieldmark.layers.regions.crop_regions import crop_regions
from fieldmark.layers.regions.part_boxes import (
    BIRD_PARTS,
    PartBoxes,
    clip_boxes,
    part_groups,
    present,
    widen_boxes,
)
from fieldmark.layers.regions.part_detector import Detections, PartDetector
from fieldmark.layers.regions.part_geometry import SLACK, Configuration, PartMemory, best_configuration, inside
from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.methods import register_method
from fieldmark.methods.base import Annotations, LocalFeatures, LocalMap, Method, ModelOutput, Photos, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import RecordList

__all__ = ["Constraint", "PartRCNN"]

Constraint = Literal["none", "box", "neighbours"]

CANDIDATES = 20
CONTEXT = 1.1
"""Factor on the width and height of a box for its crop."""
HEAD_STRENGTH = 15.0
"""C of the softmax regression that the head starts from, for rows of mean squared norm 1."""

LEVELS = 2
POOLED = 2
"""Places of the object, in each direction, whose features are compared to find similar training photos."""

JITTER = 0.05
"""Spread of the shifts of true boxes in training, as a share of their sides."""


@dataclass(slots=True)
class PartFeatures(LocalFeatures):
    """The feature maps of the photo, of the object and of its parts.

    Attributes:
        present: (B, 1 + P), True for the object and the parts that were found.
    """

    present: Tensor | None = None


@register_method("part_rcnn")
class PartRCNN(Method):
    """A detector of object and parts with a geometric constraint; a descriptor of each crop; one linear layer.

    Args:
        backbone: Reads the whole photo, for the detector too, and every crop.
        num_classes: K.
        **options: See `Settings`.
    """

    point_names: tuple[str, ...] = ()

    makes_views = True

    class Settings(GradientSettings):
        """A detector of the object and its parts, and a classifier of their crops."""

        method: Literal["part_rcnn"] = "part_rcnn"
        batch_size: int = Field(16, ge=1, description="photos for each step")
        freeze: str | None = Field("stage2", description="last backbone stage that is frozen; all trains only heads")
        frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
        parts: dict[str, tuple[str, ...]] | None = Field(
            None, description="part -> its points, such as {head=['beak','crown']}; by default from the data's points"
        )
        part_size: int | None = Field(
            None, ge=16, le=2048, description="side of crops in pixels; half of the photo's by default"
        )
        part_fraction: float = Field(
            0.3, gt=0, le=2, description="side of a part with one point, as a fraction of the object's side"
        )
        constraint: Literal["none", "box", "neighbours"] = Field(
            "none", description="parts anywhere, inside the object, or also where similar photos have them"
        )
        neighbours: int = Field(20, ge=1, description="number of similar photos that say where parts lie")
        alpha: float = Field(0.1, ge=0, le=10, description="exponent of the score that similar photos give")
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the joined descriptors")
        detection_weight: float = Field(1.0, gt=0, description="weight of the detector's loss against the classifier's")

        @field_validator("parts", mode="before")
        @classmethod
        def _read_table(cls, value: Any) -> Any:
            """Read a table written as text, as ``--set`` gives it."""
            if not isinstance(value, str):
                return value
            try:
                return tomllib.loads(f"parts = {value}")["parts"]
            except tomllib.TOMLDecodeError:
                raise ValueError("expected a table such as {head=['beak','crown'], body=['back','tail']}") from None

        @field_validator("parts")
        @classmethod
        def _demand_points(cls, value: dict[str, tuple[str, ...]] | None) -> dict[str, tuple[str, ...]] | None:
            if value is not None and (not value or not all(value.values())):
                raise ValueError("expected at least one part, each of at least one point")
            return value

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        parts: Mapping[str, Sequence[str]] | None,
        part_size: int | None,
        part_fraction: float,
        constraint: Constraint,
        neighbours: int,
        alpha: float,
        dropout: float,
        detection_weight: float,
        probe_start: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.part_boxes = PartBoxes(BIRD_PARTS if parts is None else parts, part_fraction)
        self.point_names = self.part_boxes.points
        self.part_size = part_size
        self.constraint = constraint
        self.detection_weight = detection_weight
        self.probe_start = probe_start
        count, dim = len(self.part_boxes.parts), backbone.channels
        self.detector = PartDetector(level_channels(backbone, LEVELS), 1 + count)
        self.memory = PartMemory(count, self.detector.width * POOLED**2, neighbours, alpha)
        self.register_buffer("center", torch.zeros(2 + count, dim))
        self.register_buffer("scale", torch.ones(2 + count, 1))
        self.absent = nn.Parameter(torch.zeros(1 + count, dim))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear((2 + count) * dim, num_classes)

    @classmethod
    def options_for(cls, options: dict[str, Any], train: RecordList) -> dict[str, Any]:
        """Add the parts of the data as `parts` if the settings do not name any.

        Raises:
            DataError: The data have no boxes or no parts.
            SettingError: A named point is not annotated in the data.
        """
        demand_annotations(train, cls.Settings().method)
        known = point_names(train)
        parts = options["parts"] if options["parts"] is not None else part_groups(known)
        for point in (point for points in parts.values() for point in points):
            if point not in known:
                raise unknown_name("point", point, known)
        return options | {"parts": {part: list(points) for part, points in parts.items()}}

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts, in the order of the boxes after the object's."""
        return tuple(self.part_boxes.parts)

    @property
    def region_names(self) -> tuple[str, ...]:
        return ("object", *self.part_names)

    @property
    def linear_head(self) -> None:
        """None: the classifier is fitted on crops of true boxes, which the loop does not have."""

    def stages(self) -> list[Stage]:
        return [
            Stage("detector", 0.6, "all", trains=("detector",)),
            Stage("classifier and detector", 0.4),
        ]

    def local_features(self, images: Tensor) -> PartFeatures:
        """Compute the feature maps of the photo and of the detected object and parts."""
        whole, detections, merged = self.detect(images)
        with torch.no_grad():
            found = self.locate(detections, merged)
        return self.crop_features(images, whole, found)

    def crop_features(self, images: Tensor, whole: Tensor, found: Configuration) -> PartFeatures:
        """Compute the feature maps of the photo and of the crops of a configuration; arbitrary for missing parts."""
        size = (int(images.shape[3]), int(images.shape[2]))
        boxes = clip_boxes(widen_boxes(found.boxes, CONTEXT), size)
        side = self.part_size or (size[0] if self.backbone.reads_one_size else size[0] // 2)
        self.backbone.check_side(side)
        crops = crop_regions(images, boxes, side)
        close = self.backbone(crops.contiguous(memory_format=torch.channels_last))
        maps = [LocalMap(whole), LocalMap(close, boxes)]
        return PartFeatures(maps, feature_map=whole, regions=found.boxes, present=found.present)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, (2 + P) D); return them with the regions (B, 1 + P, 4)."""
        assert isinstance(features, PartFeatures)
        assert features.present is not None
        embedding = (self.descriptors(features) - self.center) * self.scale  # (B, 2 + P, D)
        kept = torch.where(features.present[..., None], embedding[:, 1:], self.absent.to(embedding.dtype))
        joined = torch.cat([embedding[:, :1], kept], 1).flatten(1)
        logits = self.head(self.dropout(joined))
        return ModelOutput(logits, joined, feature_map=features.feature_map, regions=features.regions)

    def descriptors(self, features: PartFeatures) -> Tensor:
        """Return the mean of the feature map of the photo and of each crop, (B, 2 + P, D)."""
        whole, close = (one.features.mean((2, 3)) for one in features.maps)
        return torch.cat([whole[:, None], close.reshape(-1, 1 + len(self.part_names), close.shape[1])], 1)

    @property
    def evidence_note(self) -> str:
        return "a place's feature in the photo, the object and each part times the class's weights, exactly"

    def forward_given(self, images: Tensor, annotations: Annotations) -> ModelOutput:
        """Classify with the true boxes; see `Method.forward_given`."""
        truth = self._truth(images, annotations)
        whole, detections, merged = self.detect(images)
        if annotations.points is not None:
            return self.classify(self.crop_features(images, whole, _configuration(truth)))
        return self.classify(self.crop_features(images, whole, self.locate(detections, merged, truth[:, 0])))

    def find(self, images: Tensor) -> Configuration:
        """Detect object and parts without classifying."""
        _, detections, merged = self.detect(images)
        return self.locate(detections, merged)

    def true_regions(self, annotations: Annotations, size: int) -> Tensor:
        """Return the boxes of object and parts; see `Method.true_regions`."""
        boxes, points = annotations.boxes, annotations.points
        if points is None:
            points = boxes.new_full((len(boxes), len(self.point_names), 2), torch.nan)
        return self.part_boxes(boxes, points, (size, size))

    def _truth(self, images: Tensor, annotations: Annotations) -> Tensor:
        """Return `true_regions` on the device of the images."""
        return self.true_regions(annotations.to(images.device), int(images.shape[3]))

    def detect(self, images: Tensor) -> tuple[Tensor, Detections, Tensor]:
        """Return the photo's feature map, the detections, and the merged map that they were computed from."""
        maps = feature_levels(self.backbone, images, LEVELS)
        merged = self.detector.pyramid(maps)
        size = (int(images.shape[3]), int(images.shape[2]))
        return self.backbone.widened(maps[-1]), self.detector(merged, size), merged

    def locate(self, detections: Detections, merged: Tensor, root: Tensor | None = None) -> Configuration:
        """Return the best configuration under the constraint; where `root` (B, 4) is not NaN, with that object."""
        boxes, scores = self.detector.candidates(detections, CANDIDATES)
        boxes, scores = boxes.float(), scores.float()
        roots, root_scores = boxes[:, 0], scores[:, 0]
        if root is not None:
            known = present(root)[:, None]
            roots = torch.where(known[..., None], root.nan_to_num(0.0)[:, None], roots)
            root_scores = torch.where(known, 1.0, root_scores)
        parts, part_scores = boxes[:, 1:], scores[:, 1:]
        geometry = torch.ones_like(part_scores)[:, None]
        if self.constraint != "none":
            geometry = inside(roots, parts, SLACK * detections.size[0]).to(part_scores.dtype)
        if self.constraint == "neighbours" and len(self.memory):
            geometry = geometry * self.memory(self.appearance(merged, roots[:, 0], detections.size), roots, parts)
        return best_configuration(roots, root_scores, parts, part_scores, geometry.expand(-1, roots.shape[1], -1, -1))

    def appearance(self, merged: Tensor, root: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the features at 2 x 2 places of the object (B, 4) as one row, (B, D); they find similar photos."""
        step = merged.shape[3] / size[0]
        return crop_regions(merged.float(), (root * step)[:, None], POOLED).flatten(1)

    def annotated_loss(
        self, images: Tensor, labels: Tensor, annotations: Annotations, *, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return the detector's loss plus, in stages that train the classifier, its cross-entropy.

        For half of the photos the classifier gets jittered true boxes, for the others the detected ones.
        """
        truth = self.true_regions(annotations, int(images.shape[3]))
        whole, detections, merged = self.detect(images)
        detection = self.detection_weight * self.detector.loss(detections, truth)
        if not self.head.weight.requires_grad:
            return detection
        with torch.no_grad():
            found = self.locate(detections, merged)
            given = present(truth[:, 0]) & (torch.rand(len(truth), device=truth.device) < 0.5)
            known = _configuration(_jittered(truth, int(images.shape[3])))
            boxes = torch.where(given[:, None, None], known.boxes, found.boxes)
            there = torch.where(given[:, None], known.present, found.present)
        output = self.classify(self.crop_features(images, whole, Configuration(boxes, there)))
        return detection + self.loss(output, labels, label_smoothing=label_smoothing)

    def begin_stage(self, index: int, photos: Photos) -> None:
        """Before the classifier trains, fit it to the descriptors of true and of detected crops."""
        if index == 1 and self.probe_start:
            self._fit_head(photos)

    @torch.no_grad()
    def finish(self, photos: Photos) -> None:
        """Store where the parts of the training photos are and how the objects look."""
        features, boxes = [], []
        for images, _, marked in photos.annotated():
            images = images.to(self.center.device)
            truth = self._truth(images, marked)
            _, detections, merged = self.detect(images)
            known = present(truth[:, 0])
            features.append(self.appearance(merged, truth[:, 0].nan_to_num(0.0), detections.size)[known])
            boxes.append(truth[known])
        self.memory.remember(torch.cat(features), torch.cat(boxes))

    @torch.no_grad()
    def _fit_head(self, photos: Photos) -> None:
        rows, masks, labels = self._probe_rows(photos)
        weight = masks[..., None].float()
        self.center.copy_((rows * weight).sum(0) / weight.sum(0).clamp_min(1))
        rows = (rows - self.center) * weight
        norm = (rows.square().sum((0, 2)) / weight.sum((0, 2)).clamp_min(1)).sqrt()  # (2 + P,)
        self.scale.copy_(1 / (norm.clamp_min(1e-6) * len(norm) ** 0.5)[:, None])
        scaled = (rows * self.scale).flatten(1).cpu().numpy()
        head = fit_softmax(scaled, labels.cpu().numpy(), self.num_classes, HEAD_STRENGTH)
        self.head.weight.copy_(self.probe_start * torch.from_numpy(head.weight))
        self.head.bias.copy_(self.probe_start * torch.from_numpy(head.bias))

    def _probe_rows(self, photos: Photos) -> tuple[Tensor, Tensor, Tensor]:
        """Return descriptors (n, 2 + P, D), which of them are present (n, 2 + P), and labels (n,)."""
        rows, masks, labels = [], [], []
        device = self.center.device
        for images, classes, marked in photos.annotated():
            images = images.to(device)
            truth = self._truth(images, marked)
            whole, detections, merged = self.detect(images)
            for kind in (_configuration(truth), self.locate(detections, merged)):
                rows.append(self.descriptors(self.crop_features(images, whole, kind)))
                masks.append(torch.cat([torch.ones_like(kind.present[:, :1]), kind.present], 1))
                labels.append(classes.to(device))
        return torch.cat(rows), torch.cat(masks), torch.cat(labels)


def _configuration(truth: Tensor) -> Configuration:
    """Return the configuration of true boxes (B, 1 + P, 4), NaN where missing."""
    return Configuration(truth.nan_to_num(0.0), present(truth))


def _jittered(boxes: Tensor, size: int) -> Tensor:
    """Shift each edge of the boxes (..., 4) a little at random, on a photo of side `size`."""
    sides = (boxes[..., 2:] - boxes[..., :2]).repeat_interleave(2, -1)[..., [0, 2, 1, 3]]
    return clip_boxes(boxes + JITTER * sides * torch.randn_like(boxes), (size, size))

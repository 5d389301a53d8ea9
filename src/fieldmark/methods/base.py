"""The base class of all methods: a module from images to a named output, with a loss and stages of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.regions.part_boxes import mirror_boxes
from fieldmark.methods.settings_base import FitSettings
from fieldmark.structures import RecordList

__all__ = [
    "Annotations",
    "LocalFeatures",
    "LocalMap",
    "Method",
    "ModelOutput",
    "ParameterGroup",
    "Photos",
    "Stage",
]


@dataclass(frozen=True, slots=True)
class Annotations:
    """The marked objects and part points of a batch, in pixels of the method's input.

    Points that a crop cut off keep their coordinates outside of the crop. Pixel edges are at whole numbers: the
    centre of the first pixel is at 0.5.

    Attributes:
        boxes: The object, xyxy, (B, 4), NaN without one.
        points: (B, P, 2), x and y of the method's `point_names` in their order, NaN where not visible. None if the
            points are not given.
    """

    boxes: Tensor
    points: Tensor | None

    def __getitem__(self, rows: slice) -> Annotations:
        """Return the annotations of some images of the batch."""
        return Annotations(self.boxes[rows], None if self.points is None else self.points[rows])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Annotations:
        """Copy to a device; see `Tensor.to`."""
        points = None if self.points is None else self.points.to(device, non_blocking=non_blocking)
        return Annotations(self.boxes.to(device, non_blocking=non_blocking), points)

    def mirrored(self, width: int, order: Sequence[int]) -> Annotations:
        """Return the same annotations in the mirror image.

        Args:
            width: Width of the images.
            order: Index of the point that takes each place: a left wing becomes a right one.
        """
        boxes = mirror_boxes(self.boxes, width)
        if self.points is None:
            return Annotations(boxes, None)
        points = torch.stack([width - self.points[..., 0], self.points[..., 1]], -1)[..., list(order), :]
        return Annotations(boxes, points)


class Photos(Protocol):
    """The training photos once, in order and without augmentation."""

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images (B, 3, S, S) and labels (B,)."""

    def annotated(self) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
        """Yield the same with annotations, for a method with `point_names`."""


@dataclass(frozen=True, slots=True)
class LocalMap:
    """A feature map that a method pools, and the part of the image that it shows.

    Attributes:
        features: (B * R, C, H, W) of R regions of each of B images; the regions of one image are consecutive.
        boxes: (B, R, 4), xyxy in pixels of the method's input. None if each map shows the whole image; R is then 1.
    """

    features: Tensor
    boxes: Tensor | None = None


@dataclass(slots=True)
class LocalFeatures:
    """The result of `Method.local_features`, from which `Method.classify` computes its output.

    A method that needs further tensors subclasses it. Evidence maps attribute the logits to the places of `maps` and
    treat everything else, such as attention, as constant.

    Attributes:
        maps: Every feature map that is pooled.
        attention_maps: See `ModelOutput`.
        feature_map: See `ModelOutput`.
        regions: See `ModelOutput`.
        activation: See `ModelOutput`.
    """

    maps: list[LocalMap]
    attention_maps: Tensor | None = None
    feature_map: Tensor | None = None
    regions: Tensor | None = None
    activation: Tensor | None = None


@dataclass(slots=True)
class ModelOutput:
    """The output of a method for a batch. Fields that a method does not compute are None.

    Attributes:
        logits: (B, K).
        embedding: (B, D), which the gallery compares.
        attention_maps: (B, M, H, W).
        feature_map: (B, C, H, W).
        regions: (B, R, 4), the crops that the method classified, the most informative first; x1, y1, x2, y2 in pixels
            of its input.
        activation: (B, H * W), the larger, the more likely it is that a place shows the object; for zoomed views.
    """

    logits: Tensor
    embedding: Tensor
    attention_maps: Tensor | None = None
    feature_map: Tensor | None = None
    regions: Tensor | None = None
    activation: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of training.

    Attributes:
        name: Name that the progress bar shows.
        share: Fraction of the epochs that the stage takes; the shares of a method add up to 1.
        freeze: Freeze the backbone up to this stage of it; ``all`` trains only the head; None trains everything.
        lr_scale: Factor on the learning rates.
        head_lr_scale: Further factor on the learning rate of the head.
        trains: Names of the method's own parts (its attributes besides the backbones) that train; None trains all.
        fits_head: Whether it only fits the linear head. Such a stage is skipped if the head starts fitted.
    """

    name: str
    share: float = 1.0
    freeze: str | None = None
    lr_scale: float = 1.0
    head_lr_scale: float = 1.0
    trains: Sequence[str] | None = None
    fits_head: bool = False


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Parameters that share a learning rate, relative to the base rate."""

    name: str
    parameters: list[nn.Parameter] = field(repr=False)
    lr_scale: float = 1.0


class Method(nn.Module):
    """Base of all methods. A subclass writes `Settings`, `local_features` and `classify`.

    It overrides `loss` and `stages` where they differ.

    Args:
        backbone: Computes feature maps of images.
        num_classes: K.

    Attributes:
        Settings: Its settings, with all defaults. The fields that it adds are arguments of the constructor.
        trainer: Function that trains it, as ``module:name``; see `fieldmark.training.train`.
        needs_models: Whether it combines models that are trained already.
        backbone_options: Names of constructor arguments that are further backbones.
        makes_views: Whether it cuts, erases or shuffles the pixels of its images, which maps cannot replace.
        starts_as_probe: Whether training starts from a regression on cached frozen features; for `PooledMethod`.
        point_names: Annotated parts that the method learns from besides labels; None for a method without
            annotations. Any other gets them through `annotated_loss`.
    """

    Settings: ClassVar[type[FitSettings]]
    trainer: ClassVar[str] = "fieldmark.training.gradient.train_by_gradient:train_by_gradient"
    needs_models: ClassVar[bool] = False
    backbone_options: ClassVar[tuple[str, ...]] = ()
    makes_views: ClassVar[bool] = False
    starts_as_probe: ClassVar[bool] = False
    point_names: tuple[str, ...] | None = None

    def __init__(self, backbone: Backbone, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.num_classes = num_classes

    @classmethod
    def options_for(cls, options: dict[str, Any], train: RecordList) -> dict[str, Any]:
        """Return the constructor's options, adapted to the records of the training photos."""
        return options

    def forward(self, images: Tensor) -> ModelOutput:
        """Classify normalised images (B, 3, S, S)."""
        return self.classify(self.local_features(images))

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the feature maps that `classify` pools, from normalised images (B, 3, S, S)."""
        raise NotImplementedError

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Pool the local features and compute logits (B, K) and embedding (B, D).

        Use `unit_length` and `power_normalize` of `fieldmark.layers` to normalise descriptors: evidence maps then add
        up to the logits.
        """
        raise NotImplementedError

    @property
    def evidence_note(self) -> str:
        """How the evidence of each place is computed and what is held constant, as one phrase."""
        return "gradient times feature at the maps that the method pools, to first order"

    @property
    def evidence_exports(self) -> bool:
        """Whether `class_evidence` exists, so that an exported ONNX file can hold it."""
        return False

    def class_evidence(self, features: LocalFeatures, classes: Tensor) -> Tensor:
        """Return each place's contribution to the logit of one class (B,) of each image, (B, H, W), no gradients."""
        raise NotImplementedError

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the scalar loss of a batch, from class indices (B,) or class probabilities (B, K) after mixing."""
        return F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)

    def annotated_loss(
        self, images: Tensor, labels: Tensor, annotations: Annotations, *, label_smoothing: float = 0.0
    ) -> Tensor:
        """Return the scalar loss of a batch with annotations; training uses it for a method with `point_names`."""
        return self.loss(self(images), labels, label_smoothing=label_smoothing)

    def forward_given(self, images: Tensor, annotations: Annotations) -> ModelOutput:
        """Classify images whose object, or object and parts, are given: an upper bound for better detection.

        A method without `point_names` ignores the annotations. Without `annotations.points` a method detects the parts
        of the given object.
        """
        output: ModelOutput = self(images)
        return output

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the regions that `true_regions` returns; empty for a method without `point_names`."""
        return ()

    def true_regions(self, annotations: Annotations, size: int) -> Tensor:
        """Return the boxes (B, R, 4) of the annotated regions, on images of side `size`; NaN where missing."""
        raise NotImplementedError

    def stages(self) -> list[Stage]:
        """Return the stages of training, in order."""
        return [Stage("all layers")]

    def begin_stage(self, index: int, photos: Photos) -> None:
        """Initialise from the training photos. The loop calls it before the first step of each stage.

        Args:
            index: Index of the stage in `stages()`.
            photos: The training photos. They are read only when this is called.
        """

    def finish(self, photos: Photos) -> None:
        """Compute what answers need from the training photos. The loop calls it once, with the final weights."""

    @property
    def linear_head(self) -> nn.Linear | None:
        """The linear layer that computes the logits; None for a method without a single one."""
        head = getattr(self, "head", None)
        return head if isinstance(head, nn.Linear) else None

    def head_rows(self, output: ModelOutput) -> Tensor:
        """Return the input of `linear_head`, (B, D)."""
        return output.embedding

    def freeze_parts(self, trains: Sequence[str] | None) -> None:
        """Train only the named parts besides the backbones; all of them for None.

        Raises:
            AttributeError: The method has no such part.
        """
        chosen = None if trains is None else {id(each) for name in trains for each in getattr(self, name).parameters()}
        for parameter in self.head_parameters():
            parameter.requires_grad_(chosen is None or id(parameter) in chosen)

    @property
    def backbones(self) -> list[Backbone]:
        """All backbones of the method, each with its own stages; `backbone` is the first."""
        return [module for module in self.modules() if isinstance(module, Backbone)]

    def head_parameters(self) -> Iterable[nn.Parameter]:
        """Return all parameters that do not belong to a backbone."""
        inside = {id(parameter) for backbone in self.backbones for parameter in backbone.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in inside]

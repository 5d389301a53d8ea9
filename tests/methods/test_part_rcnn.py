"""Part R-CNN as a whole: what is missing, what is given, what is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from fieldmark.layers.regions.part_boxes import present
from fieldmark.layers.regions.part_geometry import Configuration
from fieldmark.methods.base import Annotations, ModelOutput
from fieldmark.methods.build import build_method
from fieldmark.methods.part_rcnn import PartRCNN

SIDE = 64


def built(**options: Any) -> PartRCNN:
    method = build_method("part_rcnn", 5, {"backbone": "test_efficientnet", **options})
    assert isinstance(method, PartRCNN)
    return method.eval()


@pytest.fixture
def method() -> PartRCNN:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return built(part_size=32)


def truth(count: int) -> Tensor:
    return torch.tensor([[4.0, 4.0, 60.0, 60.0], [8.0, 8.0, 28.0, 28.0], [20.0, 20.0, 56.0, 56.0]]).repeat(count, 1, 1)


def answer(method: PartRCNN, images: Tensor, boxes: Tensor) -> ModelOutput:
    """With the object and parts at boxes (B, 1 + P, 4), NaN where missing."""
    found = Configuration(boxes.nan_to_num(0.0), present(boxes))
    return method.classify(method.crop_features(images, method.backbone(images), found))


class MarkedPhotos:
    """Six photos with boxes and all points."""

    def __init__(self, method: PartRCNN) -> None:
        generator = torch.Generator().manual_seed(1)
        self.images = torch.randn(6, 3, SIDE, SIDE, generator=generator)
        self.labels = torch.tensor([0, 1, 2, 0, 1, 2])
        self.marked = Annotations(
            torch.tensor([4.0, 4.0, 60.0, 60.0]).repeat(6, 1),
            8 + 48 * torch.rand(6, len(method.point_names), 2, generator=generator),
        )

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield self.images, self.labels

    def annotated(self) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
        for part in (slice(0, 4), slice(4, 6)):
            yield self.images[part], self.labels[part], self.marked[part]


def test_the_classifier_sees_a_missing_part_as_absent_whatever_the_pixels(method: PartRCNN) -> None:
    boxes = truth(1)
    boxes[0, 1] = torch.nan
    images = torch.randn(1, 3, SIDE, SIDE)
    with torch.no_grad():
        method.absent.fill_(0.5)
        embedding = answer(method, images, boxes).embedding.unflatten(1, (4, -1))
        full = answer(method, images, truth(1)).embedding.unflatten(1, (4, -1))
    assert torch.equal(embedding[0, 2], method.absent[1])
    torch.testing.assert_close(embedding[0, [0, 1, 3]], full[0, [0, 1, 3]])


def test_the_classifier_uses_given_parts(method: PartRCNN) -> None:
    photos = MarkedPhotos(method)
    expected = method.true_regions(photos.marked, SIDE)
    with torch.no_grad():
        output = method.forward_given(photos.images, photos.marked)
        around = method.forward_given(photos.images, Annotations(photos.marked.boxes, None))
        same = answer(method, photos.images, expected)
    assert output.regions is not None
    assert around.regions is not None
    assert torch.equal(output.regions, expected)
    torch.testing.assert_close(output.logits, same.logits)
    assert torch.equal(around.regions[:, 0], expected[:, 0])
    assert not torch.equal(around.regions[:, 1:], expected[:, 1:])


def test_annotations_of_the_mirror_image() -> None:
    nan = torch.nan
    marked = Annotations(torch.tensor([[4.0, 5.0, 20.0, 30.0]]), torch.tensor([[[6.0, 7.0], [10.0, 8.0], [nan, nan]]]))
    mirrored = marked.mirrored(64, [0, 2, 1])
    assert mirrored.points is not None
    torch.testing.assert_close(mirrored.boxes, torch.tensor([[44.0, 5.0, 60.0, 30.0]]))
    expected = torch.tensor([[[58.0, 7.0], [nan, nan], [54.0, 8.0]]])
    torch.testing.assert_close(mirrored.points, expected, equal_nan=True)
    back = mirrored.mirrored(64, [0, 2, 1])
    torch.testing.assert_close(back.points, marked.points, equal_nan=True)


def test_found_parts_lie_in_the_object_under_the_box_constraint(method: PartRCNN) -> None:
    method.constraint = "box"
    torch.nn.init.normal_(method.detector.scores.weight, std=1.0)
    torch.nn.init.normal_(method.detector.shifts.weight, std=0.3)
    with torch.no_grad():
        found = method.find(torch.randn(8, 3, SIDE, SIDE))
    root, slack = found.boxes[:, :1], 0.02 * SIDE + 1e-4
    there = found.present[:, 1:]
    assert there.any()
    parts = found.boxes[:, 1:]
    assert (parts[..., :2] >= root[..., :2] - slack)[there].all()
    assert (parts[..., 2:] <= root[..., 2:] + slack)[there].all()


def test_the_loss_with_annotations(method: PartRCNN) -> None:
    photos = MarkedPhotos(method)
    method.train()
    loss = method.annotated_loss(photos.images, photos.labels, photos.marked)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert method.detector.scores.weight.grad is not None
    assert method.head.weight.grad is not None
    method.freeze_parts(("detector",))
    alone = method.annotated_loss(photos.images, photos.labels, photos.marked)
    assert alone < loss  # the classifier, which does not learn now, is not asked


def test_only_the_classifier_learns_from_photos_without_annotations(method: PartRCNN) -> None:
    photos = MarkedPhotos(method)
    assert photos.marked.points is not None
    boxes, points = (torch.full_like(part, torch.nan) for part in (photos.marked.boxes, photos.marked.points))
    nothing = Annotations(boxes, points)
    method.detection_weight = 1e6
    loss = method.annotated_loss(photos.images, photos.labels, nothing)
    assert loss < 10


def test_the_classifier_starts_from_a_regression_and_the_memory_is_filled(method: PartRCNN) -> None:
    photos = MarkedPhotos(method)
    method.begin_stage(0, photos)
    before = method.head.weight.clone()
    method.begin_stage(1, photos)
    assert not torch.equal(before, method.head.weight)
    with torch.no_grad():
        logits = method.forward_given(photos.images, photos.marked).logits
    assert torch.equal(logits.argmax(1), photos.labels)
    method.finish(photos)
    method.constraint = "neighbours"
    assert len(method.memory) == 6
    assert method.memory.shown.all()
    loaded = built(part_size=32, constraint="neighbours")
    loaded.load_state_dict(method.state_dict())
    with torch.no_grad():
        assert torch.equal(loaded.eval()(photos.images).logits, method(photos.images).logits)

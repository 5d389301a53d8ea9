"""Boxes and points stay on what they mark, whatever crop and flip do to the photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark.data.photos.annotations import in_square, mirror_order
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import DataError, SettingError
from fieldmark.methods.build import method_options
from fieldmark.methods.part_rcnn import PartRCNN
from fieldmark.recipe import build_settings
from fieldmark.structures import Part, Record, RecordList
from fieldmark.training.gradient.annotated_photos import Marks, annotated_batches, check_annotated
from fieldmark.training.gradient.augment import crop_each, draw_crops
from fieldmark.training.gradient.hardware import start_fabric
from fieldmark.training.gradient.photo_batches import TrainingPhotos
from fieldmark.training.gradient.photo_store import train_store

NAMES = ("left eye", "right eye", "beak")
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A dot of 5 x 5 pixels for the left eye, the right one and the beak; the box is a grey rectangle."""
    photo = np.zeros((120, 160, 3), dtype=np.uint8)
    photo[20:110, 30:140] = 100
    places = ((50, 40), (60, 90), (120, 70))
    for (x, y), colour in zip(places, COLOURS, strict=True):
        photo[y - 2 : y + 3, x - 2 : x + 3] = colour
    Image.fromarray(photo).save(tmp_path / "dots.png")
    parts = [Part(name, float(x), float(y), True) for name, (x, y) in zip(NAMES, places, strict=True)]
    return Record(tmp_path / "dots.png", 0, box=(30, 20, 140, 110), parts=(*parts, Part("tail", 0, 0, False)))


def dot(photo: torch.Tensor, colour: tuple[int, int, int]) -> torch.Tensor | None:
    """Centre of a dot in a photo (3, H, W), x before y; None where it is not wholly shown."""
    strong = photo.float()[colour.index(255)] - photo.float().sum(0) / 2
    if strong.max() < 60:
        return None
    y, x = torch.nonzero(strong > 0.6 * strong.max(), as_tuple=True)
    on_rim = min(x.min(), y.min()) == 0 or x.max() == photo.shape[2] - 1 or y.max() == photo.shape[1] - 1
    return None if on_rim else torch.stack([x, y]).float().mean(1) + 0.5


def cropped(
    record: Record, preprocess: Preprocess, smallest: float, seeds: range
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """A crop of the photo for each seed, with its box (4,) and its points (P, 2)."""
    photo = train_store([record], preprocess)[0]
    sizes = np.array([photo.shape[:2]] * len(seeds))
    crops = draw_crops(seeds, sizes, smallest)
    images = crop_each([photo] * len(seeds), crops, preprocess)
    marked = Marks([record], NAMES, preprocess).crop([0] * len(seeds), sizes, crops)
    return zip(images, marked.boxes, marked.points, strict=True)


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_the_marks_stay_on_the_dots(record: Record, resize: str) -> None:
    preprocess = Preprocess(image_size=96, resize=resize)  # type: ignore[arg-type]
    seen, flipped = 0, set()
    for seed, (photo, _, points) in enumerate(cropped(record, preprocess, 0.4, range(30))):
        eyes = [dot(photo, colour) for colour in COLOURS]
        if eyes[0] is None or eyes[1] is None or eyes[2] is None:
            continue
        mirrored = bool(eyes[2][0] < eyes[0][0])  # the beak was right of the eyes
        flipped.add(mirrored)
        order = [1, 0, 2] if mirrored else [0, 1, 2]
        for place, colour in enumerate(order):
            found = eyes[colour]
            assert found is not None
            assert torch.allclose(points[place], found, atol=1.3), (seed, place)
        seen += 1
    assert seen >= 5
    assert flipped == {False, True}


def test_the_box_stays_on_the_rectangle(record: Record) -> None:
    preprocess = Preprocess(image_size=96)
    for photo, box, _ in cropped(record, preprocess, 0.7, range(10)):
        y, x = torch.nonzero(photo.sum(0) > 120, as_tuple=True)
        x1, y1, x2, y2 = box.clamp(0, 96).tolist()
        assert abs(x.min() - x1) < 2
        assert abs(y.min() - y1) < 2
        assert abs(x.max() + 1 - x2) < 2
        assert abs(y.max() + 1 - y2) < 2


def test_marks_come_in_the_batches_of_a_method_that_wants_them(record: Record) -> None:
    fabric = start_fabric(torch.device("cpu"), half=False)
    train = RecordList([record, record], ["bird"])
    preprocess = Preprocess(image_size=32)
    photos = TrainingPhotos(train, preprocess, PartRCNN.Settings(batch_size=2), fabric, NAMES)
    [first], [again], [other] = (photos.batches(0, epoch) for epoch in (0, 0, 1))
    assert first.annotations is not None
    assert again.annotations is not None
    assert other.annotations is not None
    assert first.annotations.points.shape == (2, 3, 2)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.annotations.points, again.annotations.points)
    assert not torch.equal(first.annotations.points, other.annotations.points)


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_marks_in_the_square_that_the_network_reads(record: Record, resize: str) -> None:
    preprocess = Preprocess(image_size=80, resize=resize)  # type: ignore[arg-type]
    box, points = in_square(record, (*NAMES, "tail", "unknown"), preprocess)
    photo = torch.from_numpy(np.array(preprocess(Image.open(record.path).convert("RGB")))).permute(2, 0, 1)
    for place, colour in enumerate(COLOURS):
        found = dot(photo, colour)
        assert found is not None
        assert np.allclose(points[place], found, atol=1)
    assert np.isnan(points[3:]).all()
    assert np.isfinite(box).all()


def test_batches_without_augmentation(record: Record) -> None:
    bare = Record(record.path, 1)
    [(images, labels, marked)] = annotated_batches([record, bare], NAMES, Preprocess(image_size=32), 4)
    assert images.shape == (2, 3, 32, 32)
    assert labels.tolist() == [0, 1]
    assert marked.boxes.isnan().all(1).tolist() == [False, True]
    assert marked.points.isnan().all((1, 2)).tolist() == [False, True]


def test_left_and_right_change_places() -> None:
    assert mirror_order(["left wing", "tail", "right wing", "left leg"]) == [2, 1, 0, 3]


def choose_parts(settings: PartRCNN.Settings, train: RecordList) -> Any:
    """The parts that the method learns from these records, as the trainer asks for them."""
    return PartRCNN.options_for(method_options(settings), train)["parts"]


def test_parts_come_from_the_data_or_the_settings(record: Record) -> None:
    train = RecordList([record], ["bird"])
    assert choose_parts(PartRCNN.Settings(), train) == {name: [name] for name in (*NAMES, "tail")}
    chosen = build_settings("part_rcnn", overrides=["parts={head=['beak','left eye'], back=['tail']}"])
    assert isinstance(chosen, PartRCNN.Settings)
    assert choose_parts(chosen, train) == {"head": ["beak", "left eye"], "back": ["tail"]}
    with pytest.raises(SettingError) as unknown:
        choose_parts(PartRCNN.Settings(parts={"head": ("beek",)}), train)
    assert str(unknown.value) == ("unknown point 'beek': did you mean 'beak'? (known: beak, left eye, right eye, tail)")


def test_what_is_refused(record: Record) -> None:
    train = RecordList([record], ["bird"])
    with pytest.raises(DataError) as bare:
        choose_parts(PartRCNN.Settings(), train.like([Record(record.path, 0)]))
    assert str(bare.value) == (
        "'part_rcnn' learns from object boxes and part points, but of 1 training photos 0 have a box and 0 have parts; "
        "use data that has both, such as CUB-200-2011, or another method"
    )
    with pytest.raises(SettingError) as mixed:
        check_annotated(PartRCNN.Settings(mixup=0.2))
    assert str(mixed.value) == (
        "'part_rcnn' learns from boxes and parts, which mixup does not move along with the photo: "
        "leave mixup at 0, but it is 0.2"
    )
    with pytest.raises(SettingError, match=r"^setting 'parts' of part_rcnn: .*expected a table such as \{head="):
        build_settings("part_rcnn", overrides=["parts=head"])

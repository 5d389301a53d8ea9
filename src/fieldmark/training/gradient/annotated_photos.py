"""Training photos with boxes and part points, moved along with every crop and flip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.v2 import functional as F

from fieldmark.data.photos.annotations import in_square, mirror_order, place_annotations, upright_size
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Annotations
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.structures import Record
from fieldmark.training.gradient.augment import INTERPOLATIONS, normalize
from fieldmark.training.gradient.decoded_photos import PhotoStore, ValPhotos, larger_preprocess, val_store
from fieldmark.training.gradient.samplers import Draw

__all__ = ["AnnotatedCrop", "AnnotatedPhotos", "annotated_batches", "check_annotated"]

_RATIO = (3 / 4, 4 / 3)


def check_annotated(settings: GradientSettings) -> None:
    """Refuse augmentations that move pixels and leave annotations behind.

    Raises:
        SettingError: MixUp, CutMix or RandAugment is on.
    """
    for name in ("mixup", "cutmix", "randaugment"):
        if getattr(settings, name):
            raise SettingError(
                f"'{settings.method}' learns from boxes and parts, which {name} does not move along with the photo: "
                f"leave {name} at 0, but it is {getattr(settings, name)}"
            )


class AnnotatedCrop:
    """A crop of random size and place and a flip, of a photo and of what is marked on it.

    Args:
        preprocess: Size and interpolation.
        settings: `crop_scale` is read.
        names: Of the points; the mirror image of a left wing is a right one.
    """

    def __init__(self, preprocess: Preprocess, settings: GradientSettings, names: Sequence[str]) -> None:
        self.size = preprocess.image_size
        self.interpolation = INTERPOLATIONS[preprocess.interpolation]
        self.scale = (settings.crop_scale, 1.0)
        self.mirrored = mirror_order(names)

    def __call__(self, photo: Tensor, marked: Annotations) -> tuple[Tensor, Annotations]:
        """(3, H, W) uint8, box (4,) and points (P, 2) to (3, S, S) and the same; drawn from torch's global state."""
        window = transforms.RandomResizedCrop.get_params(photo, list(self.scale), list(_RATIO))
        top, left, height, width = window
        square = F.resized_crop(photo, *window, [self.size] * 2, self.interpolation, antialias=True)
        origin, factor = torch.tensor([left, top]), self.size / torch.tensor([width, height])
        box = ((marked.boxes.reshape(2, 2) - origin) * factor).reshape(4)
        points = (marked.points - origin) * factor
        if torch.rand(1) < 0.5:
            square = F.horizontal_flip(square)
            box = torch.stack([self.size - box[2], box[1], self.size - box[0], box[3]])
            points = torch.stack([self.size - points[:, 0], points[:, 1]], 1)[self.mirrored]
        return square, Annotations(box, points)


class AnnotatedPhotos(Dataset[tuple[Tensor, int, Annotations]]):
    """(photo (3, S, S) uint8, label, annotations) of a draw; the draw's seed alone decides the augmentation.

    Args:
        store: Of `train_store`.
        preprocess: That of the store.
        settings: See `AnnotatedCrop`.
        names: Of the points.
    """

    def __init__(
        self, store: PhotoStore, preprocess: Preprocess, settings: GradientSettings, names: Sequence[str]
    ) -> None:
        check_annotated(settings)
        self.store = store
        self.crop = AnnotatedCrop(preprocess, settings, names)
        self.names = tuple(names)
        self.preprocess = larger_preprocess(preprocess)
        self._sizes = [upright_size(record) for record in store.records]

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int, Annotations]:
        index, seed = draw
        photo = torch.from_numpy(self.store[index]).permute(2, 0, 1)
        marked = self._marked(index, (photo.shape[2], photo.shape[1]))
        with torch.random.fork_rng(devices=()):
            torch.default_generator.manual_seed(seed)
            square, moved = self.crop(photo, marked)
        return square, self.store.records[index].label, moved

    def _marked(self, index: int, size: tuple[int, int]) -> Annotations:
        """What is marked on the stored photo of that width and height."""
        width, height = self._sizes[index]
        whole = (0.0, 0.0, float(width), float(height))
        region = whole if self.preprocess.resize == "crop" else self.preprocess.box_on_photo(width, height)
        box, points = place_annotations(self.store.records[index], self.names, region, size)
        return Annotations(torch.from_numpy(box), torch.from_numpy(points))


def annotated_batches(
    records: Sequence[Record], names: Sequence[str], preprocess: Preprocess, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Annotations]]:
    """Photos once, in order, as the recognizer would read them: normalised images, labels and annotations.

    Raises:
        PhotoError: A photo cannot be read.
    """
    plain = ValPhotos(val_store(records, preprocess, keep_bytes=-1))
    start = 0
    for images, labels in DataLoader(plain, batch_size):
        marked = [in_square(record, names, preprocess) for record in records[start : start + len(images)]]
        start += len(images)
        boxes = torch.stack([torch.from_numpy(box) for box, _ in marked])
        points = torch.stack([torch.from_numpy(each) for _, each in marked])
        yield normalize(images, preprocess), labels, Annotations(boxes, points)

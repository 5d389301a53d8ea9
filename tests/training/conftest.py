"""Small drawings, and a network small enough to learn them in seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from PIL import Image, ImageDraw

from fieldmark.methods.pooled import PooledMethod
from fieldmark.structures import Record, RecordList

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta", "white")


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> RecordList:
    """Eight discs on black, in seven colours: seven classes."""
    folder = tmp_path_factory.mktemp("drawings")
    records = []
    for index in range(8):
        photo = Image.new("RGB", (90, 72), "black")
        edge = 8 + 2 * index
        ImageDraw.Draw(photo).ellipse((edge, edge, 70, 64), fill=COLOURS[index % 7])
        path = folder / f"{index}.png"
        photo.save(path)
        records.append(Record(path, index % 7))
    return RecordList(records, COLOURS)


@pytest.fixture
def tiny_method() -> Callable[..., PooledMethod]:
    """A small network with random weights, the same on each call."""
    from fieldmark.backbones.factory import create_backbone

    def build(**options: float) -> PooledMethod:
        torch.manual_seed(0)
        return PooledMethod(create_backbone("test_efficientnet", pretrained=False), 7, **options)

    return build


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Small networks lose time on more threads."""
    torch.set_num_threads(1)

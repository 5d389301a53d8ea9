"""Download published data sets that their publishers still offer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fieldmark.atomic import require_place
from fieldmark.data.readers import READERS
from fieldmark.errors import DataError, unknown_name

__all__ = ["BY_HAND", "FETCHABLE", "fetch"]


def _aircraft(root: Path) -> None:
    from torchvision.datasets import FGVCAircraft

    FGVCAircraft(str(root), download=True)


def _flowers(root: Path) -> None:
    from torchvision.datasets import Flowers102

    Flowers102(str(root), download=True)


def _pets(root: Path) -> None:
    from torchvision.datasets import OxfordIIITPet

    OxfordIIITPet(str(root), download=True)


FETCHABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "fgvc_aircraft": (_aircraft, "fgvc-aircraft-2013b"),
    "oxford_flowers102": (_flowers, "flowers-102"),
    "oxford_pets": (_pets, "oxford-iiit-pet"),
}
"""Name -> download function (torchvision checks the files) and the folder that it makes."""

BY_HAND: dict[str, str] = {
    "cub200_2011": "its page at Caltech (CUB_200_2011.tgz); unpack it and name the folder that holds images.txt",
    "stanford_cars": "a mirror (the original page is gone); name the folder that holds cars_train and devkit",
    "kaggle_cars": "Kaggle (Stanford Cars by class folders); name the folder that holds names.csv and anno_train.csv",
    "oxford_flowers17": "the Visual Geometry Group at Oxford (17flowers.tgz); name the folder that holds jpg",
    "stanford_dogs": "its page at Stanford (images.tar, lists.tar, annotation.tar), all unpacked into one folder",
    "nabirds": "the Cornell Lab of Ornithology, after agreeing to its terms; name the folder that holds images.txt",
    "inaturalist": "the competition's page; name the folder that holds the JSON files and the photos",
}
"""Data sets that need a click, a form or a mirror -> where to get them."""


def fetch(name: str, root: Path) -> Path:
    """Download a data set into `root`, and return the folder to give to ``fit``.

    Raises:
        SettingError: No data set has that name.
        DataError: It must be downloaded by hand, or the download failed.
    """
    known = {*FETCHABLE, *BY_HAND}
    if name not in known:
        raise unknown_name("data set", name, known)
    if name in BY_HAND:
        raise DataError(f"{name} must be downloaded by hand from {BY_HAND[name]}")
    download, folder = FETCHABLE[name]
    require_place(root)
    root.mkdir(parents=True, exist_ok=True)
    try:
        download(root)
    except Exception as error:  # torchvision passes on all errors of the network
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{name} could not be downloaded into {root} ({reason}); check the connection, then try again"
        ) from error
    READERS.load(name).read(root / folder)
    return root / folder

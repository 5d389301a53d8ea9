"""When a photo was taken and by which camera, from its EXIF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

from fieldmark.data.photos.open_photo import identify_photo
from fieldmark.data.photos.photo_files import open_file
from fieldmark.errors import PhotoError

__all__ = ["Capture", "read_capture"]

_MAKE, _MODEL, _EXIF = 0x010F, 0x0110, 0x8769
_TAKEN, _FRACTION, _SERIAL = 0x9003, 0x9291, 0xA431
_FORMAT = "%Y:%m:%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Capture:
    """The moment of a photo.

    Attributes:
        time: By the camera's clock, without a time zone.
        camera: Make and model; empty where the EXIF has none.
        serial: Serial number of the camera; empty where the EXIF has none.
    """

    time: datetime
    camera: str
    serial: str


def read_capture(path: Path) -> Capture | None:
    """Return when and by what a photo was taken; None if it cannot be read or its EXIF does not say when.

    Only the header is read. The time of the file itself does not count, because copying changes it.
    """
    try:
        with open_file(path) as stream:
            return _of_exif(identify_photo(stream, str(path)).getexif())
    except PhotoError:
        return None
    except Exception:  # damaged EXIF says nothing
        return None


def _of_exif(exif: Image.Exif) -> Capture | None:
    details = exif.get_ifd(_EXIF)
    time = datetime.strptime(_text(details.get(_TAKEN)), _FORMAT)
    fraction = _text(details.get(_FRACTION))
    if fraction.isascii() and fraction.isdigit():
        time += timedelta(seconds=float(f"0.{fraction}"))
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()
    return Capture(time, camera, _text(details.get(_SERIAL)))


def _text(value: object) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return " ".join("".join(sign for sign in text if sign.isprintable()).split())

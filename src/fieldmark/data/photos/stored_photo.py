"""Photos on any file system that fsspec knows, such as ``s3://bucket/a.jpg``."""

from __future__ import annotations

import io
from dataclasses import dataclass

from fieldmark.data.photos.web_photo import is_url
from fieldmark.errors import PhotoError

__all__ = ["StoredPhoto", "is_stored"]


def is_stored(text: str) -> bool:
    """Return whether a text is the address of something on a file system of fsspec. Web addresses are not.

    >>> is_stored("s3://bucket/a.jpg"), is_stored("https://example.org/a.jpg"), is_stored("a.jpg")
    (True, False, False)
    """
    return "://" in text and not is_url(text)


@dataclass(frozen=True, slots=True)
class StoredPhoto:
    """A photo that is read each time it is opened.

    Attributes:
        address: Such as ``s3://bucket/a.jpg``, ``gs://…`` or ``file:///…``.
    """

    address: str

    def open(self) -> io.BytesIO:
        """Read the photo, and return it as a binary file with the address as its name.

        Raises:
            PhotoError: It cannot be read.
        """
        import fsspec

        try:
            with fsspec.open(self.address, "rb") as file:
                content = _NamedBytes(file.read())
        except Exception as error:  # each file system has its own errors
            reason = "it does not exist" if isinstance(error, FileNotFoundError) else f"{error}"
            raise PhotoError(f"{self.address} cannot be read ({reason}): check the address and your access") from error
        content.name = self.address
        return content


class _NamedBytes(io.BytesIO):
    name = ""

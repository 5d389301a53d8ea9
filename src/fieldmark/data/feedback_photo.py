"""Names of the photos of a feedback list: they lie in the model folder, and the hash of their content names them."""

from __future__ import annotations

import re

__all__ = ["FEEDBACK_PHOTO", "FEEDBACK_PHOTO_PATTERN", "feedback_id", "is_feedback_photo"]

FEEDBACK_PHOTO = "feedback.jpg"
"""Name to which the model folder adds a hash, as in ``feedback-0123456789abcdef.jpg``."""

FEEDBACK_PHOTO_PATTERN = r"feedback-[0-9a-f]{16}\.jpg"


def is_feedback_photo(name: str) -> bool:
    """Return whether a file name is that of a photo of a feedback list."""
    return re.fullmatch(FEEDBACK_PHOTO_PATTERN, name) is not None


def feedback_id(name: str) -> str:
    """Return the id of a correction: the hash in the name of its photo.

    >>> feedback_id("feedback-0123456789abcdef.jpg")
    '0123456789abcdef'
    """
    return name.removeprefix("feedback-").removesuffix(".jpg")

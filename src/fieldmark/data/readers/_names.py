"""Names as people see them: two names that look equal are equal."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["fold_name"]

_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


def fold_name(name: str) -> str:
    """The name in composed Unicode (NFC), with plain spaces, without invisible characters and blanks around it.

    >>> fold_name(" Cafe\u0301\u00a0\u200bau lait ")
    'Café au lait'
    """
    return _SPACE.sub(" ", _INVISIBLE.sub("", unicodedata.normalize("NFC", name))).strip() or name

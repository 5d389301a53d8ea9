"""Write text of other people into Markdown so that it stays text."""

from __future__ import annotations

import re

__all__ = ["as_code", "as_text"]

_SYNTAX = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def as_text(value: object) -> str:
    """Return a value as plain text on one line: no markup, no HTML, no link, no new cell of a table.

    >>> as_text("<b>*Rosa* | [x](http://y)")
    '&lt;b&gt;\\\\*Rosa\\\\* \\\\| \\\\[x\\\\](http:&#47;&#47;y)'
    """
    line = " ".join(str(value).split()).translate(_ENTITIES)
    return _SYNTAX.sub(r"\\\1", line).replace("://", ":&#47;&#47;")


def as_code(value: object) -> str:
    """Return a value as code on one line; a backtick in it becomes an apostrophe."""
    line = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{line}`"

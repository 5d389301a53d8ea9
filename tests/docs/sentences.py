"""Find the sentences of a page, and measure their length."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["chinese_length", "sentences", "words"]


def sentences(page: Path) -> list[str]:
    """Return the sentences of running text and of lists: no code blocks, tables, headings or pictures.

    An inline piece of code or a formula is one word, a link is its text.
    """
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ *```.*?^ *```$|\$\$.*?\$\$|<!--.*?-->", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"`[^`]+`|\$[^$\n]+\$", "code", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^(?:#|\||    ).*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^ *(?:[-*]|\d+\.) ", "\n\n", text, flags=re.MULTILINE).replace("**", "").replace("*", "")
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        whole = " ".join(paragraph.split())
        found += [
            part.strip()
            for part in re.split(r"(?<=[.!?:])[)\"]? (?=[A-Z\"(]|code)|(?<=[。！？：])", whole)
            if part.strip()
        ]
    return found


def words(sentence: str) -> int:
    return len(re.findall(r"[\w'’%.-]*\w[\w'’%.-]*", sentence))


def chinese_length(sentence: str) -> int:
    """Return the number of characters; a Latin word or number counts as two."""
    return len(re.findall(r"[\u4e00-\u9fff]", sentence)) + 2 * len(re.findall(r"[A-Za-z0-9.%-]+", sentence))

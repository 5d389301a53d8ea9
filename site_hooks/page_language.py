"""Declare the language of the Chinese pages, for fonts, hyphenation and screen readers."""

from __future__ import annotations

from typing import Any


def on_post_page(output: str, page: Any, **_: Any) -> str:
    if not page.file.src_uri.startswith("zh/"):
        return output
    assert '<html lang="en"' in output
    return output.replace('<html lang="en"', '<html lang="zh-CN"', 1)

"""Chinese pages: declare the language for fonts and screen readers, and join wrapped lines without a space."""

from __future__ import annotations

import re
from typing import Any

_CHINESE = "\u3001-\u301f\u4e00-\u9fff\uff01-\uff5e"
_WRAP = re.compile(f"(?<=[{_CHINESE}])\n(?=[{_CHINESE}])")
_FENCE = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    if not page.file.src_uri.startswith("zh/"):
        return markdown
    parts = _FENCE.split(markdown)  # odd parts are code
    return "".join(part if index % 2 else _WRAP.sub("", part) for index, part in enumerate(parts))


def on_post_page(output: str, page: Any, **_: Any) -> str:
    if not page.file.src_uri.startswith("zh/"):
        return output
    assert '<html lang="en"' in output
    return output.replace('<html lang="en"', '<html lang="zh-CN"', 1)

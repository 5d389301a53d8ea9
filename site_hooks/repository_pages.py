"""Put the README, changelog and other pages of the repository's root on the site, and follow links between files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "README.md": "index.md",
    "README.zh-CN.md": "zh/index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""File of the repository -> page of the site."""

_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s#]+)(#[^()\s]*)?\)")
_IMAGE = re.compile(r"(!\[[^\]]*\])\(([^()\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    sources = {site: name for name, site in PAGES.items()}
    here = page.file.src_uri
    source = sources.get(here, f"docs/{here}")
    parts = _FENCE.split(markdown)
    return "".join(part if _FENCE.fullmatch(part) else _follow(part, source, here) for part in parts)


def _follow(text: str, source: str, here: str) -> str:
    """Rewrite links of a file of the repository as links of the page made from it."""

    def image(found: re.Match[str]) -> str:
        return f"{found[1]}({_target(found[2], source, here) or found[2]})"

    def link(found: re.Match[str]) -> str:
        words, target, anchor = found[1], found[2], found[3] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        page = _target(target, source, here)
        return words if page is None else f"[{words}]({page}{anchor})"

    return _LINK.sub(link, _IMAGE.sub(image, text))


def _target(target: str, source: str, here: str) -> str | None:
    """Return a link relative to the page; None for a file of the repository that is no page of the site."""
    path = os.path.normpath(os.path.join(os.path.dirname(source), target))  # noqa: PTH118, PTH120
    if path in PAGES:
        page = PAGES[path]
    elif path.startswith("docs/"):
        page = path.removeprefix("docs/")
    else:
        return None if (ROOT / path).exists() else target
    return os.path.relpath(page, os.path.dirname(here) or ".")  # noqa: PTH120

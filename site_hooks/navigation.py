"""Fill ``FOLDER/*`` in the navigation with the pages of that folder that are named nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    pages = sorted(file.src_uri for file in files.documentation_pages())
    named = set(_named(config.nav))
    config.nav = _filled(config.nav, [page for page in pages if page not in named])
    return files


def _named(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for inner in entry.values() if isinstance(entry, dict) else entry:
            yield from _named(inner)


def _filled(entry: Any, pages: list[str]) -> Any:
    if isinstance(entry, dict):
        return {name: _filled(inner, pages) for name, inner in entry.items()}
    if not isinstance(entry, list):
        return entry
    found: list[Any] = []
    for inner in entry:
        if isinstance(inner, str) and inner.endswith("*"):
            folder = inner.removesuffix("*")
            found += [page for page in pages if page.rpartition("/")[0] == folder.rstrip("/")]
        else:
            found.append(_filled(inner, pages))
    return found

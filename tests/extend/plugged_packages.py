"""Packages beside Fieldmark, as pip would leave them, in this process and in those that it starts."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from fieldmark.data.readers import READERS
from fieldmark.methods import METHODS
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES

__all__ = ["plugged_in", "printed_by", "write_package"]

_REGISTRIES = (METHODS, READERS, CONFORMITY_SCORES, UNKNOWN_SCORES)


def write_package(site: Path, project: Mapping[str, Any], modules: Mapping[str, str]) -> None:
    """Write a package into a folder like ``site-packages``.

    Args:
        site: The folder.
        project: The table ``project`` of its ``pyproject.toml``.
        modules: File name -> code.
    """
    package = site / project["name"]
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, code in modules.items():
        (package / name).write_text(code, encoding="utf-8")
    facts = site / f"{project['name']}-{project['version']}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines))


@contextlib.contextmanager
def plugged_in(site: Path) -> Iterator[None]:
    """Let this process, and those that it starts, find the packages in a folder; afterwards nothing knows them."""
    known = [(registry, registry.load_all(), dict(registry._before)) for registry in _REGISTRIES]
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    _read_again()
    try:
        with mock.patch.object(sys, "path", [str(site), *sys.path]), mock.patch.dict(os.environ, PYTHONPATH=path):
            yield
    finally:
        for registry, objects, before in known:
            registry._objects, registry._before = objects, before
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(f"{site}{os.sep}"):
                del sys.modules[name]
        _read_again()


def _read_again() -> None:
    """Forget which packages are installed."""
    importlib.invalidate_caches()
    for registry in _REGISTRIES:
        registry.__dict__.pop("_plugins", None)


def printed_by(*arguments: object) -> str:
    """Run ``fieldmark ARGS`` in this process, and return what it prints to stdout."""
    from fieldmark.cli.main import main

    logger, screen, errors = logging.getLogger("fieldmark"), io.StringIO(), io.StringIO()
    before = logger.handlers[:], logger.level, logger.propagate
    with (
        mock.patch.object(sys, "argv", ["fieldmark", *map(str, arguments)]),
        contextlib.redirect_stdout(screen),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert not ended.value.code, (arguments, errors.getvalue())
    logger.handlers[:], logger.level, logger.propagate = before
    return screen.getvalue()

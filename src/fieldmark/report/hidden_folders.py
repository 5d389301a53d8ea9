"""Pages are shared: they name files and data sets, but no folder of the machine that made them."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["folder_hider", "hide_in_command"]


def folder_hider(folders: Iterable[Path | str]) -> Callable[[str], str]:
    """Return a function that takes folders off the paths in a text: ``/home/me/birds/a.jpg`` becomes ``a.jpg``.

    Args:
        folders: Folders that the text may name. The working folder, the home folder and the folder for temporary files
            are added.
    """
    known = {Path.cwd(), Path.home(), Path(tempfile.gettempdir()), *map(Path, folders)}
    names = {str(form) for folder in known for form in (folder, folder.absolute(), folder.resolve())}
    absolute = [name for name in names if Path(name).is_absolute() and len(Path(name).parts) > 1]
    longest_first = "|".join(re.escape(name) for name in sorted(absolute, key=len, reverse=True))
    folder_of = re.compile(rf"(?<![\w.~/-])({longest_first})(?:[/\\]|(?![\w-]|\.\w))")

    def last_part(found: re.Match[str]) -> str:
        return "" if found[0][-1] in "/\\" else Path(found[1]).name

    return lambda text: folder_of.sub(last_part, text)


def hide_in_command(command: str) -> str:
    """Return a command line in which each absolute path is only its last part."""
    return shlex.join(_without_folder(part) for part in shlex.split(command))


def _without_folder(part: str) -> str:
    name, separator, value = part.partition("=")
    if separator and Path(value).is_absolute():
        return f"{name}={Path(value).name}"
    return Path(part).name if Path(part).is_absolute() else part

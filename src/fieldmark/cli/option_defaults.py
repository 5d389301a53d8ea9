"""Defaults of options from ``fieldmark.toml``; click itself reads them, and ``FIELDMARK_`` environment variables.

The command line comes first, then the environment, then the file, then the default that ``--help`` shows.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fieldmark.errors import SettingError, unknown_name

__all__ = ["CONFIG_FILE", "CONFIG_VARIABLE", "PREFIX", "option_names", "read_defaults"]

CONFIG_FILE = "fieldmark.toml"
"""File in the current folder."""

CONFIG_VARIABLE = "FIELDMARK_CONFIG"
"""Environment variable that names another file."""

PREFIX = "FIELDMARK"
"""Start of the environment variables, such as ``FIELDMARK_FIT_SEED`` for ``fieldmark fit --seed``."""


def read_defaults(build: Callable[[], Any], name: str = PREFIX.lower()) -> dict[str, Any]:
    """Return the defaults in the configuration file, as click's ``default_map`` has them; empty without a file.

    Args:
        build: Returns the click group of all commands; it is called only where there is a file.
        name: What the command is called in messages.

    Raises:
        SettingError: The file cannot be read, or names a command or an option that does not exist.
    """
    chosen = os.environ.get(CONFIG_VARIABLE)
    file = Path(chosen) if chosen else Path(CONFIG_FILE)
    if not chosen and not file.is_file():
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{CONFIG_VARIABLE} names {file}, but it cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{file} is not valid TOML ({error}): mend it") from None
    return _defaults(build(), content, file, name)


def option_names(command: Any) -> dict[str, Any]:
    """Return the long names of a command's options without dashes, such as ``image_size``, with their parameters."""
    return {
        text.removeprefix("--").replace("-", "_"): param
        for param in command.params
        for text in param.opts
        if param.param_type_name == "option" and text.startswith("--") and text not in ("--help", "--version")
    }


def _defaults(command: Any, content: Mapping[str, Any], file: Path, name: str) -> dict[str, Any]:
    """Map the tables of a file to commands, and their keys to parameters."""
    commands, options = getattr(command, "commands", {}), option_names(command)
    found: dict[str, Any] = {}
    for key, value in content.items():
        plain = key.replace("-", "_")
        if isinstance(value, dict):
            if key not in commands:
                raise unknown_name(f"command in {file}", key, commands)
            found[key] = _defaults(commands[key], value, file, f"{name} {key}")
        elif plain in options:
            found[options[plain].name] = value
        else:
            raise unknown_name(f"option of '{name}' in {file}", key, options)
    return found

"""What verbs of the command line have in common: ``-q``, ``-v``, ``--threads`` and the look of ``--help``."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from fieldmark.cores import limit_threads
from fieldmark.errors import SettingError
from fieldmark.progress import set_verbosity

__all__ = ["Quiet", "Verb", "VerbGroup", "Verbose", "choose_verbosity", "with_common_options"]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print timings too.")]
Threads = Annotated[
    int | None, typer.Option(help="Threads that decode and compute; all cores that the process may use without it.")
]


def choose_verbosity(quiet: bool, verbose: bool) -> None:
    """Set what is printed; without either option it stays as it is.

    Raises:
        typer.BadParameter: Both options were given.
    """
    if quiet and verbose:
        raise typer.BadParameter("-q and -v exclude each other; leave one out")
    if quiet:
        warnings.simplefilter("ignore")  # those that other libraries raise
        set_verbosity("warning")
    if verbose:
        set_verbosity("debug")


def with_common_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Return the verb with ``-q`` and ``-v`` added, and ``--threads`` if it computes, so that it has ``--device``."""
    signature = inspect.signature(verb, eval_str=True)
    limits = "device" in signature.parameters and "threads" not in signature.parameters

    @functools.wraps(verb)
    def run(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        choose_verbosity(quiet, verbose)
        if limits:
            _limit(options.pop("threads"))
        verb(*arguments, **options)

    common: list[tuple[str, Any, Any]] = [("quiet", Quiet, False), ("verbose", Verbose, False)]
    if limits:
        common.append(("threads", Threads, None))
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in common
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
    return run


def _limit(threads: int | None) -> None:
    try:
        if threads is not None:
            limit_threads(threads)
    except SettingError as error:
        raise typer.BadParameter(str(error)) from error


class Verb(TyperCommand):
    """A command whose help shows no type for flags, and whose options have environment variables."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _completed(super().get_params(ctx), ctx)


class VerbGroup(TyperGroup):
    """A group of commands whose help shows no type for flags, and whose options have environment variables."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _completed(super().get_params(ctx), ctx)


def _completed(params: Sequence[Any], ctx: Any) -> list[Any]:
    """Remove the ``<bool>`` that typer prints behind flags, and name the environment variable of each option.

    The variable is named after the option, ``FIELDMARK_PREDICT_JSON`` for ``--json``; click would take the name of the
    Python parameter.
    """
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
        if not ctx.auto_envvar_prefix or param.envvar is not None:
            continue
        param.show_envvar = False  # a line for each option would hide the help
        long = next((text for text in param.opts if text.startswith("--")), None)
        if long in ("--help", "--version"):
            param.allow_from_autoenv = False
        elif long:
            param.envvar = f"{ctx.auto_envvar_prefix}_{long[2:].replace('-', '_').upper()}"
    return list(params)

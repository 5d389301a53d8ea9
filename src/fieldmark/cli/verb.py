"""What all verbs of the command line have in common: ``-q``, ``-v`` and the look of ``--help``."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from fieldmark.progress import set_verbosity

__all__ = ["Quiet", "Verb", "VerbGroup", "Verbose", "choose_verbosity", "with_verbosity"]

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print timings too.")]


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


def with_verbosity(verb: Callable[..., None]) -> Callable[..., None]:
    """Return the verb with the options ``-q`` and ``-v`` added."""

    @functools.wraps(verb)
    def run(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> None:
        choose_verbosity(quiet, verbose)
        verb(*arguments, **options)

    signature = inspect.signature(verb, eval_str=True)
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in (("quiet", Quiet), ("verbose", Verbose))
    ]
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *added])  # type: ignore[attr-defined]
    return run


class Verb(TyperCommand):
    """A command whose help shows no type for flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


class VerbGroup(TyperGroup):
    """A group of commands whose help shows no type for flags."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


def _without_types(params: Sequence[Any]) -> list[Any]:
    """Typer prints ``<bool>`` behind each flag that has no metavar of its own."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return list(params)

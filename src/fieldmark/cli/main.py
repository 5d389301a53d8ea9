"""The ``fieldmark`` command: one file for each verb, and one place where errors become exit codes."""

from __future__ import annotations

import errno
import io
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from fieldmark.cli.advise import advise
from fieldmark.cli.check import check
from fieldmark.cli.compare import compare
from fieldmark.cli.crop import crop
from fieldmark.cli.datasets import datasets
from fieldmark.cli.demo import demo
from fieldmark.cli.drift import drift
from fieldmark.cli.embed import embed
from fieldmark.cli.enroll import enroll, unenroll
from fieldmark.cli.evaluate import evaluate
from fieldmark.cli.explain import explain
from fieldmark.cli.export import export
from fieldmark.cli.feedback import feedback
from fieldmark.cli.fit import fit
from fieldmark.cli.gallery import gallery
from fieldmark.cli.guide import guide
from fieldmark.cli.label import label
from fieldmark.cli.library_messages import log_library_warnings
from fieldmark.cli.methods import ListsMethods, methods
from fieldmark.cli.option_defaults import PREFIX, read_defaults
from fieldmark.cli.plan import plan
from fieldmark.cli.predict import predict
from fieldmark.cli.push import push
from fieldmark.cli.review import review
from fieldmark.cli.search import search
from fieldmark.cli.serve import serve
from fieldmark.cli.settings import settings
from fieldmark.cli.synth import synth
from fieldmark.cli.unmove import unmove
from fieldmark.cli.verb import Quiet, Verb, VerbGroup, Verbose, choose_verbosity, with_common_options
from fieldmark.cli.versions import rollback, versions
from fieldmark.errors import FieldmarkError
from fieldmark.progress import console, set_verbosity
from fieldmark.training.large_pages import use_large_pages

__all__ = ["app", "main"]

_INTERRUPTED = 130
_CANNOT_WRITE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
)

app = typer.Typer(
    help="Fine-grained recognition: turn a folder of labelled photos into a recognizer whose answers can be checked.",
    cls=VerbGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    demo,
    check,
    review,
    label,
    advise,
    fit,
    evaluate,
    predict,
    unmove,
    plan,
    drift,
    explain,
    guide,
    search,
    embed,
    gallery,
    enroll,
    unenroll,
    feedback,
    versions,
    rollback,
    export,
    serve,
    compare,
    crop,
    push,
    methods,
    settings,
    synth,
):
    app.command(cls=ListsMethods if verb in (fit, compare) else Verb)(with_common_options(verb))
app.add_typer(datasets, name="datasets")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"fieldmark {version('fieldmark')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Fine-grained recognition: turn a folder of labelled photos into a recognizer whose answers can be checked."""
    choose_verbosity(quiet, verbose)


def main() -> None:
    """Run the command. Exit codes: 0 done, 1 done in part, 2 wrong input, 130 interrupted."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files and classes may hold any character
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    use_large_pages()
    set_verbosity("info")
    log_library_warnings()
    try:
        defaults = read_defaults(lambda: typer.main.get_command(app))
        with _sigterm_interrupts():
            app(auto_envvar_prefix=PREFIX, default_map=defaults)
    except FieldmarkError as error:
        console.print(f"fieldmark: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _left_out():
            raise
        advice = "a small install leaves it out; run 'pip install fieldmark' for all commands"
        console.print(
            f"fieldmark: this command needs the package {missing}, but {advice}", markup=False, soft_wrap=True
        )
        sys.exit(2)
    except OSError as error:
        if error.errno not in _CANNOT_WRITE:
            raise
        console.print(f"fieldmark: {_reason(error)}", markup=False, soft_wrap=True)
        sys.exit(2)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:  # typer turns Ctrl-C into this code
            console.print("fieldmark: interrupted; no half-written files were left", markup=False)
        raise


def _left_out() -> set[str]:
    """Import names of the package's own dependencies."""
    from importlib.metadata import requires

    names = {
        re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requires("fieldmark") or () if "extra ==" not in text
    }
    return {{"scikit-learn": "sklearn", "pillow": "PIL"}.get(name, name.replace("-", "_")) for name in names}


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM, which schedulers and containers send, end the command in order, like Ctrl-C."""
    owner = os.getpid()

    def interrupt(number: int, frame: object) -> None:
        if os.getpid() == owner:
            raise KeyboardInterrupt
        signal.signal(number, signal.SIG_DFL)  # a forked worker ends at once
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _reason(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; make room there or name another place, then run it again"

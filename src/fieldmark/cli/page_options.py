"""The options of the commands that open a page for one person."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AllowHostOption", "HostOption", "NoOpenOption", "PortOption", "TokenOption"]

HostOption = Annotated[str, typer.Option(help="Address to listen on; others than this machine's need --token.")]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
NoOpenOption = Annotated[bool, typer.Option("--no-open", help="Do not open the page in the browser.")]
TokenOption = Annotated[
    str | None,
    typer.Option(envvar="FIELDMARK_TOKEN", show_envvar=True, help="Access token that the page asks for."),
]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(help="A host name that requests may use besides loopback names, or *.NAME; can be repeated."),
]

"""The option ``--device`` of every verb that computes answers."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldmark.backbones.runners.device import Device

__all__ = ["DeviceOption"]

DeviceOption = Annotated[Device, typer.Option(help="Where to compute; auto takes a GPU if there is one.")]

"""Methods: one file each, with the method's settings, registered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from fieldmark.registry import Registry

if TYPE_CHECKING:
    from fieldmark.methods.settings_base import FitSettings

__all__ = ["METHODS", "RegisteredMethod", "register_method"]


class RegisteredMethod(Protocol):
    """What generic code reads from the class of a method.

    Attributes:
        Settings: Its settings, with all defaults.
        trainer: Function that trains it, as ``module:name``; see `fieldmark.training.train`.
        needs_models: Whether it joins models that are trained already. `compare` leaves such a method out.
    """

    Settings: ClassVar[type[FitSettings]]
    trainer: ClassVar[str]
    needs_models: ClassVar[bool]


METHODS: Registry[type[RegisteredMethod]] = Registry(
    "method",
    "fieldmark.methods",
    package=__name__,
    shared=("base", "build", "even_sample", "frozen_settings", "pooled", "settings_base", "two_stream"),
)
"""All methods by name."""

register_method = METHODS.register

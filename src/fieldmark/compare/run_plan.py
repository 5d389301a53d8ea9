"""Parse the methods of a comparison and build their settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldmark.errors import SettingError, listed, unknown_name
from fieldmark.methods import METHODS
from fieldmark.methods.settings_base import FitSettings
from fieldmark.recipe import build_settings, settings_class

__all__ = [
    "DEFAULT_BASELINE",
    "DEFAULT_EPOCHS",
    "SPLIT_SETTINGS",
    "Entry",
    "Spec",
    "parse_specs",
    "plan_entries",
    "settings_not_taken",
]

DEFAULT_BASELINE = "plain fine_tune:fine_tune[poolings=avg]"
"""The backbone with average pooling and one linear layer."""

DEFAULT_EPOCHS = 10
"""Epochs of every method that trains by epochs, if neither epochs nor a budget are given."""

_SPEC = re.compile(r"(?:(?P<label>[^\[\]:]+):)?(?P<method>[^\[\]:]+)(?:\[(?P<settings>[^\[\]]*)\])?")
SPLIT_SETTINGS = ("seed", "classes", "val_fraction", "test_fraction")
"""Settings that decide the splits, which are the same for all methods."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A method as the user gives it.

    Attributes:
        label: Name in the table.
        method: Name in `METHODS`.
        overrides: Its own settings, as ``key=value``.
    """

    label: str
    method: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the comparison: a method with all its settings except the seed.

    Attributes:
        spec: The method as the user gives it.
        options: Shared settings that the method has.
        overrides: ``key=value`` texts, the shared ones first.
        not_taken: Shared settings that the method does not have.
    """

    spec: Spec
    options: Mapping[str, Any]
    overrides: tuple[str, ...]
    not_taken: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.spec.label

    def settings(self, seed: int) -> FitSettings:
        """Return the settings of one run."""
        return build_settings(self.spec.method, dict(self.options) | {"seed": seed}, overrides=self.overrides)


def parse_specs(text: str) -> list[Spec]:
    """Parse a comma-separated list of methods: ``name``, ``name[key=value,...]`` or ``label:name[...]``.

    A value may itself contain commas: ``fine_tune[poolings=avg,cov,epochs=6]``.

    Raises:
        SettingError: The text cannot be parsed, a method does not exist, or two methods have the same label.
    """
    specs = [_parse_spec(part.strip()) for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
    if not specs:
        raise SettingError("no methods to compare: give their names, such as fine_tune,isqrt_cov")
    _demand_unique([spec.label for spec in specs])
    return specs


def plan_entries(specs: Sequence[Spec], options: Mapping[str, Any], overrides: Sequence[str] = ()) -> list[Entry]:
    """Return a line for each method, with the shared settings.

    Args:
        specs: The methods.
        options: Shared settings by name; None means not given. Methods without a setting ignore it.
        overrides: Shared ``key=value`` texts; at least one method must have each setting.

    Raises:
        SettingError: No method has a setting, a setting changes the split, or a value is not valid.
    """
    shared = {name: value for name, value in options.items() if value is not None}
    if "epochs" not in shared and "budget" not in shared:
        shared["epochs"] = DEFAULT_EPOCHS
    for spec in specs:
        for text in spec.overrides:
            if _key(text) in SPLIT_SETTINGS:
                raise SettingError(
                    f"'{_key(text)}' of {spec.label} changes the photos, which must be the same for all methods: "
                    "set it for all methods with --set, --seeds or --classes"
                )
    fields = {name for spec in specs for name in settings_class(spec.method).model_fields}
    for text in overrides:
        if _key(text) in ("seed", "classes"):
            raise SettingError(f"'{_key(text)}' cannot be set with --set here: use --seeds N or --classes")
        if _key(text) not in fields:
            raise unknown_name("setting of the compared methods", _key(text), fields - {"method"})
    entries = [_entry(spec, shared, overrides) for spec in specs]
    for entry in entries:
        entry.settings(0)
    return entries


def settings_not_taken(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Say once for each shared setting which rows do not have it."""
    rows: dict[str, list[str]] = {}
    for entry in entries:
        for name in entry.not_taken:
            rows.setdefault(name, []).append(entry.label)
    return tuple(f"'{name}' does not apply to {listed(labels)}" for name, labels in rows.items())


def _entry(spec: Spec, shared: Mapping[str, Any], overrides: Sequence[str]) -> Entry:
    known = settings_class(spec.method).model_fields
    taken = {name: value for name, value in shared.items() if name in known}
    texts = [text for text in overrides if _key(text) in known]
    missing = [name for name in [*shared, *map(_key, overrides)] if name not in known]
    return Entry(spec, taken, (*texts, *spec.overrides), tuple(missing))


def _parse_spec(text: str) -> Spec:
    match = _SPEC.fullmatch(text)
    if match is None:
        raise SettingError(f"'{text}' is not a method to compare: write name, name[key=value] or label:name[...]")
    method = match["method"].strip()
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    own = _split_settings(match["settings"] or "", text)
    plain = f"{method}[{match['settings']}]" if own else method
    return Spec((match["label"] or plain).strip(), method, own)


def _split_settings(text: str, spec: str) -> tuple[str, ...]:
    """Split ``a=1,b=x,y`` into ``a=1`` and ``b=x,y``."""
    settings: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if "=" in part:
            settings.append(part)
        elif settings:
            settings[-1] += f",{part}"
        else:
            raise SettingError(f"the settings in '{spec}' are not valid: write name[key=value,...]")
    return tuple(settings)


def _key(text: str) -> str:
    return text.partition("=")[0].strip()


def _demand_unique(labels: Iterable[str]) -> None:
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            raise SettingError(f"two methods have the label '{label}': give one of them another, such as other:{label}")
        seen.add(label)

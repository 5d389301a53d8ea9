"""Parse the methods of a comparison and build their settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fieldmark.errors import SettingError, unknown_name
from fieldmark.methods import METHODS
from fieldmark.methods.settings_base import FitSettings
from fieldmark.recipe import build_settings, settings_class

__all__ = ["DEFAULT_BASELINE", "DEFAULT_EPOCHS", "Entry", "Spec", "parse_specs", "plan_entries"]

DEFAULT_BASELINE = "plain fine_tune:fine_tune[poolings=avg]"
"""The backbone with average pooling and one linear layer."""

DEFAULT_EPOCHS = 10
"""Epochs of every method that trains by epochs, if neither epochs nor a budget are given."""

_SPEC = re.compile(r"(?:(?P<label>[^\[\]:]+):)?(?P<method>[^\[\]:]+)(?:\[(?P<settings>[^\[\]]*)\])?")
_COMMON = ("seed", "classes", "val_fraction", "test_fraction")
"""Settings that decide the splits, which are the same for all methods."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A method as the user wrote it.

    Attributes:
        label: Its name in the table.
        method: In `METHODS`.
        overrides: Its own settings, as ``key=value``.
    """

    label: str
    method: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the comparison: a method with all of its settings but the seed.

    Attributes:
        spec: As it was asked for.
        options: What it shares with the others, as far as it has such settings.
        overrides: ``key=value`` texts, the shared ones first.
        not_taken: Shared settings that this method does not have.
    """

    spec: Spec
    options: Mapping[str, Any]
    overrides: tuple[str, ...]
    not_taken: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.spec.label

    def settings(self, seed: int) -> FitSettings:
        """The settings of one run."""
        return build_settings(self.spec.method, dict(self.options) | {"seed": seed}, overrides=self.overrides)


def parse_specs(text: str) -> list[Spec]:
    """Methods with commas between them, each as ``name``, ``name[key=value,...]`` or ``label:name[...]``.

    A value may hold commas itself: ``fine_tune[poolings=avg,cov,epochs=6]``.

    Raises:
        SettingError: The text is no such list, a method does not exist, or two lines have one name.
    """
    specs = [_parse_spec(part.strip()) for part in re.split(r",(?![^\[]*\])", text) if part.strip()]
    if not specs:
        raise SettingError("expected methods to compare such as fine_tune,isqrt_cov, but got none")
    _demand_unique([spec.label for spec in specs])
    return specs


def plan_entries(specs: Sequence[Spec], options: Mapping[str, Any], overrides: Sequence[str] = ()) -> list[Entry]:
    """Lines with everything that the methods share.

    Args:
        specs: The methods.
        options: Shared settings by name; None means not given. A method without such a setting does without.
        overrides: Shared ``key=value`` texts; at least one method has to know each.

    Raises:
        SettingError: A setting that no method has, one that decides the split, or a value that does not fit.
    """
    shared = {name: value for name, value in options.items() if value is not None}
    if "epochs" not in shared and "budget" not in shared:
        shared["epochs"] = DEFAULT_EPOCHS
    for spec in specs:
        for text in spec.overrides:
            if _key(text) in _COMMON:
                raise SettingError(
                    f"'{_key(text)}' of {spec.label} decides the photos, which are the same for all methods: "
                    "set it for all, by --set, --seeds or --classes"
                )
    fields = {name for spec in specs for name in settings_class(spec.method).model_fields}
    for text in overrides:
        if _key(text) in ("seed", "classes"):
            raise SettingError(f"'{_key(text)}' of a comparison has an option of its own: give --seeds N or --classes")
        if _key(text) not in fields:
            raise unknown_name("setting of the compared methods", _key(text), fields - {"method"})
    entries = [_entry(spec, shared, overrides) for spec in specs]
    for entry in entries:
        entry.settings(0)
    return entries


def _entry(spec: Spec, shared: Mapping[str, Any], overrides: Sequence[str]) -> Entry:
    known = settings_class(spec.method).model_fields
    taken = {name: value for name, value in shared.items() if name in known}
    texts = [text for text in overrides if _key(text) in known]
    missing = [name for name in [*shared, *map(_key, overrides)] if name not in known]
    return Entry(spec, taken, (*texts, *spec.overrides), tuple(missing))


def _parse_spec(text: str) -> Spec:
    match = _SPEC.fullmatch(text)
    if match is None:
        raise SettingError(f"a method to compare looks like name, name[key=value] or label:name[...], but got '{text}'")
    method = match["method"].strip()
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    own = _split_settings(match["settings"] or "", text)
    plain = f"{method}[{match['settings']}]" if own else method
    return Spec((match["label"] or plain).strip(), method, own)


def _split_settings(text: str, spec: str) -> tuple[str, ...]:
    """``a=1,b=x,y`` to ``a=1`` and ``b=x,y``."""
    settings: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        if "=" in part:
            settings.append(part)
        elif settings:
            settings[-1] += f",{part}"
        else:
            raise SettingError(f"the settings of a method look like name[key=value,...], but got '{spec}'")
    return tuple(settings)


def _key(text: str) -> str:
    return text.partition("=")[0].strip()


def _demand_unique(labels: Iterable[str]) -> None:
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            raise SettingError(f"two methods are named '{label}': give one of them a label, as in other:{label}")
        seen.add(label)

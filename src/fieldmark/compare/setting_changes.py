"""What differs between the settings of a method and those of the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fieldmark.evaluation.comparison import SettingChange

__all__ = ["setting_changes"]

_PER_RUN = ("seed",)


def setting_changes(own: Mapping[str, Any] | None, baseline: Mapping[str, Any] | None) -> tuple[SettingChange, ...]:
    """Return the settings in which a method differs from the baseline, the method itself first.

    Settings that only one of the two has are listed too.

    Args:
        own: All settings of the method; None without a finished run.
        baseline: All settings of the baseline; None without a finished run.
    """
    if own is None or baseline is None:
        return ()
    names = sorted({*own, *baseline} - set(_PER_RUN), key=lambda name: (name != "method", name not in baseline, name))
    changes = []
    for name in names:
        if name not in baseline:
            changes.append(SettingChange(name, own[name], None, "method"))
        elif name not in own:
            changes.append(SettingChange(name, None, baseline[name], "baseline"))
        elif own[name] != baseline[name]:
            changes.append(SettingChange(name, own[name], baseline[name], "both"))
    return tuple(changes)

"""``--prior`` and ``--only``: what the user knows about the classes of the photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.catalogue.queries import Query
from fieldmark.errors import SettingError, listed
from fieldmark.progress import say

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.catalogue.class_lists import ClassList

__all__ = ["under_known_classes"]

ESTIMATE = "estimate"


def under_known_classes(
    recognizer: Recognizer, prior: str | None, only: Path | None, queries: Sequence[Query]
) -> Recognizer:
    """Return the recognizer under the prior and the list of allowed classes, and say on stderr what they leave out.

    Args:
        recognizer: The model.
        prior: A table of classes with weights, or `ESTIMATE`.
        only: A list of classes.
        queries: The photos that an estimate rests on.

    Raises:
        DataError: A list cannot be used.
        SettingError: There are no photos to estimate from, or both lists together leave no class.
        ModelError: The model keeps no probabilities of calibration photos.
    """
    import numpy as np

    from fieldmark.catalogue.class_lists import read_class_list
    from fieldmark.uncertainty.prior import Prior

    photos = [query.photo for query in queries if query.photo is not None]
    if prior == ESTIMATE and not photos:
        raise SettingError("--prior estimate needs all photos at once, which --watch does not have: name a table")
    classes = recognizer.classes
    allowed = np.ones(len(classes))
    if only is not None:
        given = read_class_list(only, classes, weighted=False)
        _say(only, given)
        allowed = given.weights
        recognizer = recognizer.under(Prior(allowed))
    if prior == ESTIMATE:
        return recognizer.under(recognizer.estimate_prior(photos))
    if prior is None:
        return recognizer
    given = read_class_list(Path(prior), classes, weighted=True)
    _say(Path(prior), given)
    if not (given.weights * allowed).any():
        raise SettingError(f"no class stands in both {prior} and {only}: correct one of them")
    return recognizer.under(Prior.from_shares(given.weights * allowed, recognizer.training_shares))


def _say(path: Path, given: ClassList) -> None:
    """Say how many classes the list leaves out, and which names the model does not know."""
    if given.missing:
        say(f"{path} leaves out {len(given.missing)} of {len(given.weights)} classes: no answer names them")
    if given.foreign:
        say(f"{path} has {len(given.foreign)} name(s) that the model does not know: {listed(given.foreign)}")

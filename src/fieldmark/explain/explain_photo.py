"""Which two classes an explanation is about, and the photo that it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from fieldmark.data.photos.views import draft_side
from fieldmark.errors import ModelError, PhotoError, SettingError, unknown_name
from fieldmark.explain.enrolled_evidence import LinearForm, likeness_form
from fieldmark.explain.evidence import PhotoEvidence
from fieldmark.openset.enrolled_classes import gate_for
from fieldmark.recognizer.graphs import QuestionGraphs
from fieldmark.recognizer.inputs import PhotoInput, path_of, to_image
from fieldmark.recognizer.predictor import Predictor

if TYPE_CHECKING:
    from fieldmark.explain.explainer import Explainer
    from fieldmark.recognizer.graphs import Graphs

__all__ = ["chosen_pair", "explain_photo", "explainer_of"]


_EXPLAINERS: WeakKeyDictionary[Graphs, Explainer] = WeakKeyDictionary()  # a reloaded recognizer has new graphs


def explainer_of(recognizer: Predictor) -> Explainer:
    """Return the members as modules with gradients, loaded once for each recognizer."""
    from fieldmark.explain.explainer import Explainer  # torch: only explanations need it

    if recognizer.graphs not in _EXPLAINERS:
        graphs, first = recognizer.graphs, recognizer.first
        heads = graphs.heads if isinstance(graphs, QuestionGraphs) else None
        _EXPLAINERS[graphs] = Explainer(recognizer.folder, first.manifest, recognizer.manifest, heads)
    return _EXPLAINERS[recognizer.graphs]


def explain_photo(recognizer: Predictor, photo: PhotoInput, against: str | None = None) -> PhotoEvidence:
    """Find where in a photo the evidence for the winner lies, by itself and against another class.

    Args:
        recognizer: The model; an exported file will not do.
        photo: One, as `predict` takes it.
        against: A class; the runner-up for None.

    Raises:
        PhotoError: The photo cannot be read.
        SettingError: There is no such class, or it is the winner itself.
        ModelError: The model is an exported file.
    """
    if recognizer.is_exported:
        raise ModelError(
            f"an exported file such as {recognizer.path} holds no layers to look into: name the model folder instead"
        )
    photo = photo.read() if hasattr(photo, "read") else photo  # it is read more than once
    scores = recognizer.scores([photo])
    if scores.errors:
        raise PhotoError(scores.errors[0])
    label, other = chosen_pair(scores.probabilities[0], recognizer.classes, against)
    side = max(draft_side(facts.preprocess, facts.views, facts.zoom) for facts in recognizer.manifest.members)
    image, size = to_image(photo, draft=(side, side)), to_image(photo).size
    path = path_of(photo)
    if max(label, other) < len(recognizer.manifest.classes):
        return explainer_of(recognizer)(image, size, path, label, other)
    names = (recognizer.classes[label], recognizer.classes[other])
    return explainer_of(recognizer).by_likeness(image, size, path, names, _form(recognizer, label, other))


def _form(recognizer: Predictor, label: int, other: int) -> Callable[[NDArray[np.float64]], LinearForm]:
    """Return how two classes differ in similarity if one is enrolled; if both are, by the gate of the winner."""
    state, trained = recognizer.open_set.state, len(recognizer.manifest.classes)
    means, shots = recognizer.open_set.enrolled_means
    known = np.concatenate([state.gaussians.means, means])
    enrolled = label if label >= trained else other
    gate = gate_for(recognizer.manifest.enrolment_gates, shots[enrolled - trained])
    return partial(likeness_form, state, gate, [known[label], known[other]])


def chosen_pair(probabilities: NDArray[np.floating], classes: Sequence[str], against: str | None) -> tuple[int, int]:
    """Indices of the winner and of the class that it is held against, the runner-up for None.

    Raises:
        SettingError: There is no such class, or it is the winner itself.
    """
    order = np.argsort(-probabilities, kind="stable").tolist()
    winner = order[0]
    if against is not None and against not in classes:
        raise unknown_name("class", against, classes)
    other = order[1] if against is None else classes.index(against)
    if other == winner:
        raise SettingError(
            f"expected a class to hold the winner '{against}' against, but got the winner itself: "
            "name another one, or leave it out for the runner-up"
        )
    return winner, other

"""The winner's evidence inside the exported graph, for methods whose evidence needs no gradients."""

from __future__ import annotations

from torch import Tensor, nn

from fieldmark.data.photos.views import whole_views
from fieldmark.methods.base import LocalFeatures, Method

__all__ = ["EvidenceMap", "by_view", "evidence_map"]


def evidence_map(method: Method, views: int, total: int) -> EvidenceMap | None:
    """Return the evidence map of a method that has `Method.class_evidence`, or None; see `EvidenceMap`."""
    return EvidenceMap(method, views, total) if method.evidence_exports else None


def by_view(values: Tensor, views: int) -> Tensor:
    """Reshape (V B, ...) to (V, B, ...)."""
    return values.reshape(views, -1, *values.shape[1:])


class EvidenceMap(nn.Module):
    """What each place adds to the winner's logit, (B, h, w): the mean over the views that show the whole photo.

    The sum over places is the logit of these views less a constant of the class.

    Args:
        method: Computes the evidence of each view.
        views: See `fieldmark.data.photos.views`.
        total: V, all views: zoomed ones follow those of the whole photo.
    """

    def __init__(self, method: Method, views: int, total: int) -> None:
        super().__init__()
        self._method = [method]  # in a list, so that its weights belong to only one module
        self.views, self.total = views, total

    def __call__(self, features: LocalFeatures, winners: Tensor) -> Tensor:
        shown: Tensor = super().__call__(features, winners)
        return shown

    def forward(self, features: LocalFeatures, winners: Tensor) -> Tensor:
        """From the local features of all views (V B, ...) and the winners (B,)."""
        each = by_view(self._method[0].class_evidence(features, winners.repeat(self.total)), self.total)
        return each[0] if whole_views(self.views) == 1 else (each[0] + each[1].flip(2)) / 2

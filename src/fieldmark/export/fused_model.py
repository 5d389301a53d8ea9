"""A whole recognizer as one torch module: all members, all views, and the calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fieldmark.artifact.load_method import load_method
from fieldmark.artifact.manifest import Manifest
from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import view_side, whole_views
from fieldmark.export.evidence_map import EvidenceMap, by_view, evidence_map
from fieldmark.methods.base import LocalFeatures, Method

__all__ = ["FusedRecognizer", "Square", "squares_of"]


@dataclass(frozen=True, slots=True)
class Square:
    """One input of the graph, and how a photo is converted to it; mean and std are inside the graph."""

    name: str
    preprocess: Preprocess


def squares_of(manifest: Manifest) -> list[Square]:
    """Return the different squares of a photo that the members read; one if they agree."""
    found: list[Preprocess] = []
    for facts in manifest.members:
        for wanted in _wanted(facts.preprocess, facts.views):
            if all(_key(wanted) != _key(other) for other in found):
                found.append(wanted)
    return [Square("images" if index == 0 else f"images_{index + 1}", each) for index, each in enumerate(found)]


def _wanted(preprocess: Preprocess, views: int) -> list[Preprocess]:
    """The whole square, and the larger one that corners are cut from."""
    larger = replace(preprocess, image_size=view_side(preprocess, views))
    return [preprocess] if views <= 2 else [preprocess, larger]


def _key(preprocess: Preprocess) -> tuple[int, str, str]:
    return (preprocess.image_size, preprocess.resize, preprocess.interpolation)


class _Member(nn.Module):
    """One member: squares to the mean over its views.

    Args:
        method: In evaluation mode.
        preprocess: Its own.
        views: See `fieldmark.data.photos.views`.
        whole: Index of the input that shows the whole photo.
        larger: Index of the input that corners are cut from.
        temperature: Divides its logits.
    """

    def __init__(
        self, method: Method, preprocess: Preprocess, views: int, whole: int, larger: int, temperature: float
    ) -> None:
        super().__init__()
        self.method = method
        self.normalize = Normalize(preprocess)
        self.side, self.views, self.whole, self.larger = preprocess.image_size, views, whole, larger
        self.temperature = temperature

    def forward(self, squares: Sequence[Tensor]) -> tuple[Tensor, Tensor, LocalFeatures]:
        """Logits (B, K) divided by the temperature, embedding (B, D), and the local features of all views."""
        looks = [self.normalize(squares[self.whole])]
        if self.views > 2:
            large = self.normalize(squares[self.larger])
            last = large.shape[-1] - self.side
            looks += [
                large[:, :, top : top + self.side, left : left + self.side] for top in (0, last) for left in (0, last)
            ]
        if self.views % 2 == 0:
            looks = [view for look in looks for view in (look, look.flip(3))]
        features = self.method.local_features(torch.cat(looks))
        output = self.method.classify(features)
        logits = by_view(output.logits, self.views).mean(0) / self.temperature
        embedding = by_view(output.embedding, self.views)[: whole_views(self.views)].mean(0)
        return logits, embedding, features


class FusedRecognizer(nn.Module):
    """uint8 squares (B, S, S, 3) to ``probabilities``, ``logits``, ``embedding`` and, where there is one, ``evidence``.

    Args:
        folder: The model folder.
        manifest: Its description.

    Attributes:
        heads: Names of the methods' own modules besides their backbones.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__()
        keys = [_key(square.preprocess) for square in squares_of(manifest)]
        members = []
        for facts in manifest.members:
            preprocess = facts.preprocess
            places = [keys.index(_key(each)) for each in _wanted(preprocess, facts.views)]
            method = load_method(folder, manifest, facts)
            members.append(_Member(method, preprocess, facts.views, places[0], places[-1], facts.temperature))
        self.members = nn.ModuleList(members)
        children = [child for member in members for child in member.method.named_children()]
        self.heads = {name for name, child in children if not isinstance(child, Backbone)}
        total = sum(facts.weight for facts in manifest.members)
        self.weights = [facts.weight / total for facts in manifest.members]
        scaling = manifest.scaling
        self.register_buffer("scale", torch.tensor(scaling.scale if scaling else [1.0]))
        self.register_buffer("shift", torch.tensor(scaling.shift if scaling else [0.0]))
        self.temperature = members[0].temperature
        alone = members[0].method if len(members) == 1 else None
        self.evidence: EvidenceMap | None = evidence_map(alone, members[0].views) if alone is not None else None

    @property
    def outputs(self) -> list[str]:
        return ["probabilities", "logits", "embedding", *(["evidence"] if self.evidence else [])]

    def forward(self, *squares: Tensor) -> tuple[Tensor, ...]:
        found = self.looks(squares)
        answers = self.answers(found)
        if self.evidence is None:
            return answers
        shown = self.evidence(found[0][2], answers[0].argmax(1))
        return (*answers, shown / self.temperature)

    def looks(self, squares: Sequence[Tensor]) -> list[tuple[Tensor, Tensor, LocalFeatures]]:
        """Logits, embedding and local features of each member."""
        return [member(squares) for member in self.members]

    def answers(self, looks: Sequence[tuple[Tensor, Tensor, LocalFeatures]]) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities (B, K), logits (B, K) and embedding (B, D) of all members together."""
        logits = torch.stack([weight * each[0] for weight, each in zip(self.weights, looks, strict=True)]).sum(0)
        return self._calibrated([each[0] for each in looks]), logits, looks[0][1]

    def _calibrated(self, logits: Sequence[Tensor]) -> Tensor:
        """Probabilities (B, K): the members' weighted mean, then the scaling."""
        each = [values.log_softmax(1) + math.log(weight) for values, weight in zip(logits, self.weights, strict=True)]
        common = each[0] if len(each) == 1 else torch.logsumexp(torch.stack(each), 0)
        return (common.clamp_min(math.log(1e-30)) * self.scale + self.shift).softmax(1)

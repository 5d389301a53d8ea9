"""A whole recognizer as one torch module: all members, all views, and the calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from fieldmark.artifact.exported import InputFacts
from fieldmark.artifact.load_method import load_method
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import view_side, whole_views
from fieldmark.export.evidence_map import EvidenceMap, by_view, evidence_map
from fieldmark.methods.base import LocalFeatures, Method

__all__ = ["FusedRecognizer", "inputs_of"]

Look: TypeAlias = tuple[Tensor, Tensor, LocalFeatures, Tensor | None]
"""Logits (B, K) divided by the temperature, embedding (B, D), local features of all views, and the activation."""


def inputs_of(manifest: Manifest) -> list[InputFacts]:
    """Return the different squares of a photo that the members read, one if they agree, and one for each that zooms."""
    found: list[Preprocess] = []
    for facts in manifest.members:
        for wanted in _wanted(facts):
            if all(_key(wanted) != _key(other) for other in found):
                found.append(wanted)
    plain = [InputFacts(name=_numbered("images", number), preprocess=each) for number, each in enumerate(found, 1)]
    zoomed = [
        InputFacts(
            name=_numbered("object", number),
            preprocess=facts.preprocess,
            zoom=facts.zoom,
            activation=_numbered(ACTIVATION, number),
            flips=2 if facts.zoom.joins and whole_views(facts.views) == 2 else 1,
        )
        for number, facts in enumerate((facts for facts in manifest.members if facts.zoom is not None), 1)
        if facts.zoom is not None
    ]
    return plain + zoomed


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _wanted(facts: MemberFacts) -> list[Preprocess]:
    """The whole square, and the larger one that corners are cut from; neither where only the object is read."""
    if facts.zoom is not None and not facts.zoom.joins:
        return []
    larger = replace(facts.preprocess, image_size=view_side(facts.preprocess, facts.views))
    return [facts.preprocess] if facts.views <= 2 else [facts.preprocess, larger]


def _key(preprocess: Preprocess) -> tuple[int, str, str]:
    return (preprocess.image_size, preprocess.resize, preprocess.interpolation)


class _Member(nn.Module):
    """One member: squares to the mean over its views.

    Args:
        method: In evaluation mode.
        preprocess: Its own.
        views: See `fieldmark.data.photos.views`.
        places: Indices of the inputs: of the whole photo and of the square that corners are cut from, None where only
            the object is read; and of the object, None without zoom.
        temperature: Divides its logits.
    """

    def __init__(
        self,
        method: Method,
        preprocess: Preprocess,
        views: int,
        places: tuple[int | None, int | None, int | None],
        temperature: float,
    ) -> None:
        super().__init__()
        self.method = method
        self.normalize = Normalize(preprocess)
        self.whole, self.larger, self.zoomed = places
        self.side, self.views = preprocess.image_size, whole_views(views) if self.whole is None else views
        joined = whole_views(views) if self.whole is not None and self.zoomed is not None else 0
        self.total = self.views + joined
        self.temperature = temperature

    def forward(self, squares: Sequence[Tensor]) -> Look:
        """Return what one member says of a photo.

        The activation is that of the whole photo, and of its mirror image where that is a view, (B, flips * h * w).
        Where only the object is read, it is that of the object's square: tiles take its place. None without zoom.
        """
        looks = [] if self.whole is None else [self.normalize(squares[self.whole])]
        if self.views > 2 and self.larger is not None:
            large = self.normalize(squares[self.larger])
            last = large.shape[-1] - self.side
            looks += [
                large[:, :, top : top + self.side, left : left + self.side] for top in (0, last) for left in (0, last)
            ]
        if self.zoomed is not None:
            looks.append(self.normalize(squares[self.zoomed]))
        if self.views % 2 == 0:
            looks = [view for look in looks for view in (look, look.flip(3))]
        features = self.method.local_features(torch.cat(looks))
        output = self.method.classify(features)
        logits = by_view(output.logits, self.total).mean(0) / self.temperature
        each = by_view(output.embedding, self.total)
        embedding = torch.cat([each[: whole_views(self.views)], each[self.views :]]).mean(0)
        if self.zoomed is None:
            return logits, embedding, features, None
        assert output.activation is not None  # only methods that return one are fitted with zoom
        maps = by_view(output.activation, self.total)[: 1 if self.whole is None else whole_views(self.views)]
        return logits, embedding, features, maps.transpose(0, 1).flatten(1)


class FusedRecognizer(nn.Module):
    """uint8 squares (B, S, S, 3) to the outputs of `outputs`.

    These are ``probabilities``, ``logits``, ``embedding``, an activation for each member that zooms, and ``evidence``
    where a method has it.

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
        inputs = inputs_of(manifest)
        keys = [_key(each.preprocess) for each in inputs if each.zoom is None]
        zoomed = iter(range(len(keys), len(inputs)))
        members = []
        for facts in manifest.members:
            whole: list[int | None] = [keys.index(_key(each)) for each in _wanted(facts)] or [None]
            places = (whole[0], whole[-1], None if facts.zoom is None else next(zoomed))
            method = load_method(folder, manifest, facts)
            members.append(_Member(method, facts.preprocess, facts.views, places, facts.temperature))
        self.activations = [each.activation for each in inputs if each.activation is not None]
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
        self.evidence: EvidenceMap | None = (
            None if alone is None else evidence_map(alone, members[0].views, members[0].total)
        )

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs, in their order."""
        return ["probabilities", "logits", "embedding", *self.activations, *(["evidence"] if self.evidence else [])]

    def forward(self, *squares: Tensor) -> tuple[Tensor, ...]:
        found = self.looks(squares)
        answers = self.answers(found)
        if self.evidence is None:
            return answers
        shown = self.evidence(found[0][2], answers[0].argmax(1))
        return (*answers, shown / self.temperature)

    def looks(self, squares: Sequence[Tensor]) -> list[Look]:
        """What each member returns."""
        return [member(squares) for member in self.members]

    def answers(self, looks: Sequence[Look]) -> tuple[Tensor, ...]:
        """Probabilities (B, K), logits (B, K), embedding (B, D), and the activation of each member that zooms."""
        logits = torch.stack([weight * each[0] for weight, each in zip(self.weights, looks, strict=True)]).sum(0)
        maps = [each[3] for each in looks if each[3] is not None]
        return self._calibrated([each[0] for each in looks]), logits, looks[0][1], *maps

    def _calibrated(self, logits: Sequence[Tensor]) -> Tensor:
        """Probabilities (B, K): the members' weighted mean, then the scaling."""
        each = [values.log_softmax(1) + math.log(weight) for values, weight in zip(logits, self.weights, strict=True)]
        common = each[0] if len(each) == 1 else torch.logsumexp(torch.stack(each), 0)
        return (common.clamp_min(math.log(1e-30)) * self.scale + self.shift).softmax(1)

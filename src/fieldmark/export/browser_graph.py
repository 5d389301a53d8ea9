"""The graph for the browser: as in an exported file, with the evidence for several classes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fieldmark.artifact.manifest import Manifest
from fieldmark.export.evidence_map import EvidenceMap, evidence_map
from fieldmark.export.fused_model import FusedRecognizer

__all__ = ["BrowserRecognizer"]

_EXPLAINED = 5
"""Classes with evidence: those that a page lists as candidates, so that any two of them can be compared."""


class BrowserRecognizer(FusedRecognizer):
    """uint8 squares (B, S, S, 3) to what a page shows.

    The outputs are those of `FusedRecognizer` but for the evidence: ``explained`` holds the most probable classes
    (B, T), and ``evidence_1``, … of each member what each place adds to the logits of these classes, (B, T, h, w). They
    exist where every member's method has `Method.class_evidence`.

    Args:
        folder: The model folder.
        manifest: Its description.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(folder, manifest)
        maps = [evidence_map(member.method, member.views, member.total) for member in self.members]  # type: ignore[arg-type]
        found = [each for each in maps if each is not None]
        self.maps: list[EvidenceMap] = found if len(found) == len(maps) else []
        self.explained = min(_EXPLAINED, len(manifest.classes))
        self.shares = [
            weight / member.temperature  # type: ignore[operator]
            for weight, member in zip(self.weights, self.members, strict=True)
        ]

    @property
    def evidence_outputs(self) -> list[str]:
        """Name of the output with the evidence of each member; empty where there is none."""
        return [f"evidence_{index + 1}" for index in range(len(self.maps))]

    @property
    def outputs(self) -> list[str]:
        extra = ["explained", *self.evidence_outputs] if self.maps else []
        return ["probabilities", "logits", "embedding", *extra]

    def forward(self, *squares: Tensor) -> tuple[Tensor, ...]:
        looks = self.looks(squares)
        answers = self.answers(looks)
        if not self.maps:
            return answers
        explained = answers[0].topk(self.explained, 1).indices
        shown = []
        for evidence, look, share in zip(self.maps, looks, self.shares, strict=True):
            each = [evidence(look[2], label) * share for label in explained.unbind(1)]
            shown.append(torch.stack(each, 1))
        return (*answers, explained, *shown)

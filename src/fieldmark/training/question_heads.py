"""Heads for further questions: linear layers on the embeddings of members that are trained already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fieldmark.arrays import Float32s, Ints
from fieldmark.backbones.runners.device import choose_device
from fieldmark.data.photo_table import PhotoTable
from fieldmark.layers.class_balance import Metric
from fieldmark.layers.softmax_regression import LinearHead
from fieldmark.methods.settings_base import FitSettings
from fieldmark.training.cached_views import ONE_VIEW, CachedViews
from fieldmark.training.frozen.choose_head import HeadChoice, choose_head, refit
from fieldmark.training.frozen.out_of_fold import out_of_fold_logits
from fieldmark.training.member import OutOfFold, Trained, TrainedMember

__all__ = ["TrainedHeads", "train_heads", "with_embeddings"]

_NAME: Literal["embedding"] = "embedding"
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class TrainedHeads:
    """The heads of one question.

    Attributes:
        trained: The members with these heads; their graphs are those of the first question.
        heads: One for each member; its rows are the member's embeddings, averaged over the views.
    """

    trained: Trained
    heads: list[LinearHead]


@dataclass(frozen=True, slots=True)
class _EmbeddingTable:
    """Embeddings of some photos as the descriptors that a head is chosen on.

    Attributes:
        embed: Rows of the photos and a view to embeddings (n, D).
        cached: The views that it knows.
    """

    embed: Callable[[Ints, int], Float32s]
    cached: CachedViews = ONE_VIEW

    @property
    def views(self) -> int:
        return self.cached.count

    def read(self, name: str, records: Ints, view: int = 0) -> Float32s:
        return self.embed(records, view)


def with_embeddings(trained: Trained, known: PhotoTable) -> Trained:
    """Return the members so that each has its embeddings at hand: those that no cache holds are computed here, once.

    Args:
        trained: The members.
        known: The photos of `PhotoTable.for_training`.
    """

    def computed(member: TrainedMember) -> TrainedMember:
        if member.embed is not None:
            return member
        rows = member.graph.mean_embeddings(known.records, member.spec.views)
        return replace(member, embed=lambda positions: np.asarray(rows[positions]))

    return replace(trained, members=[computed(member) for member in trained.members])


def train_heads(trained: Trained, asked: PhotoTable, rows: Ints, settings: FitSettings) -> TrainedHeads:
    """Fit a head on each member's embeddings; cross-validation chooses its regularisation.

    On frozen features the heads learn, and are measured out of folds, as those of the first question. A network that
    was trained has seen the train photos, so that its heads are measured on val only.

    Args:
        trained: Members with embeddings; see `with_embeddings`.
        asked: Photos of `PhotoTable.for_training` that have a label for the question.
        rows: Their rows in the table that the members know, (n,).
        settings: The seed, the views and the device are used.
    """
    pairs = [_train_head(member, asked, rows, settings, trained.metric) for member in trained.members]
    members = [member for member, _ in pairs]
    return TrainedHeads(Trained(members, metric=trained.metric), [head for _, head in pairs])


def _train_head(
    member: TrainedMember, asked: PhotoTable, rows: Ints, settings: FitSettings, metric: Metric
) -> tuple[TrainedMember, LinearHead]:
    assert member.embed is not None
    embed, by_view = member.embed, member.embed_view
    device, num_classes = choose_device(settings.device), len(asked.classes)
    is_frozen = by_view is not None
    if by_view is not None:
        table = _EmbeddingTable(lambda positions, view: by_view(rows[positions], view), member.cached_views)
    else:
        table = _EmbeddingTable(lambda positions, _: embed(rows[positions]))
    joins = is_frozen and member.learned_val
    learned = np.arange(len(asked)) if joins else asked.positions("train")
    labels, groups = asked.labels[learned], np.array(asked.groups, dtype=np.int64)[learned]
    choice = choose_head(
        table,
        learned,
        labels,
        groups,
        [(_NAME,)],
        num_classes,
        views=table.cached.learned,
        answered=table.cached.answered,
        folds=_FOLDS,
        seed=settings.seed,
        device=device,
        metric=metric,
    )
    scalings, scaled = refit(table, learned, labels, choice, num_classes, device)
    weight = scaled.weight * np.float32(scalings[_NAME].scale)
    head = LinearHead(weight, np.asarray(scaled.bias - weight @ scalings[_NAME].center, dtype=np.float32))
    found = None
    if is_frozen:
        views = table.cached.averaged(member.spec.views)
        found = _out_of_fold(table, learned, labels, choice, num_classes, views, device)
    val = asked.positions("val", "calibration")
    if joins:
        assert found is not None
        val_logits = found.logits[val]
    else:
        val_logits = head(embed(rows[val])) if len(val) else np.zeros((0, num_classes), dtype=np.float32)
    spec = member.spec.model_copy(update={"temperature": 1.0})
    return TrainedMember(
        spec, member.graph, val_logits, joins, found, embed=lambda positions: embed(rows[positions])
    ), head


def _out_of_fold(
    table: _EmbeddingTable,
    learned: Ints,
    labels: Ints,
    choice: HeadChoice,
    num_classes: int,
    views: Sequence[int],
    device: str,
) -> OutOfFold | None:
    """Return the out-of-fold logits of the learned photos; None where the folds leave some out."""
    if (choice.fold_of < 0).any():
        return None
    return OutOfFold(*out_of_fold_logits(table, learned, labels, choice, num_classes, views=views, device=device))

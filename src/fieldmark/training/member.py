"""The result of training: methods that answer together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.layers.class_balance import Metric
from fieldmark.member_spec import MemberSpec
from fieldmark.training.cached_views import ONE_VIEW, CachedViews
from fieldmark.training.method_graph import MethodGraph

__all__ = ["OutOfFold", "Trained", "TrainedMember"]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What heads that did not learn from a photo, nor from its group, say about it.

    The photos are the first n of `PhotoTable.for_training`: the train photos, or train and val.

    Attributes:
        logits: (n, K), averaged over the views.
        known: (n,) whether those heads learned from other photos of its class. If not, they cannot name it.
    """

    logits: Float32s
    known: Bools


@dataclass(frozen=True, slots=True)
class TrainedMember:
    """One trained method, and its logits of the val photos.

    Attributes:
        spec: What builds it again, how it reads a photo, and its weight.
        graph: The method and its ONNX graph.
        val_logits: (n_val, K) of the split val, averaged over the views, by a head that did not learn from it.
        learned_val: Whether it learned from the val photos, too; their logits are out of fold then.
        out_of_fold: Logits of the photos that the head learned from; None where there are none.
        calibrated: Whether `spec.temperature` was fitted already; otherwise val decides it.
        embed: Rows of `PhotoTable.for_training` to embeddings (n, D), averaged over all views but the corners, if a
            cache holds them; None where the graph must read the photos.
        embed_view: Rows and one of `cached_views` to embeddings (n, D) of frozen features; None where the network
            learned from labels.
        cached_views: The views that `embed_view` knows.
    """

    spec: MemberSpec
    graph: MethodGraph
    val_logits: Float32s
    learned_val: bool = False
    out_of_fold: OutOfFold | None = None
    calibrated: bool = False
    embed: Callable[[Ints], Float32s] | None = None
    embed_view: Callable[[Ints, int], Float32s] | None = None
    cached_views: CachedViews = ONE_VIEW

    def weighing(self, weight: float) -> TrainedMember:
        """The same member with another weight; the graph is shared."""
        return replace(self, spec=self.spec.model_copy(update={"weight": weight}))


@dataclass(slots=True)
class Trained:
    """Members that answer together, and the account of their training.

    Attributes:
        members: At least one.
        steps: One line for each step: what was tried, what it gained, what it cost.
        estimate: Out-of-fold or val accuracy that guided the choices.
        next_step: What the training did not do although it may help, and its measured cost; empty for nothing.
        metric: The accuracy that the answers are for: for ``mean_class``, calibration adjusts them.
    """

    members: list[TrainedMember]
    steps: list[str] = field(default_factory=list)
    estimate: float | None = None
    next_step: str = ""
    metric: Metric = "top1"

    @property
    def learned_val(self) -> bool:
        """Whether a member learned from the val photos, too."""
        return any(member.learned_val for member in self.members)

"""The chosen head of a frozen pass, fitted on all photos: a method that answers, and its out-of-fold logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.backbones.weights_licence import weights_licences
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.frozen.choice_cache import choice_key, remembered_arrays
from fieldmark.training.frozen.choose_head import refit
from fieldmark.training.frozen.design_matrix import DesignMatrix, Scaling
from fieldmark.training.frozen.frozen_backbone import CACHED_VIEWS
from fieldmark.training.frozen.frozen_pass import FrozenPass
from fieldmark.training.frozen.out_of_fold import out_of_fold_logits
from fieldmark.training.member import OutOfFold, TrainedMember
from fieldmark.training.method_graph import MethodGraph

__all__ = ["fit_member"]


def fit_member(run: FrozenPass, *, calibrates: bool = True) -> TrainedMember:
    """Fit the head of a pass over train and val on all learned photos and views, as a method of its own.

    Args:
        run: The pass.
        calibrates: Also compute the out-of-fold logits.
    """
    backbone, photos, settings = run.backbone, run.backbone.photos, run.backbone.settings
    learned, views = backbone.learned, settings.test_views
    scalings, head = refit(run.table, learned, photos.labels[learned], run.choice, len(photos.classes), backbone.device)
    method = _method(run, scalings)
    method.set_head(torch.from_numpy(head.weight), torch.from_numpy(head.bias))
    fitted = method.fitted_tensors
    graph = MethodGraph(method, backbone.preprocess, zoom=run.zoom, device=settings.device, varies=fitted)

    def embed_view(positions: Ints, view: int) -> Float32s:
        return DesignMatrix(run.table, positions, scalings, [view]).read()

    def embed(positions: Ints) -> Float32s:
        each = [embed_view(positions, view) for view in run.answer_views]
        return np.asarray(np.mean(each, axis=0, dtype=np.float32))

    val = photos.positions("val", "calibration")
    out_of_fold = _out_of_fold(run) if calibrates or backbone.learns_val else None
    if backbone.learns_val:
        assert out_of_fold is not None
        val_logits = out_of_fold.logits[val]
    elif views <= CACHED_VIEWS:
        per_view = [head(embed_view(val, view)) for view in run.answer_views]
        val_logits = np.asarray(np.mean(per_view, axis=0, dtype=np.float32))
    else:  # corners were not read for training
        val_logits = graph.mean_logits(photos.take(val).records, views)
    spec = MemberSpec(
        method=settings.method,
        options={"backbone": backbone.backbone.name, "poolings": list(run.choice.names), **_locates(run)},
        preprocess=backbone.preprocess,
        views=views,
        zoom=run.zoom,
        weight=1.0,
        temperature=1.0,
        weights_licences=weights_licences({"backbone": backbone.backbone.name}, settings.weights),
    )
    return TrainedMember(
        spec,
        graph,
        val_logits,
        learned_val=backbone.learns_val,
        out_of_fold=out_of_fold,
        embed=embed,
        embed_view=embed_view,
        cached_views=run.views,
    )


def _locates(run: FrozenPass) -> dict[str, Any]:
    """Return the option of a method that holds a locator; none without one."""
    return {} if run.located is None else {"locates": True}


def _method(run: FrozenPass, scalings: dict[str, Scaling]) -> PooledMethod:
    """Return the method without its head."""
    backbone, names = run.backbone, run.choice.names
    method = PooledMethod(backbone.backbone, len(backbone.photos.classes), poolings=names, **_locates(run))
    if run.located is not None:
        method.set_locator(torch.from_numpy(run.located.weight))
    for name in names:
        method.pool.poolings[name].load_state_dict(backbone.pool.poolings[name].state_dict())
        method.set_scaling(name, torch.from_numpy(scalings[name].center), scalings[name].scale)
    return method


def _out_of_fold(run: FrozenPass) -> OutOfFold | None:
    """Return the out-of-fold logits of the learned photos; None for too many photos, or views not cached."""
    backbone, views = run.backbone, run.backbone.settings.test_views
    learned = backbone.learned
    if views > CACHED_VIEWS or (run.choice.fold_of < 0).any():
        return None
    labels, num_classes = backbone.photos.labels[learned], len(backbone.photos.classes)

    def compute() -> dict[str, Float32s | Bools]:
        found = out_of_fold_logits(
            run.table, learned, labels, run.choice, num_classes, views=run.answer_views, device=backbone.device
        )
        return dict(zip(("logits", "known"), found, strict=True))

    held = remembered_arrays(choice_key("out of fold", run.key, views), compute)
    return OutOfFold(held["logits"], held["known"])

"""Gradient descent through the backbone: the trainer of every method with `GradientSettings`."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from fieldmark.backbones.weights_licence import weights_licences
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_class, method_options
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.member import Trained, TrainedMember
from fieldmark.training.method_graph import MethodGraph

__all__ = ["initial_method", "probed_method", "train_by_gradient"]

logger = logging.getLogger(__name__)


def train_by_gradient(
    photos: PhotoTable, settings: GradientSettings, run_dir: Path, *, resume: bool = False
) -> Trained:
    """Train through the one loop, then take the val logits.

    Args:
        photos: All photos of the fit; those of the test split are not used.
        settings: Which method, and how to train it.
        run_dir: Where checkpoints go.
        resume: Continue from them.
    """
    from fieldmark.training.gradient.annotated_photos import check_annotated
    from fieldmark.training.gradient.loop import train_method

    started = time.monotonic()
    train = photos.of_role("train").records
    kind = method_class(settings.method)
    options = kind.options_for({"backbone": settings.backbone, **method_options(settings)}, train)
    probe_start = settings.probe_start
    if kind.starts_as_probe and probe_start:
        method, probe_start = probed_method(photos, settings), 0.0
    else:
        method = initial_method(settings, options, len(photos.classes))
    if method.point_names is not None:
        check_annotated(settings)
    options["backbone"] = method.backbone.name
    preprocess = method.backbone.preprocess(settings.image_size, settings.resize)
    val, choice = photos.of_split("val"), photos.of_role("val")
    history = train_method(
        method,
        train,
        choice.records,
        preprocess,
        settings,
        run_dir,
        resume=resume,
        budget=settings.budget,
        probe_start=probe_start,
    )
    graph = MethodGraph(method, preprocess, device=settings.device)
    logits = graph.mean_logits(val.records, settings.test_views)
    correct = logits.argmax(1) == val.labels
    accuracy = float(correct[val.positions("val")].mean()) if len(choice) else None
    step = f"{_deed(settings, method, preprocess)} for {history.epochs} epochs"
    if accuracy is not None:
        step += f": {accuracy:.3f} on val"
    step += f" ({time.monotonic() - started:.0f} s)"
    logger.info(f"  {step}")
    spec = MemberSpec(
        method=settings.method,
        options=options,
        preprocess=preprocess,
        views=settings.test_views,
        weight=1.0,
        temperature=1.0,
        weights_licences=weights_licences(options, settings.weights),
        history=history.curves(),
    )
    return Trained([TrainedMember(spec, graph, logits)], [step], accuracy)


def initial_method(settings: GradientSettings, options: dict[str, Any], num_classes: int) -> Method:
    """Build a method: pretrained backbones, everything else drawn from the seed. The global random state stays."""
    import torch

    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(settings.seed)
        return build_method(
            settings.method, num_classes, options, settings.image_size, pretrained=True, weights=settings.weights
        )


def probed_method(photos: PhotoTable, settings: GradientSettings) -> Method:
    """Build a `PooledMethod` that starts as the linear probe: a random head would first distort the features.

    Its weights are scaled down, since a probe that is certain of all its training photos leaves no gradient.

    Source: Kumar, Raghunathan, Jones, Ma, Liang, "Fine-tuning can distort pretrained features and underperform
    out-of-distribution" (ICLR 2022), which fine-tunes from the unscaled probe.
    """
    import torch

    options = method_options(settings)
    poolings = tuple(options["poolings"])
    frozen = FrozenBackbone(photos.for_training(), settings, settings.backbone, settings.image_size, poolings)
    run = run_pass(frozen, [poolings])
    method = fit_member(run, calibrates=False).graph.method
    assert isinstance(method, PooledMethod)
    with torch.no_grad():
        method.head.weight.mul_(settings.probe_start)
        method.head.bias.mul_(settings.probe_start)
    method.dropout.p = options["dropout"]
    logger.info(f"  starts from a linear probe: {run.choice.accuracy:.3f} by cross-validation")
    return method


def _deed(settings: GradientSettings, method: Method, preprocess: Preprocess) -> str:
    names = " and ".join(backbone.name for backbone in method.backbones)
    return f"trained {settings.method} on {names} at {preprocess.image_size} px"

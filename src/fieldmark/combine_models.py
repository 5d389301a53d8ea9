"""Combine models: a weighted mean of calibrated probabilities, with weights chosen on val."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.load_method import load_method
from fieldmark.calibration.member_fusion import fuse
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import SettingError
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.ensemble import Ensemble
from fieldmark.recognizer.predictor import Predictor
from fieldmark.training.member import Trained, TrainedMember
from fieldmark.training.method_graph import MethodGraph

__all__ = ["combine", "select_greedily"]

logger = logging.getLogger(__name__)


def combine(
    photos: PhotoTable, settings: Ensemble.Settings, run_dir: Path | None = None, *, resume: bool = False
) -> Trained:
    """Return the members of all selected models, the largest weight first.

    Args:
        photos: The photos that the models were made from, with the same splits. Photos of the role val choose weights.
        settings: The models, and the maximum number of picks.
        run_dir: Not used: there are no checkpoints.
        resume: Not used.

    Raises:
        SettingError: There are fewer than two models, or their classes or splits differ.
        ModelError: A folder is not a model, or is damaged.
    """
    if len(settings.models) < 2:
        raise SettingError(f"an ensemble needs at least two models, but got {len(settings.models)}: --set models=A,B")
    recognizers = [Predictor(folder) for folder in settings.models]
    _demand_alike(recognizers, photos.fingerprint)
    val = photos.of_split("val")
    choice = val.positions("val")
    if not len(choice):
        raise SettingError("an ensemble chooses its weights on val photos, but the data have none; add photos")
    labels = val.labels[choice]
    members = [_members(recognizer, val) for recognizer in recognizers]
    answers = [_answers(own)[choice] for own in members]
    picks = select_greedily(answers, labels, settings.rounds)
    shares = np.bincount(picks, minlength=len(answers)) / len(picks)
    steps = _account(settings.models, answers, shares, labels)
    for step in steps:
        logger.info(f"  {step}")
    order = [model for model in np.argsort(-shares, kind="stable") if shares[model]]
    chosen = [member for model in order for member in _weighed(members[model], shares[model])]
    return Trained(chosen, steps, _accuracy(_mixed(answers, shares), labels))


def select_greedily(probabilities: Sequence[Floats], labels: Ints, rounds: int) -> list[int]:
    """Return the model that each round picks: the one that lowers the loss of the mean of all picks most.

    A model may be picked several times. The picks end where the loss was lowest, so the ensemble is never worse on
    these photos than the best model. The loss is the mean of -log p(correct class): unlike accuracy, it also counts
    how confident a correct answer is.

    Source: Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models" (ICML 2004).

    Args:
        probabilities: (n, K) of each model.
        labels: (n,).
        rounds: Maximum number of picks.
    """
    total = np.zeros_like(probabilities[0], dtype=np.float64)
    picks: list[int] = []
    losses: list[float] = []
    for number in range(1, rounds + 1):
        candidates = [_loss((total + each) / number, labels) for each in probabilities]
        best = int(np.argmin(candidates))
        total += probabilities[best]
        picks.append(best)
        losses.append(candidates[best])
    return picks[: int(np.argmin(losses)) + 1]


def _demand_alike(recognizers: Sequence[Predictor], fingerprint: str) -> None:
    first, *others = recognizers
    for other in others:
        if other.classes != first.classes:
            raise SettingError(
                f"the models of an ensemble must have the same classes, but {other.folder} ({len(other.classes)}) and "
                f"{first.folder} ({len(first.classes)}) differ; fit both on the same data"
            )
        if other.manifest.data.fingerprint != first.manifest.data.fingerprint:
            raise SettingError(
                f"the models of an ensemble must come from the same photos and splits, but {other.folder} and "
                f"{first.folder} differ; fit both on the same data with the same seed"
            )
    facts, own = first.manifest.data, first.manifest.settings
    if facts.fingerprint != fingerprint:
        raise SettingError(
            f"an ensemble needs the photos and splits of its models, but these data differ from those of "
            f"{first.folder}; give {first.data_place} with --seed {own.get('seed')}, val_fraction "
            f"{own.get('val_fraction')} and test_fraction {own.get('test_fraction')}"
        )


def _members(recognizer: Predictor, val: PhotoTable) -> list[TrainedMember]:
    """Return the members of a model as trained members, with logits on val.

    They come from its own graphs, or out of folds, from the fit, where the model also learned from val.
    """
    members, held = [], recognizer.val_logits()
    for number, facts in enumerate(recognizer.manifest.members):
        content = verified_file(recognizer.folder, recognizer.manifest, facts.graph).read_bytes()
        method = load_method(recognizer.folder, recognizer.manifest, facts)
        graph = MethodGraph(method, facts.preprocess, content, zoom=facts.zoom)
        spec = MemberSpec(**{name: getattr(facts, name) for name in MemberSpec.model_fields})
        own = held.of(val.content_keys, number) if held else graph.mean_logits(val.records, facts.views)
        members.append(TrainedMember(spec, graph, own, learned_val=held is not None, calibrated=True))
    return members


def _answers(members: Sequence[TrainedMember]) -> Floats:
    """Return the calibrated probabilities of the val photos, (n, K)."""
    temperatures, weights = zip(*((member.spec.temperature, member.spec.weight) for member in members), strict=True)
    return fuse([member.val_logits for member in members], temperatures, weights)


def _weighed(members: Sequence[TrainedMember], share: float) -> list[TrainedMember]:
    """Return the members of one model, their weights scaled to sum to its share."""
    total = sum(member.spec.weight for member in members)
    return [member.weighing(float(share * member.spec.weight / total)) for member in members]


def _account(models: Sequence[Path], answers: Sequence[Floats], shares: Floats, labels: Ints) -> list[str]:
    """Return a log line for each model, and one for the ensemble."""
    total = _mixed(answers, shares)
    lines = []
    for folder, each, share in zip(models, answers, shares, strict=True):
        alone = f"{folder.name}: {_accuracy(each, labels):.3f} on val alone, loss {_loss(each, labels):.3f}"
        if not share:
            lines.append(f"{alone}; not selected: it does not improve the ensemble")
            continue
        step = f"{alone}; weight {share:.2f}"
        if share < 1:
            without = (total - share * each) / (1 - share)
            step += f", loss {_loss(without, labels):.3f} without it"
        lines.append(step)
    lines.append(f"together: {_accuracy(total, labels):.3f} on val, loss {_loss(total, labels):.3f}")
    return lines


def _mixed(answers: Sequence[Floats], shares: Floats) -> Floats:
    return np.asarray(np.sum([share * each for share, each in zip(shares, answers, strict=True)], axis=0))


def _loss(probabilities: Floats, labels: Ints) -> float:
    truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, 1e-12)).mean())


def _accuracy(probabilities: Floats, labels: Ints) -> float:
    return float((probabilities.argmax(1) == labels).mean())

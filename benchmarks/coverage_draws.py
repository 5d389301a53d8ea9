"""How close prediction sets come to their promised coverage: calibrated on held-out val photos, and out of folds.

    python benchmarks/coverage_draws.py DATA [--draws 10] [--folds 5] [--conformal lac] [--group-col NAME ...]

Each draw splits the data anew into train and test, groups and near-duplicates together, and fits `linear_probe` twice:

- val: a tenth of train is held out; half of it calibrates the sets, as in methods that learn by gradient descent.
- folds: the head learns from train and val together; every photo calibrates by a head that did not learn from it.

Both are tested on the same photos. Features are read once. The band is the 95% range that chance leaves for so many
calibration photos and test photos (beta-binomial), if all photos were independent.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.stats import betabinom

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.calibrate import Calibration, calibrate
from fieldmark.calibration.member_fusion import fuse
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.data.splits import carve
from fieldmark.evaluation.guarantee_metrics import set_figures
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.methods.pooled import PooledMethod
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.member import Trained, TrainedMember
from fieldmark.uncertainty.certify import certify
from fieldmark.uncertainty.conformity_scores import ConformityScore
from fieldmark.uncertainty.guarantees import Guarantees
from fieldmark.uncertainty.taxonomy import Hierarchy


@dataclass(frozen=True)
class Draw:
    """One arm of one draw."""

    photos: int
    coverage: float
    macro: float
    size: float
    accuracy: float
    inside: bool
    seconds: float


def tables(data: Path, draws: int, test_fraction: float, **options: object) -> list[PhotoTable]:
    """Return the photos of each draw, without regard to splits that the data name."""
    seen = survey(read(data, **options))  # type: ignore[arg-type]
    groups = seen.groups()
    keys = [photo.content_key or "" for photo in seen.facts if photo.usable]
    bare = seen.records.like(record.with_split(None) for record in seen.records)
    found = []
    for seed in range(draws):
        records = carve(bare, groups=groups, val_fraction=0.1, test_fraction=test_fraction, seed=seed)
        found.append(PhotoTable.of(records, groups, keys, val_carved=True))
    return found


def measure(photos: PhotoTable, settings: LinearProbe.Settings, *, joined: bool) -> Draw:
    """Fit, calibrate and test one arm."""
    started = time.monotonic()
    known, test = photos.for_training(), photos.of_split("test")
    backbone = FrozenBackbone(known, settings, None, None, settings.poolings, learn_val=joined)
    mirror = settings.test_views > 1
    member = fit_member(run_pass(backbone, [settings.poolings], mirror=mirror, folds=settings.folds))
    calibration = calibrate(Trained([member]), known)
    if not joined:
        calibration = replace(calibration, out_of_fold=None)
    certificate = certify(calibration, known, settings)
    facts = certificate.facts
    score = ConformityScore(facts.score, facts.k_reg, facts.penalty)
    hierarchy = Hierarchy(known.classes, (), {})
    guarantees = Guarantees(hierarchy, certificate.tables, facts.coverage, score=score)
    probabilities = on_test(backbone, member, calibration, test)
    sets = guarantees.sets(probabilities, facts.coverage)
    assert sets is not None, "too few calibration photos"
    figures = set_figures(sets, test.labels, photos.classes)
    missed = int(np.floor((facts.photos + 1) * (1 - facts.coverage) + 1e-9))
    low, high = betabinom.interval(0.95, len(test), facts.photos + 1 - missed, missed)
    return Draw(
        facts.photos,
        figures["set_coverage"],
        float(np.mean(list(figures["set_coverage_by_class"].values()))),
        figures["set_size"],
        float((probabilities.argmax(1) == test.labels).mean()),
        bool(low <= round(figures["set_coverage"] * len(test)) <= high),
        time.monotonic() - started,
    )


def on_test(backbone: FrozenBackbone, member: TrainedMember, calibration: Calibration, test: PhotoTable) -> Floats:
    """Return calibrated probabilities of the test photos, from cached features as the shipped graph computes them."""
    mirror = member.spec.views > 1
    table = backbone.features.extract(list(test.records), mirror=mirror, content_keys=test.key_of)
    method = member.graph.method
    assert isinstance(method, PooledMethod)
    rows: Ints = np.arange(len(test))
    each = []
    with torch.no_grad():
        for view in range(member.spec.views):
            scaled = [
                (torch.from_numpy(table.read(name, rows, view)) - getattr(method, f"center_{name}"))
                * getattr(method, f"scale_{name}")
                for name in method.pool.names
            ]
            each.append(method.head(torch.cat(scaled, 1)).numpy())
    logits = np.mean(each, axis=0)
    probabilities = fuse([logits], [calibration.members[0].temperature], [1.0])
    if calibration.scaling is None:
        return probabilities
    return calibration.scaling(np.log(np.maximum(probabilities, 1e-30)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--test-fraction", type=float, default=0.3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--views", type=int, default=2, choices=(1, 2), help="1 reads no mirror images")
    parser.add_argument("--coverage", type=float, default=0.9)
    parser.add_argument("--conformal", default="lac")
    parser.add_argument("--group-col")
    parser.add_argument("--drop-label", action="append", default=[])
    arguments = parser.parse_args()
    settings = LinearProbe.Settings(
        folds=arguments.folds, coverage=arguments.coverage, conformal=arguments.conformal, test_views=arguments.views
    )
    drawn = tables(
        arguments.data,
        arguments.draws,
        arguments.test_fraction,
        group_col=arguments.group_col,
        drop_labels=arguments.drop_label,
    )
    first = drawn[0]
    print(
        f"{arguments.data.name}: {len(first)} photos of {len(first.classes)} classes, {len(set(first.groups))} groups"
    )
    found: defaultdict[str, list[Draw]] = defaultdict(list)
    for number, photos in enumerate(drawn):
        for arm, joined in (("val", False), ("folds", True)):
            one = measure(photos, settings, joined=joined)
            found[arm].append(one)
            print(f"  draw {number} {arm:5} {one}", flush=True)
    for arm, draws in found.items():
        covered = np.array([one.coverage for one in draws])
        print(
            f"{arm:5} {np.mean([one.photos for one in draws]):.0f} calibration photos: coverage {covered.mean():.3f} "
            f"± {covered.std(ddof=1) if len(draws) > 1 else 0:.3f} ({covered.min():.3f} to {covered.max():.3f}), "
            f"{sum(one.inside for one in draws)} of {len(draws)} in the band, "
            f"macro-coverage {np.mean([one.macro for one in draws]):.3f}, "
            f"{np.mean([one.size for one in draws]):.2f} classes a set, "
            f"top-1 {np.mean([one.accuracy for one in draws]):.3f}, {np.mean([one.seconds for one in draws]):.1f} s"
        )


if __name__ == "__main__":
    main()

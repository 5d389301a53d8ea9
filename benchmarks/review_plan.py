"""Do new photos cost what a plan says?

    python benchmarks/review_plan.py DATA... [--repeats 20] [--cost-wrong 5] [--cost-review 1]

Whole groups of photos are divided at random: 55% fit a linear head on frozen EfficientNet-Lite0 features, 10% its
temperature, 10% the plan, and 25% are test photos. Printed for each data set: the expected and the realised cost of a
test photo, the costs of accepting and of reviewing everything, and how often the realised cost lies within the interval
of the plan. The interval is for the expected cost; the mean over few test photos varies too, so that 95% is not
reached.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from fieldmark.arrays import softmax
from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.calibration.temperature import fit_temperature
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.review_plan import Costs, photo_costs, plan_review


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--cost-wrong", type=float, default=5.0)
    parser.add_argument("--cost-review", type=float, default=1.0)
    options = parser.parse_args()
    costs = Costs(options.cost_wrong, options.cost_review, options.cost_wrong)
    print("| data | calibration photos | expected | realised | accept all | review all | within the interval |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for data in options.data:
        seen = survey(read(data))
        features, labels = embed(seen.records.paths), np.array(seen.records.labels)
        groups = np.array(join_groups(seen.records, seen.groups()))
        rows = [_once(features, labels, groups, costs, seed) for seed in range(options.repeats)]
        count, expected, realised, accept, review, held = np.mean(rows, axis=0)
        print(
            f"| {data.name} | {count:.0f} | {expected:.3f} | {realised:.3f} | {accept:.3f} | {review:.3f} | "
            f"{held * len(rows):.0f} of {len(rows)} |",
            flush=True,
        )


def _once(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, costs: Costs, seed: int
) -> tuple[float, float, float, float, float, float]:
    place = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups] / (groups.max() + 1)
    train = place < 0.55
    known = np.isin(labels, np.unique(labels[train]))
    numbers = np.searchsorted(np.unique(labels[train]), labels)
    center = features[train].mean(0)
    rows = (features - center) / np.sqrt(np.square(features[train] - center).sum(1).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        head = LogisticRegression(C=15.0, max_iter=60, tol=1e-3).fit(rows[train], numbers[train])
    parts = [known & (place >= low) & (place < high) for low, high in ((0.55, 0.65), (0.65, 0.75), (0.75, 1.01))]
    val, calibration, test = ((head.decision_function(rows[part]), numbers[part]) for part in parts)
    temperature = fit_temperature(*val)

    def judged(logits: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities = softmax(logits / temperature)
        own = probabilities[np.arange(len(truth)), truth]
        return probabilities.max(1), 1 + (probabilities > own[:, None]).sum(1)

    plan = plan_review(*judged(*calibration), costs, seed=seed)
    confidence, ranks = judged(*test)
    realised = float(photo_costs(confidence, ranks, costs, plan.thresholds).mean())
    held = plan.cost.low <= realised <= plan.cost.high
    accept = float(costs.wrong * (ranks != 1).mean())
    return plan.photos, plan.cost.value, realised, accept, plan.cost_review_all, float(held)


if __name__ == "__main__":
    main()

"""Suspect labels, on synthetic embeddings and on real photos with changed labels."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fieldmark.check import CheckReport, check, label_errors
from fieldmark.check.label_errors import label_suspects, out_of_fold_probabilities
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.read import read
from fieldmark.structures import Record, RecordList


def clouds(classes: int = 6, size: int = 40, dim: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (N, D) around one centre a class, and their true labels."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), size)
    centres = rng.normal(size=(classes, dim)) * 2
    return (centres[labels] + rng.normal(size=(len(labels), dim))).astype(np.float32), labels


def flipped(labels: np.ndarray, share: float = 0.03, seed: int = 1) -> tuple[np.ndarray, set[int]]:
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    classes = int(labels.max()) + 1
    given = labels.copy()
    given[wrong] = (given[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return given, {int(index) for index in wrong}


def test_changed_labels_are_found_and_the_correct_ones_suggested() -> None:
    embeddings, labels = clouds()
    given, wrong = flipped(labels)
    suspects = label_suspects(embeddings, given.tolist(), range(len(given)))
    assert {suspect.index for suspect in suspects} == wrong
    assert all(suspect.suggested == labels[suspect.index] for suspect in suspects)
    order = [suspect.given_probability for suspect in suspects]
    assert order == sorted(order)


def test_correct_labels_are_not_suspect() -> None:
    embeddings, labels = clouds()
    assert label_suspects(embeddings, labels.tolist(), range(len(labels))) == []


def test_the_same_seed_gives_the_same_suspects() -> None:
    embeddings, labels = clouds(dim=3)
    given, _ = flipped(labels)
    first, again = (label_suspects(embeddings, given.tolist(), range(len(given)), seed=4) for _ in range(2))
    assert first == again


def test_a_burst_under_a_wrong_label_does_not_vouch_for_itself() -> None:
    """Ten photos of one moment, all with a wrong label: apart they would confirm each other."""
    embeddings, labels = clouds(size=40)
    given, groups = labels.copy(), np.arange(len(labels))
    burst = np.arange(10)
    embeddings[burst] = embeddings[0] + np.random.default_rng(0).normal(size=(10, embeddings.shape[1])) * 0.01
    given[burst] = 3
    alone = {suspect.index for suspect in label_suspects(embeddings, given.tolist(), groups.tolist())}
    groups[burst] = 0
    together = {suspect.index for suspect in label_suspects(embeddings, given.tolist(), groups.tolist())}
    assert together == set(burst.tolist())
    assert len(alone) < len(together)


def test_no_photo_is_judged_by_its_own_group() -> None:
    embeddings, labels = clouds(classes=3, size=12)
    groups = np.arange(len(labels)) // 3
    probabilities = out_of_fold_probabilities(embeddings, labels, groups, seed=0, folds=4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    changed = embeddings.copy()
    changed[labels == 2] = np.random.default_rng(5).normal(size=(12, embeddings.shape[1]))
    assert (out_of_fold_probabilities(changed, labels, groups, seed=0, folds=4) != probabilities).any()


def test_small_classes_and_unreadable_photos_are_passed_over() -> None:
    embeddings, labels = clouds(classes=3, size=20)
    embeddings[0] = np.nan
    labels[-2:] = 7
    suspects = label_suspects(embeddings, labels.tolist(), range(len(labels)))
    assert all(suspect.index not in (0, 58, 59) and suspect.suggested != 7 for suspect in suspects)
    assert label_suspects(embeddings, [0] * len(labels), range(len(labels))) == []
    assert label_suspects(embeddings, labels.tolist(), [0] * len(labels)) == []


def test_classes_of_three_photos_can_be_judged() -> None:
    embeddings, labels = clouds(classes=4, size=3)
    assert label_suspects(embeddings, labels.tolist(), range(12)) == []


def colours(paths: list[Path], *, trim_bottom: list[int] | int = 0) -> np.ndarray:
    """(N, 192) histograms of hue, saturation and value in the middle and at the edge of each photo."""
    del trim_bottom
    rows = []
    for path in paths:
        pixels = np.asarray(open_photo(path, draft=(48, 48)).resize((48, 48)).convert("HSV"))
        middle = np.zeros((48, 48), dtype=bool)
        middle[12:36, 12:36] = True
        rows.append(
            np.concatenate(
                [
                    np.histogram(pixels[where][:, channel], 32, (0, 256))[0]
                    for where in (middle, ~middle)
                    for channel in range(3)
                ]
            )
        )
    return np.sqrt(np.array(rows, dtype=np.float32))


def wrong_flowers(root: Path, every: int) -> tuple[RecordList, set[str]]:
    """Five flowers of different colours with 3 % of the labels changed, and the photos that were changed."""
    records = read(root)
    kept = [index for index, name in enumerate(records.classes) if name[:2] in {"02", "04", "07", "10", "17"}]
    few = [record for record in records if record.label in kept][::every]
    given, wrong = flipped(np.array([kept.index(record.label) for record in few]))
    changed = [Record(record.path, int(label)) for record, label in zip(few, given, strict=True)]
    names = [records.classes[index] for index in kept]
    return RecordList(changed, names, root=root), {str(few[index].path) for index in wrong}


def suspected(report: CheckReport) -> set[str]:
    finding = next(finding for finding in report.findings if finding.code == "label_suspects")
    return {example.paths[0] for example in finding.examples}


def test_changed_labels_of_flowers_are_found_by_colour_alone(flowers17: Path) -> None:
    records, wrong = wrong_flowers(flowers17, every=1)
    found = suspected(check(records, embed=colours))
    assert len(found & wrong) / len(wrong) >= 0.8
    assert len(found) < len(records) / 10


def test_changed_labels_of_flowers_are_found_by_the_bundled_network(
    flowers17: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path))
    records, wrong = wrong_flowers(flowers17, every=3)
    found = suspected(check(records))
    assert len(found & wrong) / len(wrong) >= 0.8
    assert len(found & wrong) / len(found) >= 0.8


def test_many_embeddings_are_not_copied_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, labels = clouds(classes=3, size=2000, dim=640)
    monkeypatch.setattr(label_errors, "_COMPONENT_PHOTOS", 500)
    label_errors._components(embeddings[:600], np.arange(600), 0)  # imports
    tracemalloc.start()
    rows = label_errors._components(embeddings, np.arange(0, len(labels), 2), 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows.shape == (6000, 128)
    assert peak < 0.8 * embeddings.nbytes

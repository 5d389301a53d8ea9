"""Answers that know the true boxes, and the percentage of correct parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fieldmark import load
from fieldmark.errors import SettingError
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.evaluation.oracle import _Tally, evaluate_with_annotations


def test_parts_are_correct_from_half_an_overlap_where_they_are_marked() -> None:
    truth = torch.tensor(
        [[[0.0, 0.0, 10.0, 10.0]], [[0.0, 0.0, 10.0, 10.0]], [[torch.nan] * 4], [[0.0, 0.0, 8.0, 8.0]]]
    )
    found = torch.tensor([[[0.0, 0.0, 10.0, 5.0]], [[0.0, 0.0, 10.0, 4.9]], [[0.0, 0.0, 9.0, 9.0]], [[0.0] * 4]])
    tally = _Tally()
    tally.add(found[:2], truth[:2])
    tally.add(found[2:], truth[2:])
    assert tally.marked.tolist() == [3]  # the third photo's part is not marked
    assert tally.found.tolist() == [1]  # 0.5 is enough, 0.49 is not, and neither is nothing


def test_what_is_found_never_exceeds_what_is_marked() -> None:
    generator = np.random.default_rng(0)
    corners = generator.uniform(0, 50, (40, 3, 2))
    truth = torch.from_numpy(np.concatenate([corners, corners + generator.uniform(5, 40, (40, 3, 2))], 2))
    tally = _Tally()
    tally.add(truth, truth)
    assert np.array_equal(tally.found, tally.marked)
    tally.add(truth + 100, truth)
    assert np.array_equal(2 * tally.found, tally.marked)


def test_other_models_know_of_no_parts(fitted: Path) -> None:
    recognizer = load(fitted)
    with pytest.raises(SettingError) as error:
        evaluate_with_annotations(fitted, recognizer.manifest, photos_of_split(recognizer, None, "test"))
    assert str(error.value) == (
        f"'linear_probe' of {fitted} does not learn from boxes and parts, so it cannot use the true ones: "
        "leave --oracle out, or fit a method that does"
    )

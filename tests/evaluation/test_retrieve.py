"""Retrieval among photos of classes that the model was not trained on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import Recognizer, fit, read
from fieldmark.evaluation.retrieval import compute_retrieval
from fieldmark.evaluation.retrieve import evaluate_retrieval

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def first_half(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a model of the first two of four species."""
    out = tmp_path_factory.mktemp("models") / "half"
    fit(birds, out, method="linear_probe", image_size=64, classes="0:2")
    return out


def test_only_the_chosen_classes_are_learned(first_half: Path, birds: Path) -> None:
    recognizer, everything = Recognizer(first_half), read(birds)
    assert recognizer.classes == everything.classes[:2]
    assert recognizer.manifest.settings["classes"] == "0:2"
    assert {row.label for row in recognizer.split()} == set(everything.classes[:2])


def test_all_photos_of_the_other_classes_are_queries(first_half: Path, birds: Path) -> None:
    recognizer, everything = Recognizer(first_half), read(birds)
    found = evaluate_retrieval(recognizer, birds)
    assert found.unseen_classes
    assert [record.path for record in found.records] == [record.path for record in everything if record.label >= 2]
    embeddings = recognizer.embeddings(found.records).vectors
    assert found.metrics == compute_retrieval(embeddings, np.array(found.records.labels))
    assert found.metrics.num_images == 48
    assert found.metrics == evaluate_retrieval(recognizer).metrics  # the data set of the fit has all four classes


def test_known_classes_are_searched_in_a_split(fitted: Path) -> None:
    recognizer = Recognizer(fitted)
    found = evaluate_retrieval(recognizer, split="val")
    assert not found.unseen_classes
    assert found.metrics.num_images == recognizer.manifest.data.photos["val"]


def test_one_json_object(command: Command, first_half: Path, birds: Path) -> None:
    done = command("evaluate", first_half, birds, "--retrieval", "--json")
    assert done.code == 0
    figures = json.loads(done.out)
    assert figures["unseen_classes"] is True
    assert {"recall_at_1", "recall_at_2", "recall_at_4", "recall_at_8", "map_at_r", "r_precision"} <= figures.keys()
    assert figures == evaluate_retrieval(Recognizer(first_half), birds).to_dict()


def test_an_unreadable_photo_is_named(command: Command, first_half: Path, birds: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(birds, tmp_path / "copy")
    broken = next((copy / read(birds).classes[3]).iterdir())
    broken.write_bytes(b"no photo")
    done = command("evaluate", first_half, copy, "--retrieval")
    assert done.code == 1
    assert f"not read: {broken}" in done.err.replace("\n", "")
    assert "47 of 2 classes" in done.err


def test_retrieval_has_no_predictions_file(command: Command, first_half: Path, tmp_path: Path) -> None:
    done = command("evaluate", first_half, "--retrieval", "--rows", tmp_path / "rows.csv")
    assert done.code == 2
    assert "--retrieval gives no answers for single photos: leave out --rows and --stress" in done.err

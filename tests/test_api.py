"""The public names, and `fit` from end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fieldmark
from fieldmark import DataError, Recognizer, SettingError, fit, load, read
from fieldmark.calibration.temperature import expected_calibration_error


def test_public_names() -> None:
    assert sorted(fieldmark.__all__) == fieldmark.__all__
    for name in fieldmark.__all__:
        assert getattr(fieldmark, name) is not None
    assert set(dir(fieldmark)) == set(fieldmark.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        fieldmark.fitt  # noqa: B018


def test_load_gives_what_fit_gave(fitted: Path, birds: Path) -> None:
    recognizer = load(fitted)
    assert isinstance(recognizer, Recognizer)
    assert recognizer.classes == tuple(sorted(path.name for path in birds.iterdir()))
    assert recognizer.manifest.method == "linear_probe"
    assert recognizer.manifest.data.layout == "image_folder"
    assert recognizer.data_place == birds


def test_the_calibration_on_record_is_that_of_the_val_photos_out_of_folds(fitted: Path) -> None:
    recognizer = load(fitted)
    rows = [row for row in recognizer.split() if row.split == "val"]
    assert recognizer.manifest.data.learned == ["train", "val"]
    out_of_fold = recognizer.out_of_fold()
    probabilities = np.array([out_of_fold[row.content] for row in rows])
    labels = np.array([recognizer.class_to_idx[row.label] for row in rows])
    recorded = recognizer.manifest.calibration
    assert recorded["val_photos"] == len(rows)
    assert recorded["nll_after"] <= recorded["nll_before"] + 1e-6
    truth = probabilities[np.arange(len(rows)), labels]
    assert recorded["nll_after"] == pytest.approx(-np.log(truth).mean(), abs=0.02)
    assert recorded["ece_after"] == pytest.approx(expected_calibration_error(probabilities, labels), abs=0.1)
    top1 = float((probabilities.argmax(1) == labels).mean())
    assert recognizer.manifest.figures["val_top1"] == pytest.approx(top1)


_FIT = """
import json, sys
import fieldmark
recognizer = fieldmark.fit(sys.argv[1], sys.argv[2], method="linear_probe", image_size=96)
rows = [[row.path, row.split] for row in recognizer.split()]
scores = recognizer.scores([sys.argv[1] + "/" + path for path, _ in rows]).probabilities
needless = ("lightning", "matplotlib", "cleanlab", "jinja2", "fastapi", "onnxscript", "pytorch_metric_learning")
print(json.dumps([rows, scores.tolist(), [name for name in needless if name in sys.modules]]))
"""


def test_the_same_seed_gives_the_same_model_anywhere(birds: Path, fitted: Path, tmp_path: Path) -> None:
    """In another process, with another number of threads and no cached features, up to the rounding of sums.

    Called from Python, `fit` and the answers print nothing, and import nothing that only other commands need.
    """
    threads = 1 if os.environ.get("OMP_NUM_THREADS") == "2" else 2
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "FIELDMARK_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", _FIT, str(birds), str(tmp_path / "model")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rows, scores, needless = json.loads(done.stdout)
    assert needless == []
    here = load(fitted)
    assert rows == [[row.path, row.split] for row in here.split()]
    np.testing.assert_allclose(scores, here.scores([birds / path for path, _ in rows]).probabilities, atol=1e-3)


def test_another_seed_carves_another_test_split(fitted: Path, birds: Path, tmp_path: Path) -> None:
    recognizer = fit(birds, tmp_path / "model", method="linear_probe", image_size=96, seed=1)
    splits = [{row.path: row.split for row in each.split()} for each in (load(fitted), recognizer)]
    assert splits[0].keys() == splits[1].keys()
    assert splits[0] != splits[1]
    assert recognizer.manifest.data.fingerprint != load(fitted).manifest.data.fingerprint


def test_records_can_be_given_instead_of_a_folder(birds: Path, tmp_path: Path, fitted: Path) -> None:
    recognizer = fit(read(birds), tmp_path / "model", method="linear_probe", image_size=96)
    assert recognizer.manifest.data == load(fitted).manifest.data
    photo = next(birds.rglob("*.jpg"))
    assert recognizer.predict(photo).candidates == load(fitted).predict(photo).candidates


def test_several_poolings_and_one_view(birds: Path, tmp_path: Path) -> None:
    recognizer = fit(
        birds, tmp_path / "model", method="linear_probe", image_size=96, poolings=("gem", "cov"), test_views=1
    )
    (member,) = recognizer.manifest.members
    assert (member.options["poolings"], member.views) == (["gem", "cov"], 1)
    assert len(recognizer.predict(next(birds.rglob("*.jpg"))).candidates) == 4


def test_a_wrong_setting_is_told_before_the_photos_are_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="did you mean 'seed'"):
        fit(tmp_path / "no data", tmp_path / "model", sed=1)
    with pytest.raises(DataError):
        fit(tmp_path / "no data", tmp_path / "model", seed=1)
    assert not (tmp_path / "model").exists()


def test_resuming_what_was_never_begun(birds: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"--resume continues the interrupted fit in .*model\.run, but there is none"
    ):
        fit(birds, tmp_path / "model", method="fine_tune", resume=True)


def test_a_folder_that_is_no_run_is_left_alone(tmp_path: Path, birds: Path) -> None:
    notes = tmp_path / "model.run" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    with pytest.raises(SettingError) as caught:
        fieldmark.fit(birds, tmp_path / "model", method="linear_probe")
    run = tmp_path / "model.run"
    assert str(caught.value) == f"checkpoints would go to {run}, but that holds something else; name another --out"
    assert notes.read_text() == "mine"


def test_resuming_what_has_no_checkpoints_is_an_error(tmp_path: Path, birds: Path) -> None:
    with pytest.raises(SettingError) as caught:
        fieldmark.fit(birds, tmp_path / "model", method="auto", resume=True)
    assert str(caught.value) == "--resume continues a fine-tune, but 'auto' starts anew; leave it out"

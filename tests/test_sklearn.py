"""`FieldmarkClassifier` with scikit-learn's own tools, and recognizers in other processes."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

import fieldmark
from fieldmark import PhotoError, SettingError
from fieldmark.sklearn import FieldmarkClassifier

FAST = {"method": "linear_probe", "image_size": 96}


@pytest.fixture(scope="module")
def photos(birds: Path) -> tuple[list[Path], list[str]]:
    paths = sorted(birds.glob("*/*"))
    return paths, [path.parent.name for path in paths]


@pytest.fixture(scope="module")
def classifier(photos: tuple[list[Path], list[str]]) -> FieldmarkClassifier:
    paths, labels = photos
    return FieldmarkClassifier(**FAST).fit(paths[::2], labels[::2])


def test_it_predicts_the_labels_that_it_was_given(
    classifier: FieldmarkClassifier, photos: tuple[list[Path], list[str]]
) -> None:
    paths, labels = photos[0][1::2], photos[1][1::2]
    assert classifier.classes_.tolist() == sorted(set(labels))
    probabilities = classifier.predict_proba(paths)
    assert probabilities.shape == (len(paths), 4)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    predicted = classifier.predict(paths)
    assert predicted.tolist() == classifier.classes_[probabilities.argmax(1)].tolist()
    assert classifier.score(paths, labels) == accuracy_score(labels, predicted) > 0.3


def test_no_photo_is_held_out_for_a_test(classifier: FieldmarkClassifier) -> None:
    splits = {row.split for row in classifier.recognizer_.split()}
    assert "test" not in splits
    assert len(classifier.recognizer_.split()) == 48


def test_images_in_memory_train_and_answer_like_their_files(photos: tuple[list[Path], list[str]]) -> None:
    paths, labels = photos[0][::4], photos[1][::4]
    arrays = np.stack([np.asarray(Image.open(path).convert("RGB").resize((96, 96))) for path in paths])
    integers = np.unique(labels, return_inverse=True)[1] * 10
    of_arrays = FieldmarkClassifier(**FAST).fit(arrays, integers)
    assert of_arrays.classes_.tolist() == [0, 10, 20, 30]
    assert set(of_arrays.predict(arrays)) <= {0, 10, 20, 30}
    of_images = FieldmarkClassifier(**FAST).fit([Image.fromarray(array) for array in arrays], integers)
    np.testing.assert_allclose(of_arrays.predict_proba(arrays), of_images.predict_proba(arrays), atol=1e-5)


def test_grid_search_and_cross_validation(photos: tuple[list[Path], list[str]]) -> None:
    paths, labels = np.array([str(path) for path in photos[0]]), np.array(photos[1])
    search = GridSearchCV(
        FieldmarkClassifier(**FAST),
        {"image_size": [32, 48]},
        cv=StratifiedShuffleSplit(1, test_size=0.25, random_state=0),
        error_score="raise",
    )
    search.fit(paths, labels)
    assert search.best_params_ in ({"image_size": 32}, {"image_size": 48})
    assert (
        search.best_estimator_.image_size
        == search.best_estimator_.recognizer_.manifest.members[0].preprocess.image_size
    )
    assert set(search.predict(paths[:5])) <= set(labels)


def test_a_clone_is_not_fitted_and_has_the_same_parameters() -> None:
    original = FieldmarkClassifier("linear_probe", seed=3, settings={"coverage": 0.8})
    copy = clone(original)
    assert copy.get_params() == original.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(["a.jpg"])


def test_a_pickle_holds_the_model(classifier: FieldmarkClassifier, photos: tuple[list[Path], list[str]]) -> None:
    packed = pickle.dumps(classifier)
    copy = pickle.loads(packed)
    folder = copy.recognizer_.path
    assert folder != classifier.recognizer_.path
    expected = classifier.predict_proba(photos[0][:6])
    np.testing.assert_array_equal(copy.predict_proba(photos[0][:6]), expected)
    del copy
    assert not folder.exists()


def test_settings_reach_the_method_and_out_keeps_the_model(
    photos: tuple[list[Path], list[str]], tmp_path: Path
) -> None:
    out = tmp_path / "model"
    fitted = FieldmarkClassifier(**FAST, settings={"coverage": 0.8}, out=out).fit(*photos)
    del fitted
    assert fieldmark.load(out).manifest.settings["coverage"] == 0.8


def test_wrong_input_is_named(photos: tuple[list[Path], list[str]], classifier: FieldmarkClassifier) -> None:
    with pytest.raises(SettingError, match=r"^X, y and groups must have the same length, but there are 2 photos, 1 la"):
        FieldmarkClassifier(**FAST).fit(photos[0][:2], ["a"])
    mixed = np.array([1, "1"], dtype=object)
    with pytest.raises((SettingError, TypeError)):
        FieldmarkClassifier(**FAST).fit(photos[0][:2], mixed)
    with pytest.raises(PhotoError, match=r"^photo 1 of X: expected an array of shape"):
        FieldmarkClassifier(**FAST).fit([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 7), np.uint8)], ["a", "b"])
    with pytest.raises(PhotoError, match="no-such"):
        classifier.predict(["no-such.jpg"])


def test_recognizers_answer_in_other_processes(fitted: Path, birds: Path) -> None:
    recognizer = fieldmark.load(fitted)
    path = next(birds.glob("*/*"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(recognizer.predict, path).result(timeout=120) == recognizer.predict(path)
        assert pool.submit(recognizer.search, path, 1).result(timeout=120) == recognizer.search(path, 1)


_FORK = """
import multiprocessing, sys
import fieldmark

def top(path):
    return recognizer.predict(path).label

recognizer = fieldmark.load(sys.argv[1])
recognizer.search(sys.argv[2], k=1)
expected = top(sys.argv[2])
with multiprocessing.get_context("fork").Pool(1) as pool:  # which leaves its workers behind where they hang
    assert pool.apply_async(top, sys.argv[2:]).get(timeout=60) == expected
"""


def test_recognizers_answer_in_forked_processes(fitted: Path, birds: Path) -> None:
    """Also where the parent process has answered and searched before. Searching in the child may hang in LanceDB."""
    subprocess.run([sys.executable, "-c", _FORK, str(fitted), str(next(birds.glob("*/*")))], check=True, timeout=180)

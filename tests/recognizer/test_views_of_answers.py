"""Answers average the looks that the model was calibrated with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldmark import Recognizer, SettingError, fit
from fieldmark.arrays import log_softmax
from fieldmark.artifact.load_method import load_method
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.views import photo_views
from fieldmark.data.read import read
from fieldmark.training.method_graph import MethodGraph


@pytest.fixture(scope="module")
def recognizer(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    return fit(birds, tmp_path_factory.mktemp("ten") / "model", method="linear_probe", image_size=96, test_views=10)


def test_an_answer_is_the_mean_of_ten_looks(recognizer: Recognizer, birds: Path) -> None:
    facts = recognizer.manifest.members[0]
    assert facts.views == 10
    photo = next(birds.rglob("*.jpg"))
    graph = OnnxRunner(recognizer.folder / facts.graph)
    stack = photo_views(open_photo(photo), facts.preprocess, 10)
    logits = np.mean([graph.run(stack[[view]])["logits"][0] for view in range(10)], axis=0)
    expected = np.exp(log_softmax(logits[None] / facts.temperature))
    np.testing.assert_allclose(recognizer.scores([photo]).probabilities, expected, atol=1e-5)


def test_predict_is_deterministic(recognizer: Recognizer, birds: Path) -> None:
    photos = sorted(birds.rglob("*.jpg"))[:5]
    np.testing.assert_array_equal(recognizer.scores(photos).probabilities, recognizer.scores(photos).probabilities)


def test_val_took_the_same_looks(recognizer: Recognizer, birds: Path) -> None:
    """The figure that the fit wrote down is what the shipped graph gives with ten looks."""
    in_val = {row.path for row in recognizer.split() if row.split == "val"}
    records = read(birds)
    val = [record for record in records if record.path.relative_to(birds).as_posix() in in_val]
    facts = recognizer.manifest.members[0]
    method = load_method(recognizer.folder, recognizer.manifest, facts)
    content = (recognizer.folder / facts.graph).read_bytes()
    logits = MethodGraph(method, facts.preprocess, content).mean_logits(val, 10)
    top1 = float((logits.argmax(1) == np.array([record.label for record in val])).mean())
    assert recognizer.manifest.figures["val_top1"] == pytest.approx(top1)


def test_a_number_of_looks_that_does_not_exist(birds: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError) as raised:
        fit(birds, tmp_path / "out", method="linear_probe", test_views=3)
    assert str(raised.value) == "setting 'test_views' of linear_probe: input should be 1, 2, 5 or 10, but got 3"

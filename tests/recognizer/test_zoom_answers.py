"""A model that zooms: answers, boxes, evidence and the exported file agree with what the training measured."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import ModelError, Recognizer, SettingError, fit, load
from fieldmark.arrays import log_softmax
from fieldmark.artifact.load_method import load_method
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.views import photo_views, zoomed_views
from fieldmark.data.photos.zoom import find_object, zoom_region
from fieldmark.data.read import read
from fieldmark.export.export_onnx import ExportReport, export
from fieldmark.export.export_web import export_web
from fieldmark.recognizer.graphs import QuestionGraphs
from fieldmark.training.method_graph import MethodGraph


@pytest.fixture(scope="module")
def recognizer(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    out = tmp_path_factory.mktemp("zooming") / "model"
    return fit(birds, out, method="linear_probe", image_size=128, zoom=True, zoom_tiles=0, zoom_threshold=0)


@pytest.fixture(scope="module")
def photo(birds: Path) -> Path:
    return sorted(birds.rglob("*.jpg"))[3]


@pytest.fixture(scope="module")
def files(recognizer: Recognizer, fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ExportReport]:
    """A model that zooms and one that does not, exported."""
    folder = tmp_path_factory.mktemp("exported")
    return {
        "zooms": export(recognizer.folder, folder / "zooms.onnx"),
        "plain": export(fitted, folder / "plain.onnx"),
    }


def views_by_hand(model: Recognizer, photo: Path) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Logits (4, K) and embeddings (4, D) of the photo, its mirror image, and the zoomed ones; and the box."""
    facts = model.manifest.members[0]
    assert facts.zoom is not None
    assert facts.views == 2
    graph, image = OnnxRunner(model.folder / facts.graph), open_photo(photo)
    whole = graph.run(photo_views(image, facts.preprocess, 2))
    box = find_object(whole[ACTIVATION], facts.preprocess, image.size, facts.zoom)
    region = zoom_region(box, image.size, facts.zoom)
    zoomed = graph.run(zoomed_views(image, facts.preprocess, 2, region))
    logits, embeddings = (np.concatenate([whole[name], zoomed[name]]) for name in ("logits", "embedding"))
    return logits, embeddings, box


def test_an_answer_is_the_mean_of_whole_and_zoomed_views(recognizer: Recognizer, photo: Path) -> None:
    logits, embeddings, _ = views_by_hand(recognizer, photo)
    temperature = recognizer.manifest.members[0].temperature
    expected = np.exp(log_softmax(logits.mean(0)[None] / temperature))
    np.testing.assert_allclose(recognizer.scores([photo]).probabilities, expected, atol=1e-5)
    vector = embeddings.mean(0) / np.linalg.norm(embeddings.mean(0))
    np.testing.assert_allclose(recognizer.embeddings([photo]).vectors[0], vector, atol=1e-5)


def test_zoomed_views_show_something_else(recognizer: Recognizer, birds: Path) -> None:
    """Of some photos the object is the whole photo; then the zoomed view is the whole one."""
    photos = sorted(birds.rglob("*.jpg"))[::12]
    for photo in photos:
        logits, _, box = views_by_hand(recognizer, photo)
        is_whole = (box[2] - box[0]) * 1.2 >= 128 or (box[3] - box[1]) * 1.2 >= 128
        assert (np.abs(logits[0] - logits[2]).max() < 1e-6) == is_whole
    assert any(max(answer.box or ()) < 128 for answer in recognizer.predict(photos))


def test_the_answer_says_where_the_object_is(recognizer: Recognizer, photo: Path) -> None:
    answer = recognizer.predict(photo)
    assert answer.box == pytest.approx(views_by_hand(recognizer, photo)[2], abs=0.06)
    assert json.loads(json.dumps(answer.to_dict()))["box"] == list(answer.box or ())


def test_a_model_that_does_not_zoom_has_no_box(fitted: Path, photo: Path) -> None:
    answer = load(fitted).predict(photo)
    assert answer.box is None
    assert "box" not in answer.to_dict()


def test_a_given_box_is_where_the_model_looks(recognizer: Recognizer, photo: Path) -> None:
    found = recognizer.predict(photo)
    assert found.box is not None
    same, other = (recognizer.predict(photo, box=box) for box in (found.box, (0, 0, 30, 30)))
    assert other.box == (0, 0, 30, 30)
    assert same.label == found.label
    assert same.confidence == pytest.approx(found.confidence, abs=0.05)
    assert other.candidates != found.candidates


def test_a_model_that_does_not_zoom_sees_only_the_box(fitted: Path, photo: Path, tmp_path: Path) -> None:
    """As if the photo had been cropped there, with the margin."""
    crop = tmp_path / "crop.png"
    Image.open(photo).crop((24, 24, 96, 96)).save(crop)
    model = load(fitted)
    answer = model.predict(photo, box=(30, 30, 90, 90))
    assert answer.box == (30, 30, 90, 90)
    assert [one.probability for one in answer.candidates] == pytest.approx(
        [one.probability for one in model.predict(crop).candidates], abs=1e-6
    )


def test_an_exported_file_that_does_not_zoom_sees_only_the_box(
    fitted: Path, files: dict[str, ExportReport], photo: Path
) -> None:
    exported = load(files["plain"].path)
    one, two = (model.predict(photo, box=(30, 30, 90, 90)) for model in (load(fitted), exported))
    assert two.box == one.box == (30, 30, 90, 90)
    assert two.confidence == pytest.approx(one.confidence, abs=1e-4)


def test_a_box_outside_of_the_photo_is_an_error_of_that_photo(recognizer: Recognizer, photo: Path) -> None:
    answer = recognizer.predict(photo, box=(500, 0, 600, 50))
    assert answer.error == (
        "the box 500,0,600,50 has no part inside the photo of 128 x 128 pixels: give x1,y1,x2,y2 inside it"
    )


def test_training_measured_the_same_views(recognizer: Recognizer, birds: Path) -> None:
    """The embeddings that the fit kept in the gallery are those of answers."""
    gallery = recognizer.gallery
    rows = [row.path for row in recognizer.split() if row.split != "test"][:8]
    vectors = recognizer.open_set.state.projection(recognizer.embeddings([birds / path for path in rows]).vectors)
    for path, near in zip(rows, gallery.search(vectors.astype(np.float32), 1), strict=True):
        assert (near[0].path, near[0].similarity) == (path, pytest.approx(1.0, abs=2e-3))


def test_the_graph_reads_what_the_answers_read(recognizer: Recognizer, birds: Path) -> None:
    facts = recognizer.manifest.members[0]
    method = load_method(recognizer.folder, recognizer.manifest, facts)
    content = (recognizer.folder / facts.graph).read_bytes()
    graph = MethodGraph(method, facts.preprocess, content, zoom=facts.zoom)
    records = read(birds)[:4]
    logits = graph.mean_logits(records, facts.views)
    expected = np.exp(log_softmax(logits / facts.temperature))
    np.testing.assert_allclose(recognizer.scores(records).probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(
        graph.mean_embeddings(records[:1], facts.views)[0],
        views_by_hand(recognizer, records[0].path)[1].mean(0),
        atol=1e-4,
    )


def test_the_exported_file_zooms_too(recognizer: Recognizer, files: dict[str, ExportReport], photo: Path) -> None:
    report = files["zooms"]
    assert report.inputs == ("images", "object")
    assert "activation" in report.outputs
    assert report.parity.agreement == 1.0
    exported, folder = load(report.path), recognizer.predict(photo)
    answer = exported.predict(photo)
    assert answer.box == folder.box
    assert answer.confidence == pytest.approx(folder.confidence, abs=1e-4)
    boxed = exported.predict(photo, box=(10, 10, 60, 60))
    assert boxed.confidence == pytest.approx(recognizer.predict(photo, box=(10, 10, 60, 60)).confidence, abs=1e-4)


def test_an_older_reader_refuses_what_zooms(
    recognizer: Recognizer, fitted: Path, files: dict[str, ExportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would ignore the zoom, and answer something else."""
    monkeypatch.setattr("fieldmark.artifact.load.FORMAT", 2)
    monkeypatch.setattr("fieldmark.artifact.exported.EXPORT_FORMAT", 1)
    with pytest.raises(ModelError, match=r"has format 3, .* reads formats up to 2"):
        load(recognizer.folder)
    with pytest.raises(ModelError, match=r"has format 2, .* reads formats up to 1"):
        load(files["zooms"].path)
    assert load(fitted).classes == load(files["plain"].path).classes


def test_a_page_in_the_browser_does_not_zoom(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        export_web(recognizer.folder, tmp_path / "web")
    assert str(refused.value) == (
        "the model zooms in on the object, which a page in the browser cannot do: fit it without zoom, or "
        "serve it with 'fieldmark serve'"
    )
    assert not (tmp_path / "web").exists()


def test_evidence_adds_up_over_whole_and_zoomed_views(recognizer: Recognizer, photo: Path) -> None:
    evidence, answer = recognizer.explain(photo), recognizer.predict(photo)
    assert evidence.object_box == pytest.approx(answer.box, abs=0.06)
    assert evidence.to_dict()["object_box"] == list(evidence.object_box or ())
    assert evidence.map.sum() == pytest.approx(evidence.score - evidence.offset, rel=1e-3)
    logits = views_by_hand(recognizer, photo)[0].mean(0) / recognizer.manifest.members[0].temperature
    assert evidence.score == pytest.approx(logits.max(), abs=1e-3)


@pytest.fixture(scope="module")
def several(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    """A model that zooms, and answers which bird a photo shows and of which pair the bird is."""
    folder = tmp_path_factory.mktemp("questions")
    table, names = folder / "birds.csv", sorted(path.name for path in birds.iterdir() if path.is_dir())
    rows = [(photo, name, "ab"[names.index(name) // 2]) for name in names for photo in sorted((birds / name).iterdir())]
    with table.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "bird", "pair"), *rows])
    records = read(table, label_col="bird,pair")
    return fit(
        records, folder / "model", method="linear_probe", image_size=128, zoom=True, zoom_tiles=0, zoom_threshold=0
    )


def test_all_questions_share_the_views_and_the_box(several: Recognizer, photo: Path) -> None:
    answer, pair = several.predict(photo), several.asking("pair")
    _, embeddings, box = views_by_hand(several, photo)
    assert isinstance(pair.graphs, QuestionGraphs)
    (logits,) = pair.graphs.heads(embeddings.mean(0)[None])
    log_probabilities = log_softmax(logits / pair.manifest.members[0].temperature)
    scaling = pair.manifest.scaling
    expected = np.exp(log_probabilities) if scaling is None else scaling(log_probabilities)
    np.testing.assert_allclose(pair.scores([photo]).probabilities, expected, atol=1e-5)
    content = answer.to_dict()
    assert content["box"] == pytest.approx(box, abs=0.06)
    assert content["answers"].keys() == {"bird", "pair"}
    assert not any("box" in one for one in content["answers"].values())
    boxed = several.predict(photo, box=(10, 10, 60, 60))
    assert boxed.box == (10, 10, 60, 60)
    assert boxed.answers["pair"].candidates != answer.answers["pair"].candidates


def test_the_head_of_a_further_question_was_measured_on_the_same_views(several: Recognizer, birds: Path) -> None:
    """Out of folds, its scores of photos are near those of answers, and it is as accurate as the first question's."""
    figures = several.asking("pair").manifest.figures
    first, pair = (each["out_of_fold_top1"] for each in (several.manifest.figures, figures))
    assert first is not None
    assert pair is not None
    assert pair >= first - 0.05


def test_evidence_for_a_further_question_adds_up_over_all_views(several: Recognizer, photo: Path) -> None:
    evidence, answer = several.explain(photo, question="pair"), several.predict(photo)
    assert evidence.object_box == pytest.approx(answer.box, abs=0.06)
    assert evidence.map.sum() == pytest.approx(evidence.score - evidence.offset, rel=1e-3)
    pair = several.asking("pair")
    assert isinstance(pair.graphs, QuestionGraphs)
    (logits,) = pair.graphs.heads(views_by_hand(several, photo)[1].mean(0)[None])
    assert evidence.score == pytest.approx(logits.max() / pair.manifest.members[0].temperature, abs=1e-3)


def test_the_command_line_prints_and_takes_a_box(
    recognizer: Recognizer, photo: Path, command: Callable[..., Any]
) -> None:
    plain = command("predict", recognizer.folder, photo, "--json")
    assert json.loads(plain.out)["box"] == list(recognizer.predict(photo).box or ())
    boxed = command("predict", recognizer.folder, photo, "--json", "--box", "10,10,60,60.5")
    assert json.loads(boxed.out)["box"] == [10, 10, 60, 60.5]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--box", "1,2,3"], "--box takes four numbers x1,y1,x2,y2 in pixels, but got '1,2,3'"),
        (["--box", "9,2,3,4"], "--box takes x1,y1,x2,y2 with x1 below x2 and y1 below y2, but got '9,2,3,4'"),
        (
            ["--box", "1,2,3,4", "--same-specimen"],
            "--box says where one photo shows the object; leave out --box or --same-specimen",
        ),
    ],
)
def test_boxes_that_are_refused(
    fitted: Path, photo: Path, command: Callable[..., Any], words: list[str], sentence: str
) -> None:
    done = command("predict", fitted, photo, *words)
    assert done.code == 2
    assert sentence in done.err


def test_zoom_is_a_setting_of_frozen_methods(birds: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="zoom"):
        fit(birds, tmp_path / "out", method="fine_tune", zoom=True)

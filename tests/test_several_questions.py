"""Several questions about one photo: one pass over the photos, a calibrated head for each question."""

from __future__ import annotations

import csv
import json
import pickle
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import fit, load
from fieldmark.artifact.manifest import MANIFEST
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.data.read import read
from fieldmark.errors import DataError, ModelError, SettingError
from fieldmark.training.method_graph import MethodGraph

SETTINGS = {"method": "linear_probe", "image_size": 96}


@pytest.fixture(scope="module")
def table(birds: Path) -> Path:
    """Rows with three columns of labels: the bird, its pair (with gaps), and an age that one photo alone has."""
    file = birds.parent / "birds.csv"
    names = sorted(path.name for path in birds.iterdir() if path.is_dir())
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("path", "Bird", "pair", "age", "split"))
        for number, name in enumerate(names):
            for row, photo in enumerate(sorted((birds / name).iterdir())):
                split = "test" if row % 4 == 3 else "val" if row % 6 == 2 else "train"
                pair = "" if row % 5 == 0 else "ab"[number // 2]
                age = "chick" if number == 0 and row == 1 else ("young", "old")[(row + number) % 2]
                writer.writerow((photo.relative_to(file.parent).as_posix(), name, pair, age, split))
    return file


@pytest.fixture(scope="module")
def passed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A model of three questions, and the number of photos that passed through the backbone while it was fitted."""
    seen: list[int] = []
    compute = FrozenFeatures._compute

    def counted(
        self: FrozenFeatures, keys: Any, failed: Any, read_views: Callable[[int], Any], description: str
    ) -> dict[int, str]:
        def counting(position: int) -> Any:
            seen.append(1)
            return read_views(position)

        return compute(self, keys, failed, counting, description)

    folder = tmp_path_factory.mktemp("questions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDMARK_CACHE", str(folder / "cache"))
        patch.setattr(FrozenFeatures, "_compute", counted)
        patch.setattr(MethodGraph, "mean_embeddings", None)
        patch.setattr(MethodGraph, "mean_logits", None)
        fit(read(table, label_col="bird,pair,age"), folder / "bird,pair,age", **SETTINGS)
        patch.undo()
        patch.setenv("FIELDMARK_CACHE", str(folder / "cache"))
        yield folder / "bird,pair,age", sum(seen)


@pytest.fixture(scope="module")
def models(table: Path, passed: tuple[Path, int]) -> dict[str, Path]:
    """Column of labels -> model folder."""
    folder = passed[0].parent
    for column in ("bird", "pair"):
        fit(read(table, label_col=column), folder / column, **SETTINGS)
    return {name: folder / name for name in ("bird", "pair", "bird,pair,age")}


@pytest.fixture(scope="module")
def several(passed: tuple[Path, int]) -> Path:
    return passed[0]


@pytest.fixture(scope="module")
def test_photos(table: Path) -> list[Path]:
    return [record.path for record in read(table, label_col="bird") if record.split == "test"]


def manifest_of(model: Path) -> dict[str, Any]:
    return json.loads((model / MANIFEST).read_text())


def test_the_first_question_is_that_of_a_fit_with_it_alone(models: dict[str, Path], several: Path) -> None:
    """Files are named by their content, so that equal names are equal bytes."""
    alone, both = manifest_of(models["bird"]), manifest_of(several)
    assert alone["checksums"].items() <= both["checksums"].items()
    changed = {"format", "label_name", "questions", "checksums", "made", "data"}
    assert {name: alone[name] for name in alone.keys() - changed} == {
        name: both[name] for name in alone.keys() - changed
    }
    assert {name for name in both["data"] if both["data"][name] != alone["data"][name]} == {"options"}


def test_a_model_with_one_question_says_nothing_of_questions(models: dict[str, Path]) -> None:
    alone = manifest_of(models["bird"])
    assert alone["format"] == 2
    assert not {"label_name", "questions"} & alone.keys()


def test_an_older_reader_refuses_several_questions(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fieldmark.artifact.load.FORMAT", 2)
    with pytest.raises(ModelError, match=r"has format 3, written by Fieldmark .*, but this Fieldmark reads formats up"):
        load(several)


def test_a_further_question_answers_as_a_fit_with_it_alone(
    models: dict[str, Path], several: Path, test_photos: list[Path]
) -> None:
    """The same photos, splits and features give the same head; only rounding differs."""
    further, alone = load(several).asking("pair"), load(models["pair"])
    assert further.classes == alone.classes == ("a", "b")
    np.testing.assert_allclose(further.predict_proba(test_photos), alone.predict_proba(test_photos), atol=2e-3)
    assert further.guarantees.photos == alone.guarantees.photos
    np.testing.assert_allclose(further.guarantees.tables.scores, alone.guarantees.tables.scores, atol=2e-3)


def test_each_photo_passes_through_the_backbone_once(table: Path, passed: tuple[Path, int]) -> None:
    records = read(table, label_col="bird")
    assert passed[1] == sum(record.split != "test" for record in records)


def test_an_answer_passes_through_the_graph_once(
    several: Path, test_photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    run = CpuRunner.run_stack

    def counted(self: CpuRunner, stack: Any) -> Any:
        rows.append(len(stack))
        return run(self, stack)

    monkeypatch.setattr(CpuRunner, "run_stack", counted)
    recognizer = load(several)
    assert all(len(answer.answers) == 3 for answer in recognizer.predict(test_photos))
    assert sum(rows) == len(test_photos)
    evaluation = recognizer.evaluate()
    assert sum(rows) == 2 * len(test_photos)
    assert list(evaluation.questions) == ["pair", "age"]


def test_answers_stand_side_by_side(several: Path, test_photos: list[Path]) -> None:
    recognizer = load(several)
    answer = recognizer.predict(test_photos[0])
    content = answer.to_dict()
    assert list(content["answers"]) == ["Bird", "pair", "age"]
    first = content["answers"]["Bird"]
    assert first == {name: content[name] for name in first}
    pair = content["answers"]["pair"]
    assert pair.keys() == {"candidates", "set", "rank", "ancestor", "unknown", "coverage"}
    assert isinstance(pair["unknown"], bool)
    expected = recognizer.asking("pair").predict_proba(test_photos[0])[0]
    assert pair["candidates"][0]["probability"] == pytest.approx(expected.max())
    alone = recognizer.asking("pair").predict(test_photos[0])
    assert alone.to_dict() == {"path": str(test_photos[0]), **pair}


def test_a_specimen_gets_an_answer_to_each_question(several: Path, test_photos: list[Path]) -> None:
    recognizer = load(several)
    answer = recognizer.predict_specimen(test_photos[:3], group="ring 7")
    assert list(answer.answers) == ["Bird", "pair", "age"]
    own = recognizer.asking("age").predict_specimen(test_photos[:3], group="ring 7")
    assert own.candidates == answer.answers["age"].candidates
    assert own.set == answer.answers["age"].set


def test_photos_without_a_label_neither_teach_nor_measure(several: Path, table: Path) -> None:
    with table.open() as opened:
        rows = list(csv.DictReader(opened))
    pair, age = manifest_of(several)["questions"]
    labelled = [row for row in rows if row["pair"]]
    assert pair["unlabelled"] == len(rows) - len(labelled)
    assert pair["photos"] == {
        split: sum(row["split"] == split for row in labelled) for split in ("train", "val", "test")
    }
    assert age["classes"] == ["old", "young"]
    assert age["left_out"] == {"chick": 1}
    evaluation = load(several).evaluate()
    measured = evaluation.questions["pair"]
    tested = [row for row in labelled if row["split"] == "test"]
    assert measured.metrics.num_images == len(tested)
    assert measured.unlabelled == evaluation.metrics.num_images - len(tested)
    names = [measured.records.classes[record.label] for record in measured.records]
    assert sorted(names) == sorted(row["pair"] for row in tested)


def test_evaluate_measures_each_question(models: dict[str, Path], several: Path, table: Path) -> None:
    found = load(several).evaluate().to_dict()
    questions = found.pop("questions")
    assert found == load(models["bird"]).evaluate().to_dict()
    alone = load(models["pair"]).evaluate().to_dict()
    assert questions["pair"].pop("num_unlabelled") > 0
    assert questions["pair"]["top1_accuracy"] == alone["top1_accuracy"]
    assert questions["pair"]["nll"] == pytest.approx(alone["nll"], abs=2e-3)
    assert questions["pair"].keys() == alone.keys()
    asked = load(several).asking("pair")
    assert asked.evaluate().to_dict() == questions["pair"]
    with pytest.raises(DataError) as raised:
        asked.evaluate(read(table, label_col="bird"))
    assert str(raised.value) == (
        "no test photo has a label for 'pair' that the model knows: name DATA with this column, or another split"
    )


def test_the_command_line(several: Path, test_photos: list[Path], tmp_path: Path, command: Callable[..., Any]) -> None:
    shown = command("predict", several, *test_photos[:2], "--csv", "--top", 1)
    header, first, _ = list(csv.reader(shown.out.splitlines()))
    row = dict(zip(header, first, strict=True))
    answer = load(several).predict(test_photos[0])
    assert header[-8:] == [
        f"{name}_{part}" for name in ("pair", "age") for part in ("label", "probability", "unknown", "set")
    ]
    assert row["label"] == answer.label
    assert row["pair_label"] == answer.answers["pair"].label
    assert row["pair_set"] == "|".join(answer.answers["pair"].set or ())
    card = command("predict", several, test_photos[0]).err
    assert f"pair: {answer.answers['pair'].label}" in card
    told = command("evaluate", several, "--rows", tmp_path / "rows.csv", "--report", tmp_path / "report.html").err
    report = (tmp_path / "report.html").read_text()
    assert "is about the first question, Bird." in report
    assert re.search(r'<td class="label">pair</td><td class="num">\d+</td><td class="num">[\d.]+%</td>', report)
    assert "question 'pair' (" in told
    assert "test photos have no label for it)" in told
    assert json.loads(command("versions", several, "--json").out)[0]["questions"] == ["Bird", "pair", "age"]
    assert "fit with linear_probe: Bird, pair," in command("versions", several).err
    card = (several / "README.md").read_text()
    assert "| questions | Bird, pair, age |" in card
    assert "## Question: pair" in card


def test_explain_a_further_question(several: Path, test_photos: list[Path]) -> None:
    recognizer = load(several)
    found = recognizer.explain(test_photos[0], question="pair")
    pair = recognizer.asking("pair")
    assert {found.label, found.against} == {"a", "b"}
    assert found.label == pair.predict(test_photos[0]).label
    assert found.map.sum() + found.offset == pytest.approx(found.score, rel=1e-4, abs=1e-5)
    logits = pair.graphs.run([_image(test_photos[0])]).logits[0]
    order = np.argsort(-logits)
    assert found.margin == pytest.approx(logits[order[0]] - logits[order[1]], rel=2e-2)
    with pytest.raises(SettingError) as raised:
        recognizer.explain(test_photos[0], question="sex")
    assert str(raised.value) == "unknown question 'sex': (known: Bird, age, pair)"


def _image(path: Path) -> Any:
    from fieldmark.recognizer.inputs import to_image

    return to_image(path)


def test_a_pickle_keeps_the_question(several: Path, test_photos: list[Path]) -> None:
    again = pickle.loads(pickle.dumps(load(several).asking("age")))
    assert again.question == "age"
    assert again.predict(test_photos[0]).candidates == load(several).predict(test_photos[0]).answers["age"].candidates


def test_enrolling_keeps_the_further_questions(several: Path, test_photos: list[Path], tmp_path: Path) -> None:
    from fieldmark.recognizer.enroll import enroll

    model = shutil.copytree(several, tmp_path / "model")
    before = load(model).predict(test_photos[0]).answers["pair"]
    enroll(model, "new one", test_photos[:2])
    assert load(model).predict(test_photos[0]).answers["pair"] == before


def test_the_exported_file_answers_the_first_question(
    several: Path, test_photos: list[Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    told = command("export", several, "--out", tmp_path / "model.onnx").err
    assert "is about 'Bird', the first question of this model, not about 'pair', 'age'" in " ".join(told.split())
    answer = load(tmp_path / "model.onnx").predict(test_photos[0])
    assert answer.answers == {}
    assert answer.label == load(several).predict(test_photos[0]).label


def test_the_server_answers_each_question(several: Path, test_photos: list[Path]) -> None:
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app
    from fieldmark.serve.settings import ServeSettings

    with TestClient(create_app(several, ServeSettings()), base_url="http://127.0.0.1") as client:
        photo = [("photo", ("a.jpg", test_photos[0].read_bytes()))]
        found = client.post("/v1/predict", files=photo).json()["answers"][0]
        expected = load(several).predict(test_photos[0]).to_dict()["answers"]
        assert list(found["answers"]) == ["Bird", "pair", "age"]
        for name, one in expected.items():
            assert found["answers"][name]["set"] == list(one["set"])
            assert found["answers"][name]["candidates"][0]["label"] == one["candidates"][0]["label"]

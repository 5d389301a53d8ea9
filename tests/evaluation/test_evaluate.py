"""The split that the model has never seen is the one that is measured, wherever the photos lie now."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldmark import DataError, Recognizer, SettingError
from fieldmark.evaluation.evaluate import Evaluation, evaluate, photos_of_split, write_rows

Key = set[tuple[str, str]]


@pytest.fixture(scope="module")
def recognizer(fitted: Path) -> Recognizer:
    return Recognizer(fitted)


@pytest.fixture(scope="module")
def evaluation(recognizer: Recognizer) -> Evaluation:
    return evaluate(recognizer)


@pytest.fixture
def copy(birds: Path, tmp_path: Path) -> Path:
    """The photos at another place."""
    return shutil.copytree(birds, tmp_path / "copy")


def _chosen(recognizer: Recognizer, data: Path | None, split: str = "test") -> Key:
    records = photos_of_split(recognizer, data, split)  # type: ignore[arg-type]
    return {(recognizer.classes[record.label], record.path.name) for record in records}


def _recorded(recognizer: Recognizer, split: str = "test") -> Key:
    return {(row.label, Path(row.path).name) for row in recognizer.split() if row.split == split}


def test_the_figures_are_those_of_the_answers(recognizer: Recognizer, evaluation: Evaluation) -> None:
    answers = recognizer.predict(evaluation.records.paths)
    truth = [recognizer.classes[label] for label in evaluation.records.labels]
    hits = [answer.label == name for answer, name in zip(answers, truth, strict=True)]
    assert evaluation.metrics.top1_accuracy == pytest.approx(np.mean(hits))
    assert evaluation.metrics.num_images == len(evaluation.records) == recognizer.manifest.data.photos["test"]
    assert evaluation.seen == 0


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_its_own_photos_lie_in_the_splits_of_the_fit(recognizer: Recognizer, split: str) -> None:
    assert _chosen(recognizer, None, split) == _recorded(recognizer, split)


def test_the_split_of_the_fit_follows_the_photos_to_another_place(recognizer: Recognizer, copy: Path) -> None:
    """Named as DATA, moved photos have no splits of their own: measured whole, they would be training photos."""
    assert _chosen(recognizer, copy) == _recorded(recognizer)
    assert evaluate(recognizer, copy).seen == 0


def test_the_split_follows_photos_that_were_renamed(recognizer: Recognizer, copy: Path) -> None:
    for path in sorted(copy.rglob("*.jpg")):
        path.rename(path.with_name(f"renamed-{path.name}"))
    expected = {(label, f"renamed-{name}") for label, name in _recorded(recognizer)}
    assert _chosen(recognizer, copy) == expected


def test_photos_that_have_come_since_belong_to_no_split(recognizer: Recognizer, copy: Path) -> None:
    from PIL import Image

    folder = next(path for path in copy.iterdir() if path.is_dir())
    Image.new("RGB", (64, 64), "red").save(folder / "new.jpg")
    everything = set.union(*(_chosen(recognizer, copy, split) for split in ("train", "val", "test")))
    assert (folder.name, "new.jpg") not in everything


def test_a_photo_that_was_edited_stays_in_its_split(recognizer: Recognizer, copy: Path) -> None:
    row = next(row for row in recognizer.split() if row.split == "test")
    with (copy / row.path).open("ab") as file:
        file.write(b"a comment")
    assert _chosen(recognizer, copy) == _recorded(recognizer)


def test_other_photos_without_splits_are_measured_whole_and_copies_are_counted(
    recognizer: Recognizer, birds: Path, tmp_path: Path
) -> None:
    one, other, *_ = recognizer.classes
    seen = [row for row in recognizer.split() if (row.split, row.label) == ("train", one)][:3]
    unseen = [row for row in recognizer.split() if (row.split, row.label) == ("test", other)][:4]
    for row in seen + unseen:
        target = tmp_path / "few" / row.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(birds / row.path, target)
    found = evaluate(recognizer, tmp_path / "few")
    assert (len(found.records), found.seen) == (len(seen) + len(unseen), 3)


def test_other_photos_with_splits_keep_them(recognizer: Recognizer, birds: Path, tmp_path: Path) -> None:
    for split, number in (("train", 0), ("test", 1)):
        for folder in birds.iterdir():
            target = tmp_path / "named" / split / folder.name
            target.mkdir(parents=True)
            shutil.copy(sorted(folder.glob("*.jpg"))[number], target)
    assert {record.split for record in photos_of_split(recognizer, tmp_path / "named", "test")} == {"test"}
    with pytest.raises(DataError) as raised:
        photos_of_split(recognizer, tmp_path / "named", "val")
    assert str(raised.value) == f"{tmp_path / 'named'} has no val photos; choose another split with --split"


def test_labels_are_matched_by_name(recognizer: Recognizer, copy: Path) -> None:
    """A class less on disk shifts every number after it; the names stay."""
    shutil.rmtree(copy / recognizer.classes[0])
    assert _chosen(recognizer, copy) == {key for key in _recorded(recognizer) if key[0] != recognizer.classes[0]}


def test_labels_that_the_model_does_not_know(recognizer: Recognizer, copy: Path, birds: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for name in ("Dodo", recognizer.classes[1]):
        (few / name).mkdir(parents=True)
        shutil.copy(next((birds / recognizer.classes[1]).glob("*.jpg")), few / name)
    with pytest.raises(DataError) as raised:
        photos_of_split(recognizer, few, "test")
    assert str(raised.value) == (
        f"1 label(s) of {few} are not among the model's 4 classes, such as 'Dodo'; evaluate on photos of the model's "
        f"classes"
    )


def test_a_class_that_has_come_since_is_in_nobodys_way(recognizer: Recognizer, copy: Path) -> None:
    from PIL import Image

    (copy / "Dodo").mkdir()
    Image.new("RGB", (64, 64)).save(copy / "Dodo" / "dodo.jpg")
    assert _chosen(recognizer, copy) == _recorded(recognizer)


def test_photos_that_are_no_longer_there(model_copy: Path, tmp_path: Path) -> None:
    text = (model_copy / "fieldmark.json").read_text()
    recognizer = Recognizer(model_copy)
    gone = tmp_path / "gone"
    (model_copy / "fieldmark.json").write_text(
        text.replace(json.dumps(recognizer.manifest.data.source), json.dumps(str(gone)))
    )
    with pytest.raises(DataError) as raised:
        evaluate(Recognizer(model_copy))
    assert str(raised.value) == f"the photos that the model was made from are no longer at {gone}; name them as DATA"


@pytest.fixture
def rows(recognizer: Recognizer, tmp_path: Path) -> Callable[[Evaluation], list[dict[str, str]]]:
    def write(evaluation: Evaluation) -> list[dict[str, str]]:
        write_rows(evaluation, recognizer.classes, tmp_path / "out" / "rows.csv")
        with (tmp_path / "out" / "rows.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return write


def test_one_row_for_each_photo(
    recognizer: Recognizer, evaluation: Evaluation, rows: Callable[[Evaluation], list[dict[str, str]]]
) -> None:
    written = rows(evaluation)
    assert len(written) == evaluation.metrics.num_images
    assert np.mean([int(row["correct"]) for row in written]) == pytest.approx(evaluation.metrics.top1_accuracy)
    assert np.mean([int(row["truth_rank"]) <= 5 for row in written]) == evaluation.metrics.top5_accuracy
    nll = -np.log([float(row["truth_probability"]) for row in written]).mean()
    assert nll == pytest.approx(evaluation.metrics.nll, rel=1e-3)
    for row, answer in zip(written, recognizer.predict(evaluation.records.paths), strict=True):
        assert (row["answer"], row["confidence"]) == (answer.label, f"{answer.confidence:.6f}")
        assert (row["answer"] == row["truth"]) == (row["truth_rank"] == "1") == (row["correct"] == "1")
        assert row["photo"].startswith(row["truth"] + "/")


def test_unreadable_photos_are_rows_with_an_error_and_no_part_of_the_figures(
    recognizer: Recognizer, copy: Path, rows: Callable[[Evaluation], list[dict[str, str]]]
) -> None:
    row = next(row for row in recognizer.split() if row.split == "test")
    (copy / row.path).write_bytes(b"no photo")
    found = evaluate(recognizer, copy)
    assert found.metrics.num_images == len(found.records) - 1
    bad = [each for each in rows(found) if each["error"]]
    assert [(each["photo"], each["answer"], each["correct"]) for each in bad] == [(row.path, "", "")]
    assert "is not an image" in bad[0]["error"]


def test_no_readable_photo_at_all(recognizer: Recognizer, tmp_path: Path) -> None:
    for name in recognizer.classes[:2]:
        (tmp_path / "bad" / name).mkdir(parents=True)
        (tmp_path / "bad" / name / "a.jpg").write_bytes(b"no photo")
    with pytest.raises(
        DataError, match=r"^none of the 2 test photos could be read; the first: .*a\.jpg is not an image"
    ):
        evaluate(recognizer, tmp_path / "bad")


def test_an_evaluation_prints_its_headline_and_its_dict_is_the_json(evaluation: Evaluation) -> None:
    shown = f"top-1 accuracy: {evaluation.metrics.top1_accuracy:.1%} (95% CI "
    assert shown in repr(evaluation)
    html = evaluation._repr_html_()
    assert html.count("<svg") == 2
    assert f"{evaluation.metrics.macro_f1:.3f}" in html
    assert evaluation.to_dict() == evaluation.metrics.to_dict()


def test_plot_returns_matplotlib_figures(evaluation: Evaluation) -> None:
    from matplotlib.figure import Figure

    assert isinstance(evaluation.plot(), Figure)
    names = [tick.get_text() for tick in evaluation.plot("confusion").axes[0].get_yticklabels()]
    assert names == list(evaluation.records.classes)
    with pytest.raises(SettingError) as raised:
        evaluation.plot("roc")  # type: ignore[arg-type]
    assert str(raised.value).startswith("unknown figure 'roc'")
    with pytest.raises(SettingError) as raised:
        replace(evaluation, coverage_levels=()).plot("coverage")
    assert str(raised.value) == "this model makes no prediction sets; plot 'reliability' or 'confusion'"


def test_losses_are_drawn_where_the_model_has_epochs(evaluation: Evaluation) -> None:
    with pytest.raises(SettingError) as raised:
        evaluation.plot("loss")
    assert str(raised.value) == "this model has no losses, as it was not trained in epochs; plot 'reliability'"
    one = {"train_loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.4, 1.3]}
    lines = replace(evaluation, histories=(one,)).plot("loss").axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines] == [one["train_loss"], one["val_loss"]]
    two = replace(evaluation, histories=(one, {"train_loss": [1.0]})).plot("loss").axes[0]
    assert [line.get_label() for line in two.get_lines()] == ["train, member 1", "val, member 1", "train, member 2"]

"""The scores of docs/extend/score.md, installed as a package, work in fit, predict, evaluate and an exported file."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugged_packages import plugged_in, write_package

from fieldmark import Recognizer, fit
from fieldmark.errors import SettingError
from fieldmark.evaluation.open_set import evaluate_open_set
from fieldmark.recipe import build_settings
from fieldmark.recognizer.open_set_outputs import open_set_features
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "extend" / "score.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scores")


@pytest.fixture(scope="module")
def found(birds: Path, out: Path) -> dict[str, Any]:
    """What a model with these scores says while the package is installed."""
    project = tomllib.loads(block("toml"))["project"]
    write_package(out / "site", project, {"scores.py": block("python")})
    overrides = ["conformal=margin", "unknown_score=logit_margin", "coverage=0.5", "val_fraction=0.3", "classes=0:3"]
    with plugged_in(out / "site"):
        model = fit(birds, out / "model", method="linear_probe", image_size=64, overrides=overrides)
        photos = sorted(birds.rglob("*.jpg"))[::9]
        rows = model.scores(photos).probabilities
        features, outputs, _ = open_set_features(model, photos)
        exported = Recognizer(model.export(out / "model.onnx").path)
        assert model.guarantees is not None
        assert model.manifest.unknown is not None
        return {
            "classes": model.classes,
            "margins": CONFORMITY_SCORES.load("margin")(rows).tolist(),
            "rows": rows.tolist(),
            "calibration": model.guarantees.tables.scores.tolist(),
            "sets": [answer.set for answer in model.predict(photos)],
            "exported_sets": [answer.set for answer in exported.predict(photos)],
            "known_scores": outputs.known_scores.tolist(),
            "logit_margins": UNKNOWN_SCORES.load("logit_margin")(features).tolist(),
            "unknown": [answer.unknown for answer in model.predict(photos)],
            "exported_unknown": [answer.unknown for answer in exported.predict(photos)],
            "facts": model.manifest.unknown.model_dump(),
            "set_score": model.evaluate().metrics.set_score,
            "open_set": evaluate_open_set(model, birds).to_dict(),
        }


def test_prediction_sets_follow_the_conformity_score(found: dict[str, Any]) -> None:
    rows = np.array(found["rows"])
    for photo, margins in zip(rows, found["margins"], strict=True):
        for index, score in enumerate(margins):
            assert score == pytest.approx(np.delete(photo, index).max() - photo[index], abs=1e-6)
    scores = found["calibration"]
    quantile = scores[int(np.ceil((len(scores) + 1) * 0.5)) - 1]
    for photo, margins, members in zip(rows, np.array(found["margins"]), found["sets"], strict=True):
        inside = (margins <= quantile + 1e-9) | (np.arange(3) == photo.argmax())
        assert set(members) == {found["classes"][index] for index in np.flatnonzero(inside)}


def test_unknowns_are_detected_by_the_chosen_score(found: dict[str, Any]) -> None:
    assert found["facts"]["score"] == "logit_margin"
    np.testing.assert_allclose(found["known_scores"], found["logit_margins"])
    assert found["unknown"] == [score < found["facts"]["threshold"] for score in found["known_scores"]]


def test_evaluate_shows_both(found: dict[str, Any]) -> None:
    assert found["set_score"] == "margin"
    assert found["open_set"]["score"] == "logit_margin"
    assert next(iter(found["open_set"]["scores"])) == "logit_margin"
    assert "joint" in found["open_set"]["scores"]


def test_the_exported_file_gives_the_same_answers(found: dict[str, Any]) -> None:
    assert found["exported_sets"] == found["sets"]
    assert found["exported_unknown"] == found["unknown"]


@pytest.fixture
def refusal(command: Callable[..., Any]) -> Callable[[Path], str]:
    """What ``predict`` says where the package is not installed."""

    def run(model: Path) -> str:
        done = command("predict", model, PAGE)
        assert done.code == 2
        return " ".join(done.err.split())

    return run


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("name", ["model", "model.onnx"])
def test_without_the_package_an_error_names_the_out_of_distribution_score(
    out: Path, name: str, refusal: Callable[[Path], str]
) -> None:
    sentence = "the model needs the out-of-distribution score 'logit_margin' of another package: install that package"
    assert sentence in refusal(out / name)


@pytest.mark.usefixtures("found")
def test_without_the_package_an_error_names_the_conformity_score(out: Path, refusal: Callable[[Path], str]) -> None:
    model = shutil.copytree(out / "model", out / "copy")
    manifest = model / "fieldmark.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"logit_margin"', '"joint"'), encoding="utf-8")
    assert "the model needs the conformity score 'margin' of another package: install that package" in refusal(model)


def test_an_unknown_score_is_one_sentence() -> None:
    with pytest.raises(SettingError) as raised:
        build_settings("cal", overrides=["conformal=rap"])
    assert str(raised.value) == "unknown conformity score 'rap': did you mean 'raps'? (known: aps, lac, pas, raps)"
    with pytest.raises(SettingError, match=r"^unknown out-of-distribution score 'energi': did you mean 'energy'\?"):
        build_settings("cal", overrides=["unknown_score=energi"])

"""`Recognizer.explain` on models as they are shipped."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark import PhotoError, Recognizer, SettingError, fit, load
from fieldmark.explain.explain_photo import chosen_pair
from fieldmark.openset.enrolled_classes import enrolled_odds, gate_for
from fieldmark.recognizer.enroll import enroll
from fieldmark.recognizer.inputs import to_image
from fieldmark.recognizer.open_set_outputs import open_set_features


@pytest.fixture(scope="module")
def recognizer(fitted: Path) -> Recognizer:
    return load(fitted)


@pytest.fixture(scope="module")
def photo(birds: Path) -> Path:
    return sorted(birds.rglob("*.jpg"))[0]


def graph_scores(recognizer: Recognizer, photo: Path) -> np.ndarray:
    """What the shipped graphs say, without any of this package's gradients."""
    side = recognizer.graphs.draft_side
    return recognizer.graphs.run([to_image(photo, draft=(side, side))]).logits[0]


def test_the_places_add_up_to_what_the_graph_says(recognizer: Recognizer, photo: Path) -> None:
    found = recognizer.explain(photo)
    scores, index = graph_scores(recognizer, photo), recognizer.class_to_idx
    assert found.score == pytest.approx(scores[index[found.label]], abs=1e-4)
    assert found.map.sum() + found.offset == pytest.approx(found.score, abs=1e-9)
    assert found.margin == pytest.approx(scores[index[found.label]] - scores[index[found.against]], abs=1e-4)
    assert found.contrast.sum() + found.margin_offset == pytest.approx(found.margin, abs=1e-9)


def test_it_is_the_winner_against_the_runner_up(recognizer: Recognizer, photo: Path) -> None:
    answer = recognizer.predict(photo)
    found = recognizer.explain(photo)
    assert (found.label, found.against) == tuple(one.label for one in answer.candidates[:2])
    assert (found.path, found.size) == (str(photo), (128, 128))


def test_against_any_class(recognizer: Recognizer, photo: Path) -> None:
    last = recognizer.predict(photo).candidates[-1].label
    found, other = recognizer.explain(photo, last), recognizer.explain(photo)
    assert found.against == last
    np.testing.assert_allclose(found.map, other.map)
    assert not np.allclose(found.contrast, other.contrast)


def test_a_mirrored_photo_has_mirrored_evidence(recognizer: Recognizer, photo: Path) -> None:
    image = Image.open(photo)
    mirrored = recognizer.explain(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    found = recognizer.explain(image)
    np.testing.assert_allclose(mirrored.contrast[:, ::-1], found.contrast, atol=1e-4)
    assert found.path is None


def test_the_frame_of_a_wide_photo_is_its_centre(recognizer: Recognizer, photo: Path) -> None:
    wide = Image.new("RGB", (384, 128), "grey")
    wide.paste(Image.open(photo), (128, 0))
    found, alone = recognizer.explain(wide), recognizer.explain(Image.open(photo))
    assert found.frame == (128.0, 0.0, 256.0, 128.0)
    np.testing.assert_allclose(found.contrast, alone.contrast, atol=0.05 * np.abs(alone.contrast).max())
    assert found.peak == pytest.approx((alone.peak[0] + 128, alone.peak[1]), abs=3)


def test_every_kind_of_photo(recognizer: Recognizer, photo: Path) -> None:
    expected = recognizer.explain(photo).contrast
    with photo.open("rb") as stream:
        several = [photo.read_bytes(), io.BytesIO(photo.read_bytes()), stream]
        for one in several:
            np.testing.assert_array_equal(recognizer.explain(one).contrast, expected)


def test_looks_at_corners_are_laid_where_they_look(birds: Path, photo: Path, tmp_path: Path) -> None:
    recognizer = fit(birds, tmp_path / "ten", method="linear_probe", image_size=96, test_views=10, poolings=("avg",))
    found = recognizer.explain(photo)
    assert found.score == pytest.approx(graph_scores(recognizer, photo)[recognizer.class_to_idx[found.label]], abs=1e-4)
    assert found.map.sum() + found.offset == pytest.approx(found.score, abs=1e-9)
    assert found.frame == pytest.approx((0, 0, 128, 128))


def test_a_team_adds_up_too(birds: Path, photo: Path, fitted: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    fit(birds, second, method="linear_probe", image_size=64, resize="pad", poolings=("avg", "cov"))
    team = fit(birds, tmp_path / "team", method="ensemble", models=(fitted, second))
    found = team.explain(photo)
    assert found.score == pytest.approx(graph_scores(team, photo)[team.class_to_idx[found.label]], abs=1e-4)
    assert found.map.sum() + found.offset == pytest.approx(found.score, abs=1e-9)


def test_it_goes_into_json(recognizer: Recognizer, photo: Path) -> None:
    found = recognizer.explain(photo)
    content = json.loads(json.dumps(found.to_dict()))
    assert list(content) == [
        "path", "label", "against", "score", "offset", "margin", "margin_offset", "how", "width", "height",
        "frame", "box", "peak", "object_box", "regions", "map", "contrast", "fine", "attention",
    ]  # fmt: skip
    np.testing.assert_allclose(content["contrast"], found.contrast, rtol=1e-6, atol=1e-9)


def test_an_unknown_class(recognizer: Recognizer, photo: Path) -> None:
    name = recognizer.classes[0]
    with pytest.raises(SettingError) as raised:
        recognizer.explain(photo, name[:-1])
    known = ", ".join(sorted(recognizer.classes))
    assert str(raised.value) == f"unknown class '{name[:-1]}': did you mean '{name}'? (known: {known})"


def test_the_winner_against_itself(recognizer: Recognizer, photo: Path) -> None:
    winner = recognizer.predict(photo).label
    with pytest.raises(SettingError) as raised:
        recognizer.explain(photo, winner)
    assert str(raised.value) == (
        f"expected a class to hold the winner '{winner}' against, but got the winner itself: "
        "name another one, or leave it out for the runner-up"
    )


def test_an_unreadable_photo(recognizer: Recognizer, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no photo")
    with pytest.raises(PhotoError) as raised:
        recognizer.explain(tmp_path / "notes.jpg")
    assert str(raised.value) == (
        f"{tmp_path / 'notes.jpg'} is not an image (it begins with b'no photo'): expected JPEG, PNG, WebP or TIFF"
    )


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three photos of noise around a blue square."""
    photos = []
    for index in range(3):
        photos.append(tmp_path_factory.mktemp("noise") / f"{index}.png")
        drawn = Image.effect_noise((96, 96), 60 + 10 * index).convert("RGB")
        drawn.paste((0, 90, 200), (30, 30, 66, 66))
        drawn.save(photos[-1])
    return photos


@pytest.fixture(scope="module")
def with_enrolled_class(fitted: Path, noises: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    """A model that the class of these photos has joined."""
    folder = shutil.copytree(fitted, tmp_path_factory.mktemp("enrolled") / "model")
    enroll(folder, "Noise", noises)
    return load(folder)


@pytest.fixture(scope="module")
def noise(noises: list[Path]) -> Path:
    return noises[0]


def log_odds(recognizer: Recognizer, photo: Path, old: str) -> float:
    """How the newcomer stands against one old class, by the odds that answers are made of; the gate's bias left out."""
    memory, gates = recognizer.open_set.state, recognizer.manifest.enrolment_gates
    means, shots = recognizer.open_set.enrolled_means
    evidence, _, _ = open_set_features(recognizer, [photo])
    others = np.array([one for one in range(len(recognizer.manifest.classes)) if recognizer.classes[one] != old])
    alone = memory.gaussians.without(others)
    odds = enrolled_odds(np.asarray(evidence.vectors), means, shots, alone, gates)[0, 0]
    return float(np.log(odds)) - gate_for(gates, shots[0]).bias


def test_an_enrolled_winner_adds_up_to_its_odds(with_enrolled_class: Recognizer, noise: Path) -> None:
    for old in with_enrolled_class.manifest.classes[:2]:
        found = with_enrolled_class.explain(noise, old)
        assert (found.label, found.against) == ("Noise", old)
        assert found.how.startswith("likeness to the photos that are remembered of each class")
        assert found.contrast.sum() + found.margin_offset == pytest.approx(found.margin, abs=1e-9)
        assert found.map.sum() + found.offset == pytest.approx(found.score, abs=1e-9)
        assert found.margin == pytest.approx(log_odds(with_enrolled_class, noise, old), rel=1e-3, abs=1e-3)
        assert found.fine.shape != found.contrast.shape


def test_an_enrolled_class_as_the_other_one(with_enrolled_class: Recognizer, photo: Path) -> None:
    found = with_enrolled_class.explain(photo, "Noise")
    assert found.against == "Noise" != found.label
    assert found.margin == pytest.approx(-log_odds(with_enrolled_class, photo, found.label), rel=1e-3, abs=1e-3)
    assert found.contrast.sum() + found.margin_offset == pytest.approx(found.margin, abs=1e-9)


def test_the_runner_up_may_be_an_enrolled_class() -> None:
    probabilities, classes = np.array([0.6, 0.1, 0.3]), ("Robin", "Wren", "Dunnock")
    assert chosen_pair(probabilities, classes, None) == (0, 2)
    assert chosen_pair(probabilities, classes, "Wren") == (0, 1)

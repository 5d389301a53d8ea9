"""One class answers, whatever a caller hands it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark import Answer, Recognizer, SettingError
from fieldmark.arrays import log_softmax
from fieldmark.calibration.member_fusion import fuse
from fieldmark.recognizer.inputs import is_single, to_image
from fieldmark.structures import Record


@pytest.fixture(scope="module")
def recognizer(fitted: Path) -> Recognizer:
    return Recognizer(fitted)


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::8]


def _numbers(answer: Answer) -> list[tuple[str, float]]:
    return [(one.label, one.probability) for one in answer.candidates]


FORMS = {
    "path": lambda path: path,
    "text": str,
    "record": lambda path: Record(path, 0),
    "bytes": lambda path: path.read_bytes(),
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "file": lambda path: io.BytesIO(path.read_bytes()),
    "image": Image.open,
    "loaded image": lambda path: Image.open(path).convert("RGB"),
    "rgba image": lambda path: Image.open(path).convert("RGBA"),
    "array": lambda path: np.asarray(Image.open(path)),
    "float array": lambda path: np.asarray(Image.open(path)) / 255.0,
    "tensor": lambda path: torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1),
    "float tensor": lambda path: torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 255,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_photo_gives_the_same_answer(recognizer: Recognizer, photos: list[Path], form: str) -> None:
    expected = recognizer.predict(photos[0])
    given = recognizer.predict(FORMS[form](photos[0]))
    assert isinstance(given, Answer)
    assert _numbers(given) == _numbers(expected)
    assert given.path == (str(photos[0]) if form in ("path", "text", "record") else None)


def test_a_batch_is_its_photos(recognizer: Recognizer, photos: list[Path]) -> None:
    expected = [_numbers(recognizer.predict(path)) for path in photos[:3]]
    arrays = np.stack([np.asarray(Image.open(path)) for path in photos[:3]])
    for batch in (photos[:3], tuple(photos[:3]), arrays, list(arrays), torch.from_numpy(arrays).permute(0, 3, 1, 2)):
        answers = recognizer.predict(batch)
        assert isinstance(answers, list)
        np.testing.assert_allclose(
            [[p for _, p in _numbers(answer)] for answer in answers],
            [[p for _, p in numbers] for numbers in expected],
            rtol=1e-4,
        )
        assert [answer.label for answer in answers] == [numbers[0][0] for numbers in expected]


def test_a_list_gives_a_list_even_of_one_or_none(recognizer: Recognizer, photos: list[Path]) -> None:
    assert isinstance(recognizer.predict(photos[0]), Answer)
    assert [answer.path for answer in recognizer.predict([photos[0]])] == [str(photos[0])]
    assert recognizer.predict([]) == []
    assert len(recognizer.predict(path for path in photos[:2])) == 2


def test_columns_of_paths_are_several_photos(recognizer: Recognizer, photos: list[Path]) -> None:
    column = np.array([str(path) for path in photos[:2]])
    assert [answer.path for answer in recognizer.predict(column)] == list(column)


def test_answers_come_in_the_order_of_the_photos(recognizer: Recognizer, photos: list[Path]) -> None:
    many = photos * 3
    answers = recognizer.predict(many)
    assert [answer.path for answer in answers] == [str(path) for path in many]
    once = [_numbers(answer)[0][0] for answer in answers[: len(photos)]]
    assert [answer.label for answer in answers] == once * 3


def test_the_same_photo_gets_the_same_answer(recognizer: Recognizer, fitted: Path, photos: list[Path]) -> None:
    again = Recognizer(fitted)
    assert [_numbers(a) for a in recognizer.predict(photos)] == [_numbers(a) for a in again.predict(photos)]


def test_a_bad_photo_gets_an_error_and_the_others_their_answers(
    recognizer: Recognizer, photos: list[Path], tmp_path: Path
) -> None:
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(photos[0].read_bytes()[:300])
    given = [photos[0], broken, photos[1], missing, np.zeros((2, 2, 7), np.uint8), photos[2]]
    answers = recognizer.predict(given)
    good = recognizer.predict([photos[0], photos[1], photos[2]])
    assert [answers[index].label for index in (0, 2, 5)] == [answer.label for answer in good]
    for index, part in ((1, "broken.jpg is damaged"), (3, "missing.jpg does not exist"), (4, "of shape (H, W, 3)")):
        answer = answers[index]
        assert part in str(answer.error)
        assert (answer.candidates, answer.label, answer.rank) == ((), None, None)
    assert json.loads(json.dumps(answers[1].to_dict()))["path"] == str(broken)


def test_an_image_that_breaks_off_is_an_error_too(recognizer: Recognizer, photos: list[Path]) -> None:
    image = Image.open(io.BytesIO(photos[0].read_bytes()[:1500]))
    assert "damaged or incomplete" in str(recognizer.predict(image).error)


@pytest.mark.parametrize("nonsense", [5, None, object()])
def test_what_is_no_photo_at_all(recognizer: Recognizer, nonsense: object) -> None:
    error = recognizer.predict(nonsense).error
    kind = type(nonsense).__name__
    assert error == f"expected a path, bytes, an image, an array or a tensor, but got {kind}"


def test_the_image_of_the_caller_stays_as_it_is(recognizer: Recognizer) -> None:
    image = Image.new("RGB", (64, 64), "green")
    image.info["comment"] = b"mine"
    recognizer.predict(image)
    assert image.info == {"comment": b"mine"}


def test_a_rotated_image_is_turned_upright(photos: list[Path], tmp_path: Path) -> None:
    upright = Image.open(photos[0]).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    for turned in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png")):
        np.testing.assert_array_equal(np.asarray(to_image(turned)), np.asarray(upright))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 2, 5), np.uint8), "expected an array of shape (H, W, 3) or (H, W), got (2, 2, 5)"),
        (np.zeros((0, 4, 3), np.uint8), "expected an array of shape (H, W, 3) or (H, W), got (0, 4, 3)"),
        (torch.zeros(2, 4, 4), "expected a tensor of shape (3, H, W), got torch.Size([2, 4, 4])"),
        (np.full((4, 4, 3), 7.0), "expected uint8, or floats in [0, 1], but got float64 in [7, 7]"),
        (np.full((4, 4), np.nan), "expected uint8, or floats in [0, 1], but got float64 in [nan, nan]"),
    ],
)
def test_arrays_that_are_no_photos(recognizer: Recognizer, array: object, sentence: str) -> None:
    assert recognizer.predict(array).error == sentence


def test_grey_arrays_and_half_precision() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    for form in (grey, grey[:, :, None], torch.from_numpy(grey), torch.from_numpy(grey)[None]):
        np.testing.assert_array_equal(np.asarray(to_image(form)), expected)
    half = torch.full((3, 2, 2), 0.5, dtype=torch.bfloat16)
    assert np.asarray(to_image(half)).tolist() == np.full((2, 2, 3), 128).tolist()


def test_one_or_several() -> None:
    assert all(is_single(one) for one in ("a.jpg", Path("a"), b"", Image.new("L", (1, 1)), np.zeros((2, 2, 3)), 5))
    assert not any(
        is_single(several) for several in (["a"], ("a",), np.zeros((1, 2, 2, 3)), iter("ab"), np.array(["a"]))
    )


@pytest.mark.parametrize("top_k", [1, 2, 4, 99])
def test_top_k_is_the_number_of_candidates(recognizer: Recognizer, photos: list[Path], top_k: int) -> None:
    answer = recognizer.predict(photos[0], top_k=top_k)
    assert len(answer.candidates) == min(top_k, 4)
    assert _numbers(answer) == _numbers(recognizer.predict(photos[0], top_k=4))[:top_k]


@pytest.mark.parametrize("top_k", [0, -1])
def test_no_candidates_at_all_is_refused_before_any_work(recognizer: Recognizer, top_k: int) -> None:
    with pytest.raises(SettingError) as raised:
        recognizer.answers(["anything.jpg"], top_k=top_k)
    assert str(raised.value) == f"the number of candidates must be at least 1, but is {top_k}"


def test_probabilities_fall_and_add_up_to_1(recognizer: Recognizer, photos: list[Path]) -> None:
    for answer in recognizer.predict(photos, top_k=4):
        numbers = [one.probability for one in answer.candidates]
        assert numbers == sorted(numbers, reverse=True)
        assert sum(numbers) == pytest.approx(1.0)
        assert {one.label for one in answer.candidates} == set(recognizer.classes)
        assert answer.confidence == numbers[0]
        assert answer.rank == "class"


def test_scores_are_the_numbers_behind_the_answers(recognizer: Recognizer, photos: list[Path]) -> None:
    missing = photos[0].with_name("missing.jpg")
    scores = recognizer.scores([photos[0], missing, photos[1]])
    assert set(scores.errors) == {1}
    assert np.isnan(scores.probabilities[1]).all()
    np.testing.assert_allclose(scores.probabilities[[0, 2]].sum(1), 1.0)
    best = [recognizer.classes[index] for index in scores.probabilities[[0, 2]].argmax(1)]
    assert best == [recognizer.predict(path).label for path in photos[:2]]


def test_class_to_idx_inverts_classes(recognizer: Recognizer) -> None:
    assert [recognizer.class_to_idx[name] for name in recognizer.classes] == [0, 1, 2, 3]


def test_it_knows_most_photos_that_it_was_trained_on(recognizer: Recognizer, birds: Path) -> None:
    rows = [row for row in recognizer.split() if row.split == "train"]
    answers = recognizer.predict([birds / row.path for row in rows])
    assert np.mean([answer.label == row.label for answer, row in zip(answers, rows, strict=True)]) > 0.8


class TestFuse:
    """The law by which members answer together."""

    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(6, 4)), rng.normal(size=(6, 4)) * 3

    def test_one_member_is_its_softmax(self) -> None:
        np.testing.assert_allclose(fuse([self.one], [2.0], [0.3]), np.exp(log_softmax(self.one / 2)))

    def test_it_is_the_weighted_mean_of_probabilities(self) -> None:
        mixed = fuse([self.one, self.other], [1.0, 2.0], [3.0, 1.0])
        by_hand = 0.75 * np.exp(log_softmax(self.one)) + 0.25 * np.exp(log_softmax(self.other / 2))
        np.testing.assert_allclose(mixed, by_hand)
        np.testing.assert_allclose(mixed.sum(1), 1.0)

    def test_neither_the_order_nor_the_scale_of_weights_matters(self) -> None:
        expected = fuse([self.one, self.other], [1.0, 2.0], [3.0, 1.0])
        np.testing.assert_allclose(fuse([self.other, self.one], [2.0, 1.0], [10.0, 30.0]), expected)

    def test_a_member_twice_is_that_member(self) -> None:
        expected = fuse([self.one], [1.5], [1.0])
        np.testing.assert_allclose(fuse([self.one, self.one], [1.5, 1.5], [1.0, 2.0]), expected)

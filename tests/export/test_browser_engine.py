"""What the exported page computes, against what Python computes: resizing, sets, back-off, unknowns, evidence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_scripts import Scripts, as_grid, as_image, coded, decoded, plain, scripts
from PIL import Image

from fieldmark import Recognizer
from fieldmark.artifact.gallery import Gallery
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.explain.geometry import Patch, common_frame, lay, strongest
from fieldmark.explain.overlay import heat_on
from fieldmark.export.browser_constants import (
    CONFORMITY_IN_BROWSER,
    UNKNOWN_IN_BROWSER,
    browser_constants,
    browser_tensors,
)
from fieldmark.export.known_photos import known_photos
from fieldmark.openset.open_set_classifier import OpenSetClassifier
from fieldmark.openset.unknown_scores import known_scores, scales_on
from fieldmark.recognizer.build_answer import answer_photo, answer_specimen
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES
from fieldmark.uncertainty.conformity_scores import ConformityScore
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees, GuaranteeTables
from fieldmark.uncertainty.taxonomy import Hierarchy


@pytest.fixture(scope="module")
def run(browser: Any) -> Iterator[Scripts]:
    with scripts(browser) as running:
        yield running


def drawn(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Coarse and fine noise, so that filters overshoot and clip."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((width, height))
    return np.clip(np.asarray(coarse, dtype=np.int64) + rng.integers(-90, 91, (height, width, 3)), 0, 255).astype(
        np.uint8
    )


SIZES = [(37, 91), (96, 96), (333, 500), (640, 427), (1100, 260), (100, 171), (128, 96), (150, 700)]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
def test_squares_are_those_of_pillow_to_the_last_bit(run: Scripts, mode: Any, interpolation: str) -> None:
    """Also where blocks are averaged first, where photos are enlarged, and where a side keeps its length."""
    for index, (width, height) in enumerate(SIZES):
        array = drawn(width, height, index)
        preprocess = Preprocess(image_size=96, resize=mode, interpolation=interpolation)
        found = run(
            {"preprocess": "square, boxOnPhoto"},
            "return [said(square(image(photo), preprocess).data), boxOnPhoto(preprocess, photo.width, photo.height)];",
            photo=as_image(array),
            preprocess=preprocess.to_dict(),
        )
        expected = preprocess(Image.fromarray(array))
        np.testing.assert_array_equal(decoded(found[0], np.uint8).reshape(expected.shape), expected)
        assert found[1] == list(preprocess.box_on_photo(width, height))


def read_in_browser(run: Scripts, content: bytes, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    width, height, data, full = run(
        {"photo": "readPhoto"},
        """const found = await readPhoto(new Blob([bytes(file)]), side);
           return [found.image.width, found.image.height, said(found.image.data), [found.width, found.height]];""",
        file=coded(content),
        side=side,
    )
    return decoded(data, np.uint8).reshape(height, width, 3), tuple(full)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(run: Scripts, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(drawn(48, 32)).resize((240, 160)).save(stream, "JPEG", quality=95, exif=exif)
    found, full = read_in_browser(run, stream.getvalue(), 96)
    expected = np.asarray(open_photo(stream.getvalue(), draft=(96, 96)))
    assert found.shape == expected.shape
    assert full == (240, 160) if orientation < 5 else (160, 240)
    assert np.abs(found.astype(int) - expected).max() <= 1  # decoders round differently


def test_files_without_loss_give_the_same_pixels(run: Scripts) -> None:
    array = drawn(70, 50)
    opacity = np.where(np.arange(70) < 35, 255, 0).astype(np.uint8) * np.ones((50, 1), np.uint8)
    for image, name in (
        (Image.fromarray(array), "PNG"),
        (Image.fromarray(array[..., 0]), "PNG"),
        (Image.fromarray(np.dstack([array, opacity])), "PNG"),
        (Image.fromarray(array).quantize(32), "GIF"),
    ):
        stream = io.BytesIO()
        image.save(stream, name)
        found, _ = read_in_browser(run, stream.getvalue(), 32)
        np.testing.assert_array_equal(found, np.asarray(open_photo(stream.getvalue())))


@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize(("size", "shrink"), [((400, 300), 2), ((901, 603), 4), ((1603, 1201), 8)])
def test_large_jpegs_shrink_as_in_the_decoder(
    run: Scripts, size: tuple[int, int], shrink: int, subsampling: int
) -> None:
    """But for rounding where colours have all pixels; where they have a quarter, the decoder shrinks them less."""
    stream = io.BytesIO()
    scene = Image.fromarray(drawn(60, 45)).resize(size, Image.Resampling.BICUBIC)
    scene.point(lambda value: 40 + value * 0.7).save(stream, "JPEG", quality=95, subsampling=subsampling)
    found, full = read_in_browser(run, stream.getvalue(), 150)
    expected = np.asarray(open_photo(stream.getvalue(), draft=(150, 150)))
    assert found.shape == expected.shape == (-(-size[1] // shrink), -(-size[0] // shrink), 3)
    assert full == size
    assert np.abs(found.astype(int) - expected).mean() < (0.75 if subsampling == 0 else 1.5)


# Answers

CLASSES = ("a", "b", "c", "d", "e", "f")
HIERARCHY = Hierarchy(
    CLASSES, ["family", "genus"], {"a": ["F", "G"], "b": ["F", "G"], "c": ["F", "H"], "d": ["I", "G"]}
)


def probable(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(len(CLASSES), 0.35), count)


def guarantees(score: ConformityScore, classwise: float = 0.0, accuracy: float | None = None) -> Guarantees:
    probabilities = probable(300)
    labels = np.array([np.random.default_rng(row).choice(len(CLASSES), p=p) for row, p in enumerate(probabilities)])
    tables = GuaranteeTables.of(probabilities, labels, HIERARCHY, score)
    return Guarantees(HIERARCHY, tables, 0.9, accuracy, score, classwise)


class Held:
    """As much of a recognizer as its constants are made from."""

    def __init__(self, promised: Guarantees) -> None:
        from types import SimpleNamespace

        self.guarantees, self.classes, self.path = promised, CLASSES, Path("model")
        self.manifest = SimpleNamespace(
            members=[], label_name="label", hierarchy=lambda: HIERARCHY, unknown=None, enrolled=[], ranks=[]
        )
        self.open_set = SimpleNamespace(labels=())


SHARES = (0.3, 0.2, 0.2, 0.1, 0.1, 0.1)
SCORES = [
    (ConformityScore("lac"), 0.0),
    (ConformityScore("lac"), 0.5),
    (ConformityScore("aps"), 0.0),
    (ConformityScore("raps", k_reg=2, penalty=0.02), 0.0),
    (ConformityScore("pas", prevalence=SHARES), 0.0),
]


@pytest.mark.parametrize("accuracy", [None, 0.8, 0.97])
@pytest.mark.parametrize(("score", "classwise"), SCORES, ids=lambda value: getattr(value, "name", value))
def test_sets_and_ranks_are_those_of_python(
    run: Scripts, score: ConformityScore, classwise: float, accuracy: float | None
) -> None:
    promised = guarantees(score, classwise, accuracy)
    constants = json.loads(browser_constants(Held(promised), [], [], None))  # type: ignore[arg-type]
    photos = probable(60, seed=1)
    found = run(
        {"answer": "answerPhoto, answerSpecimen"},
        """const reading = (index) => ({ probabilities: photos[index], unknown: index % 3 === 0 });
           const pair = (index) => [reading(index), reading(index + 1)];
           return photos.map((p, index) => [
             answerPhoto(`${index}`, p, null, constants),
             index + 1 < photos.length ? answerSpecimen(["x", "y"], pair(index), constants) : null,
           ]);""",
        photos=photos.tolist(),
        constants=constants,
    )
    wanted, ranks = AnswerOptions(), set()
    for index, row in enumerate(photos):
        expected = answer_photo(promised, CLASSES, str(index), row, None, wanted).to_dict()
        assert found[index][0] == plain(expected)
        ranks.add(expected["rank"])
        if index + 1 < len(photos):
            votes = [index % 3 == 0, (index + 1) % 3 == 0]
            both = answer_specimen(promised, CLASSES, ["x", "y"], None, photos[index : index + 2], votes, wanted)
            _demand_alike(found[index][1], plain(both.to_dict()))
    assert accuracy != 0.8 or len(ranks) > 2


def _demand_alike(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The last digit of a logarithm is not the same everywhere."""
    one, two = found.pop("candidates"), expected.pop("candidates")
    assert found == expected
    assert [each["label"] for each in one] == [each["label"] for each in two]
    np.testing.assert_allclose([each["probability"] for each in one], [each["probability"] for each in two], rtol=1e-9)


def test_the_page_knows_every_score_of_this_package() -> None:
    sums = {name for name, score in UNKNOWN_SCORES.load_all().items() if not callable(score)}
    assert set(UNKNOWN_SCORES.load_all()) - sums == UNKNOWN_IN_BROWSER
    assert set(CONFORMITY_SCORES.load_all()) == CONFORMITY_IN_BROWSER


# Unknowns, enrolled classes, known photos


@pytest.fixture(scope="module")
def enrolled_model(fitted: Path, birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    import shutil

    model = Path(shutil.copytree(fitted, tmp_path_factory.mktemp("enrolled") / "model"))
    folder = tmp_path_factory.mktemp("noise")
    paths = [folder / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        Image.effect_noise((96, 96), 60 + 5 * index).convert("RGB").save(path)
    Recognizer(model).enroll("Noise", paths)
    return Predictor(model)


def test_unknowns_and_enrolled_classes_are_those_of_python(
    run: Scripts, enrolled_model: Predictor, birds: Path
) -> None:
    photos = [open_photo(path) for path in sorted(birds.rglob("*.jpg"))[::12]]
    photos += [Image.effect_noise((96, 96), 40 + 10 * index).convert("RGB") for index in range(4)]
    photos += [Image.fromarray(drawn(96, 96, seed)) for seed in range(4)]
    graph = enrolled_model.graphs.run(photos)
    threshold = enrolled_model.manifest.unknown
    assert threshold is not None
    held = enrolled_model.open_set
    features = held.features(graph.probabilities, graph.logits, graph.embeddings)
    scales = scales_on(features)
    scores = {name: known_scores(name, features, scales) for name in UNKNOWN_SCORES.load_all()}
    constants, expected = [], {}
    for name, values in scores.items():
        update = {"score": name, "scales": scales, "threshold": float(np.median(values))}
        enrolled_model.manifest.unknown = own = threshold.model_copy(update=update)
        constants.append(json.loads(browser_constants(enrolled_model, [], [], None)))
        classifier = OpenSetClassifier(held.state, own, enrolled_model.manifest.enrolment_gates, held._enrolled)
        expected[name] = classifier(graph.probabilities, graph.logits, graph.embeddings)
    enrolled_model.manifest.unknown = threshold.model_copy(update={"score": "nearest"})  # all tensors
    found = run(
        {"open_set": "openSet, vectorOf", "safetensors": "readTensors"},
        """const tensors = readTensors(bytes(file).buffer);
           const vectors = photos.map(({ embedding }) => vectorOf(embedding, tensors));
           const judged = (each) => photos.map((photo, index) => openSet(photo, vectors[index], each, tensors));
           return constants.map(judged);""",
        file=coded(browser_tensors(enrolled_model, None)),
        constants=constants,
        photos=[
            {"probabilities": p.tolist(), "logits": z.tolist(), "embedding": e.tolist()}
            for p, z, e in zip(graph.probabilities, graph.logits, graph.embeddings, strict=True)
        ],
    )
    for (name, values), ours in zip(scores.items(), found, strict=True):
        theirs, middle = expected[name], float(np.median(values))
        np.testing.assert_allclose(
            [one["knownScore"] for one in ours],
            values,
            rtol=2e-3,
            atol=2e-4 * max(1, np.abs(values).max()),
            err_msg=name,
        )
        clear = np.abs(values - middle) > 1e-3 * max(1.0, abs(middle))
        verdicts = np.array([one["unknown"] for one in ours])
        np.testing.assert_array_equal(verdicts[clear], np.asarray(theirs.unknown)[clear], err_msg=name)
        np.testing.assert_allclose([one["probabilities"] for one in ours], theirs.probabilities, atol=2e-4)
    enrolled_model.manifest.unknown = threshold
    enrolled = theirs.probabilities[:, 4]
    assert (enrolled > 0.2).any()
    assert (enrolled == 0).any()


def test_nearest_known_photos_are_those_of_the_gallery(run: Scripts, enrolled_model: Predictor, birds: Path) -> None:
    known = known_photos(enrolled_model, 10_000)
    assert known is not None
    assert known.total == len(known.rows)
    gallery: Gallery = enrolled_model.gallery
    photos = [open_photo(path) for path in sorted(birds.rglob("*.jpg"))[5::17]]
    vectors = enrolled_model.open_set.state.projection(enrolled_model.graphs.embed(photos).astype(np.float32))
    for label in (None, enrolled_model.classes[1], "Noise"):
        found = run(
            {"nearest": "nearest", "safetensors": "readTensors"},
            """const { known_vectors } = readTensors(bytes(file).buffer);
               return photos.map((vector) => nearest(vector, known_vectors, known, 6, label ?? undefined));""",
            file=coded(browser_tensors(enrolled_model, known)),
            known=known.rows,
            photos=vectors.tolist(),
            label=label,
        )
        for ours, theirs in zip(found, gallery.search(vectors, 6, label=label), strict=True):
            assert [one["label"] for one in ours] == [one.label for one in theirs]
            np.testing.assert_allclose(
                [one["similarity"] for one in ours], [one.similarity for one in theirs], atol=1e-3
            )


def test_known_photos_are_taken_evenly_and_without_their_paths(fitted: Path) -> None:
    predictor = Predictor(fitted)
    part = known_photos(predictor, 8)
    assert part is not None
    assert part.total == predictor.manifest.gallery.rows > 8  # type: ignore[union-attr]
    assert sorted(row["label"] for row in part.rows) == sorted(2 * list(predictor.classes))
    assert all(set(row) == {"label", "split", "start", "end"} for row in part.rows)
    for row in part.rows:
        assert max(open_photo(part.pictures[row["start"] : row["end"]]).size) == 128
    assert known_photos(predictor, 0) is None


# Evidence


def test_grids_lie_on_the_photo_as_in_python(run: Scripts) -> None:
    rng = np.random.default_rng(0)
    one = Patch(rng.normal(size=(1, 7, 7)), (12.5, 0.0, 345.5, 333.0))
    for others in ([], [Patch(rng.normal(size=(1, 5, 5)), (0.0, -40.0, 358.0, 373.0))]):
        patches, size = [one, *others], (358, 333)
        frame = common_frame(patches)
        grid = lay(patches, frame)[0]
        box, _ = strongest(grid, frame, size)
        found = run(
            {"grids": "commonFrame, lay, strongestBox", "heat": "heatOn"},
            """const all = patches.map(({ values, box }) => ({ grid: grid(values), box }));
               const frame = commonFrame(all);
               const laid = lay(all, frame);
               const heat = heatOn(laid, frame, size, 240, 223);
               return [frame, said(laid.data), said(heat.data), strongestBox(laid, frame, size)];""",
            patches=[{"values": as_grid(patch.values[0]), "box": patch.box} for patch in patches],
            size=size,
        )
        assert found[0] == list(frame)
        np.testing.assert_allclose(decoded(found[1], np.float64).reshape(grid.shape), grid, atol=1e-9)
        heat = heat_on(grid, frame, size, (240, 223))
        np.testing.assert_allclose(decoded(found[2], np.float64).reshape(heat.shape), heat, atol=1e-5)
        np.testing.assert_allclose(found[3], box, atol=1e-6)


def test_half_precision_is_read(run: Scripts) -> None:
    from safetensors.numpy import save

    values = np.array([0.0, -0.0, 1.0, -2.5, 6e-8, 65504.0, np.inf, -np.inf, 0.1], np.float16)
    found = run(
        {"safetensors": "readTensors"},
        """const { half, full } = readTensors(bytes(file).buffer);
           return [said(half.data), half.shape, said(full.data)];""",
        file=coded(save({"full": np.array([1.5], np.float32), "half": values})),
    )
    np.testing.assert_array_equal(decoded(found[0], np.float32), values.astype(np.float32))
    assert found[1] == [9]
    assert decoded(found[2], np.float32) == [1.5]

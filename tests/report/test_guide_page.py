"""The page of a field guide needs no other file, stays small, shows every name as it is, and has working links."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import DataError, Recognizer, SettingError
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.explain import PhotoEvidence
from fieldmark.guide.advice import ClassCounts
from fieldmark.guide.evidence_parts import PartShare
from fieldmark.guide.guide_photos import PredictedPhotos
from fieldmark.guide.look_alikes import find_look_alikes
from fieldmark.guide.make_guide import Guide, GuideOptions
from fieldmark.guide.separating import Separation, Sighting
from fieldmark.report.guide.guide_page import write_guide_page
from fieldmark.report.guide.write_guide import write_guide
from fieldmark.structures import Record, RecordList

ODD = ("<b>bold</b>", "\"quoted' & co", "class 10", "class 9")


class _Reader(HTMLParser):
    """Collects what a page refers to, and that its elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read(attrs)
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def _read(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action"):
                self.links.append(str(value))
            if name == "id":
                self.ids.append(str(value))


def read_page(path: Path) -> tuple[str, _Reader]:
    """The page's text, after it was found to be whole and to need nothing else."""
    text = path.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(text)
    assert reader.open == []
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in reader.links)
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert not re.search(r"url\(|@import|<link|https?://", text)
    return text, reader


def _guide(folder: Path, names: tuple[str, ...], photos: int = 4, plates: int = 40) -> Guide:
    """Every class is taken for the next now and then; all of them share a few pictures of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    files = [folder / f"{index}.jpg" for index in range(3)]
    for file, array in zip(files, pixels, strict=True):
        Image.fromarray(array).save(file)
    size = len(names)
    records = [Record(files[index % 3], label) for label in range(size) for index in range(photos)]
    labels = np.array([record.label for record in records], dtype=np.int64)
    table = np.full((len(labels), size), 0.01 / size)
    table[np.arange(len(labels)), labels] = 0.8
    table[np.arange(len(labels)), (labels + 1) % size] = np.where(np.arange(len(labels)) % photos == 0, 0.95, 0.15)
    predictions = Predictions(table, labels)
    tested = PredictedPhotos(RecordList(records, names), predictions, {"test": len(labels)}, False)
    pairs = tuple(find_look_alikes(predictions))
    contrast = np.array([[0.0, 1.0], [0.0, -1.0]])
    evidence = PhotoEvidence(
        path="", label="a", against="b", map=contrast, contrast=contrast, fine=contrast, score=1, offset=0, margin=1,
        margin_offset=0, size=(64, 48), frame=(8, 0, 56, 48), box=(32, 0, 56, 24), peak=(44, 12), how="weights",
    )  # fmt: skip
    seen = [Sighting(record, evidence) for record in records[:2]]
    parts = (PartShare("beak", 0.62, 0.1), PartShare("<wing>", 0.2, 0.6), PartShare("", 0.18, 0.0))
    found = Separation(tuple(seen), (), parts, ("weights",))
    counts = tuple(ClassCounts(name, 30, photos, photos - 1) for name in names)
    typical = tuple(tuple(records[label * photos : label * photos + 4]) for label in range(size))
    advice = tuple(("More photos of <it>.",) if label == 0 else () for label in range(size))
    return Guide(tested, typical, pairs, (found,) * min(plates, len(pairs)), counts, advice, {names[0]: ["Aves & co"]})


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    write_guide_page(_guide(tmp_path, ODD), tmp_path / "guide.html", 10**6, subject="birds")
    text, reader = read_page(tmp_path / "guide.html")
    for name in ODD:
        assert escape(name).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in text
        assert name not in text or escape(name) == name
    assert "More photos of &lt;it&gt;." in text
    assert "Aves &amp; co" in text
    cards = [name for name in reader.ids if name.startswith("class-")]
    assert cards == ["class-1", "class-0", "class-3", "class-2"]  # quotes, angles, then 9 before 10


def test_it_names_what_to_look_at_and_how_often_a_pair_is_confused(tmp_path: Path) -> None:
    write_guide_page(
        _guide(tmp_path, ("crow", "raven", "rook", "daw")), tmp_path / "guide.html", 10**6, subject="birds"
    )
    text, _ = read_page(tmp_path / "guide.html")
    assert "Look at the beak (62% of the evidence in 10% of the area)." in text
    assert "Confused in 1 of 8 photos: 1 of 4 crow predicted as raven; 0 of 4 raven predicted as crow." in text
    assert "outside the box" in text
    assert "that the model was not trained on" in text
    ring = re.search(r'class="ring" style="left: ([\d.]+)%; top: ([\d.]+)%; width: ([\d.]+)%; height: ([\d.]+)%"', text)
    assert ring is not None
    assert [float(value) for value in ring.groups()] == [50.0, 0.0, 37.5, 50.0]


def test_200_classes_stay_below_30_megabytes(tmp_path: Path) -> None:
    names = tuple(f"species {index}" for index in range(200))
    guide = _guide(tmp_path, names)
    write_guide_page(guide, tmp_path / "guide.html", 24_000_000, subject="birds")
    text, reader = read_page(tmp_path / "guide.html")
    assert len(text) < 30_000_000
    assert sum(name.startswith("class-") for name in reader.ids) == 200
    assert sum(name.startswith("pair-") for name in reader.ids) == 40
    assert text.count("<img") == text.count('loading="lazy"')


def test_the_page_fits_a_phone(tmp_path: Path, fits_a_phone: Callable[[Path], None]) -> None:
    names = ("a name that is longer than the phone is wide, as those of cultivars are", "crow", "raven", "x" * 60)
    write_guide_page(_guide(tmp_path, names), tmp_path / "guide.html", 10**6, subject="birds")
    fits_a_phone(tmp_path / "guide.html")


def test_pictures_keep_to_their_bytes(tmp_path: Path) -> None:
    guide = _guide(tmp_path, tuple("abcdefgh"))
    write_guide_page(guide, tmp_path / "small.html", 300_000, subject="birds")
    _, reader = read_page(tmp_path / "small.html")
    assert sum(len(link) for link in reader.links if link.startswith("data:")) <= 300_000


def test_a_guide_to_a_fitted_model(command: Callable[..., Any], fitted: Path, tmp_path: Path) -> None:
    done = command("guide", fitted, "--out", tmp_path / "guide.html", "--pairs", 1, "--photos", 2)
    assert (done.code, done.out) == (0, "")
    text, reader = read_page(tmp_path / "guide.html")
    classes = Recognizer(fitted).classes
    assert all(name in text for name in classes)
    assert sum(name.startswith("pair-") for name in reader.ids) == 1
    every = re.search(r"4 classes, 1 of (\d) look-alike pairs", done.err.replace("\n", " "))
    assert every is not None
    assert f"for all: --pairs {every[1]}" in done.err
    option = f'<code class="option">--pairs {every[1]}</code>'
    assert f"These are the 1 most alike of {every[1]} pairs; {option} shows all." in text


def test_photos_that_are_gone(model_copy: Path, tmp_path: Path) -> None:
    recognizer = Recognizer(model_copy)
    recognizer.manifest.data.source = str(tmp_path / "gone")
    with pytest.raises(DataError) as error:
        write_guide(recognizer, None, tmp_path / "guide.html")
    assert str(error.value) == (
        f"the photos that the model was made from are no longer at {tmp_path / 'gone'}; name them as DATA"
    )
    assert not (tmp_path / "guide.html").exists()


def test_photos_of_other_classes(fitted: Path, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "other" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32)).save(tmp_path / "other" / name / "1.png")
    recognizer = Recognizer(fitted)
    with pytest.raises(DataError) as error:
        write_guide(recognizer, tmp_path / "other", tmp_path / "guide.html", GuideOptions())
    assert str(error.value) == (
        f"expected photos of the model's 4 classes in {tmp_path / 'other'}, such as '{recognizer.classes[0]}', but "
        "found other classes, such as 'cat'; name the model's own photos as DATA"
    )


def test_places_that_cannot_be_written(fitted: Path, tmp_path: Path) -> None:
    recognizer = Recognizer(fitted)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError) as error:
        write_guide(recognizer, None, tmp_path)
    assert str(error.value) == (
        f"expected a file to write, but {tmp_path} is a folder; name a file in it: {tmp_path / 'guide.html'}"
    )
    with pytest.raises(SettingError) as error:
        write_guide(recognizer, None, tmp_path / "file" / "guide.html")
    assert str(error.value) == (
        f"{tmp_path / 'file' / 'guide.html'} cannot be written ({tmp_path / 'file'} is no folder): name another place"
    )

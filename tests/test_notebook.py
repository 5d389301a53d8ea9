"""What notebooks show: names are escaped, every candidate has a bar, and the picture is the photo."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark import Answer, Candidate, Record, RecordList, load
from fieldmark.explain.evidence import PhotoEvidence
from fieldmark.notebook import evidence_picture, thumbnail_uri

EVIL = "<script>alert('Parus')</script>"
ESCAPED = "&lt;script&gt;alert(&#39;Parus&#39;)&lt;/script&gt;"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "<i>wide.png"
    Image.new("RGB", (400, 100), (250, 20, 20)).save(path)
    return path


def _pictures(html: str) -> list[Image.Image]:
    uris = re.findall(r'(?:src|href)="data:image/jpeg;base64,([^"]+)"', html)
    return [Image.open(BytesIO(base64.b64decode(uri))) for uri in uris]


def test_an_answer_shows_its_photo_and_a_bar_for_each_candidate(photo: Path) -> None:
    candidates = (Candidate(EVIL, 0.75), Candidate("Tern", 0.2))
    answer = Answer(str(photo), candidates, set=(EVIL,), rank="genus", ancestor="<b>Larus", unknown=True, coverage=0.9)
    html = answer._repr_html_()
    assert "<script" not in html
    assert "<i>" not in html
    assert "<b>Larus" not in html
    assert html.count('<tr class="bar">') == 2
    assert re.findall(r"width:([\d.]+)%", html) == ["75.0", "20.0"]
    assert f"prediction set (90% coverage): {ESCAPED}" in html
    assert "only the genus is certain: &lt;b&gt;Larus" in html
    assert "probably none of the classes that the model knows" in html
    (picture,) = _pictures(html)
    assert picture.size == (224, 56)
    np.testing.assert_allclose(np.asarray(picture)[28, 112], (250, 20, 20), atol=8)


def test_an_answer_with_an_error_shows_the_error() -> None:
    html = Answer("gone.jpg", error=f"{EVIL} cannot be read")._repr_html_()
    assert f"{ESCAPED} cannot be read" in html
    assert "<img" not in html
    assert "<table" not in html


def test_records_show_the_largest_classes(photo: Path) -> None:
    records = RecordList([Record(photo, 1, "train"), Record(photo, 1, "val"), Record(photo, 0)], ["Gull", EVIL])
    html = records._repr_html_()
    assert re.findall(r"width:([\d.]+)%", html) == ["100.0", "50.0"]
    assert html.index(ESCAPED) < html.index("Gull")
    assert "1 train, 1 val, 1 no split" in html
    assert [picture.size for picture in _pictures(html)] == [(112, 28)] * 2
    assert "0 photos" in RecordList([], ["Gull"])._repr_html_()


def test_evidence_is_drawn_where_it_is(photo: Path) -> None:
    values = np.array([[1.0, 0.1], [-0.5, 0.0]])
    evidence = PhotoEvidence(
        str(photo), EVIL, "Tern", values, values, values, 1.0, 0.0, 1.0, 0.0, (400, 100), (0, 0, 400, 100),
        (0, 0, 200, 50), (100, 25), "how",
    )  # fmt: skip
    html = evidence._repr_html_()
    assert f"{ESCAPED} against Tern" in html
    assert "<script" not in html
    cells = re.findall(
        r'<rect x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)" fill="(#\w+)" fill-opacity="(\S+)"', html
    )
    assert cells == [
        ("0.0", "0.0", "200.0", "50.0", "#d55e00", "0.70"),
        ("0.0", "50.0", "200.0", "50.0", "#0072b2", "0.35"),
    ]
    assert '<rect x="0" y="0" width="200" height="50" fill="none"' in html
    assert [picture.size for picture in _pictures(html)] == [(400, 100)]
    assert "<image" not in evidence_picture(None, values, (0, 0, 400, 100), (0, 0, 1, 1), (400, 100))


def test_a_thumbnail_is_upright_and_none_where_there_is_no_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 100)).save(tmp_path / "turned.jpg", exif=exif)
    uri = thumbnail_uri(tmp_path / "turned.jpg")
    assert uri is not None
    assert Image.open(BytesIO(base64.b64decode(uri.partition(",")[2]))).size == (56, 224)
    (tmp_path / "text.jpg").write_text("no photo")
    assert thumbnail_uri(tmp_path / "text.jpg") is None
    assert thumbnail_uri(tmp_path / "gone.jpg") is None
    assert thumbnail_uri(None) is None


def test_a_recognizer_shows_its_method_and_classes(fitted: Path) -> None:
    html = load(fitted)._repr_html_()
    assert "linear_probe, 4 classes" in html
    assert "top-1 accuracy on val: " in html

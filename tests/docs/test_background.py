"""The background pages treat every method, with its equation, drawing and source, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from method_drawings import DRAWINGS, FOLDER, drawing

from fieldmark.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"en": ROOT / "docs" / "background.md", "zh": ROOT / "docs" / "zh" / "background.md"}
SOURCES = {"en": "*Source", "zh": "*出处"}
TERMS = ["细粒度识别", "双线性池化", "通道注意力", "度量学习", "弱监督", "端到端", "不变性"]


def sections(language: str) -> dict[str, str]:
    text = PAGES[language].read_text(encoding="utf-8")
    found = re.findall(r"^### ([a-z_]+)[^\n]*\n(.*?)(?=^### |^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_method_has_an_equation_a_drawing_and_a_source(language: str) -> None:
    treated = sections(language)
    assert set(treated) == set(METHODS) - {"auto"}
    suffix = ".svg" if language == "en" else ".zh.svg"
    for method, text in treated.items():
        assert re.search(r"^\$\$.+\$\$$", text, re.MULTILINE), method
        assert f"images/background/{method}{suffix})" in text, method
        assert SOURCES[language] in text, method
        assert f"`methods/{method}.py`" in text, method
        assert (ROOT / "src" / "fieldmark" / "methods" / f"{method}.py").is_file()


@pytest.mark.parametrize("method", sorted(DRAWINGS))
def test_the_drawings_are_up_to_date(method: str) -> None:
    for chinese in (False, True):
        path = FOLDER / f"{method}{'.zh' * chinese}.svg"
        assert path.read_text(encoding="utf-8") == drawing(method, chinese), "run: python tests/docs/method_drawings.py"
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        width, height = (float(each) for each in root.attrib["viewBox"].split()[2:])
        for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert 0 <= float(rect.get("x", "0")) <= width - float(rect.attrib["width"]) or rect.get("x") is None
            assert 0 <= float(rect.get("y", "0")) <= height - float(rect.attrib["height"]) or rect.get("y") is None


@pytest.mark.parametrize("language", ["en", "zh"])
def test_files_that_the_page_names_exist(language: str) -> None:
    names = set(re.findall(r"`((?:\w+/)+\w+\.py)`", PAGES[language].read_text(encoding="utf-8")))
    assert len(names) > 20
    assert not {name for name in names if not (ROOT / "src" / "fieldmark" / name).is_file()}


def test_the_chinese_page_uses_the_terms_of_textbooks() -> None:
    text = PAGES["zh"].read_text(encoding="utf-8")
    assert not [term for term in TERMS if term not in text]


def test_excerpts_are_lines_of_the_true_files(annotations: Path) -> None:
    """The first fields of an excerpt stand in the true annotation files."""
    page = PAGES["en"].read_text(encoding="utf-8")
    cub = annotations / "cub_200_2011"
    for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes", "parts/part_locs", "attributes"):
        shown = re.search(rf"^{name}\.txt +(.+?)(?:  .*)?$", page, re.MULTILINE)
        assert shown is not None
        assert shown[1] in (cub / f"{name}.txt").read_text(encoding="utf-8").splitlines(), name

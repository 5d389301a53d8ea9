"""A guide has all its texts in both languages, with the same places for names and numbers."""

from __future__ import annotations

import re
import string

import pytest

from fieldmark import SettingError
from fieldmark.guide.advice import ClassCounts, advise
from fieldmark.guide.guide_texts import TEXTS, GuideTexts, guide_texts
from fieldmark.guide.look_alikes import LookAlikes


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_and_places() -> None:
    english, chinese = TEXTS["en"], TEXTS["zh"]
    assert english.keys() == chinese.keys()
    different = {key for key in english if _places(english[key]) != _places(chinese[key])}
    assert different == set()


def test_chinese_texts_are_chinese() -> None:
    for key, text in TEXTS["zh"].items():
        words = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{\w+\}|--\w+( FILE)?", "", text)))
        assert words <= {"medoid"}, key


def test_chinese_advice() -> None:
    counts = [ClassCounts("乌鸦", 8, 30, 12), ClassCounts("渡鸦", 60, 30, 27)]
    lost = LookAlikes(0, 1, 0.1, 30, 30, 12, 2)
    assert advise(0, counts, [lost], median=60.0, top1=0.9, texts=GuideTexts("zh")) == [
        "请补充照片：训练时只有 8 张照片，而半数类别有 60 张或更多。",
        "30 张中只有 12 张正确，而全部类别的正确率为 90%。其中 12 张被识别为渡鸦（反过来有 2 张）："
        "请补充能看出两者差别的照片，并检查两者的标签。",
        "有 12 张照片被识别为渡鸦（反过来有 2 张），而它有 60 张训练照片，本类只有 8 张：请补充本类的照片。",
    ]


def test_an_unknown_language() -> None:
    with pytest.raises(SettingError) as raised:
        guide_texts("de")
    assert str(raised.value).startswith("unknown language 'de'")

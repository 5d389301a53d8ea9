"""Sentences are short. English: at most 25 words. Chinese: at most 60 characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from sentences import chinese_length, sentences, words

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = sorted(
    [page for page in (ROOT / "docs").glob("*.md") if page.stem not in ("results", "settings", "trust", "reliability")]
    + [page for folder in ("tutorials", "explanations") for page in (ROOT / "docs" / folder).glob("*.md")]
)
CHINESE = [ROOT / "README.zh-CN.md", *(ROOT / "docs" / "zh").glob("*.md")]


def test_the_readme_has_no_long_sentence_and_few_lines() -> None:
    readme = ROOT / "README.md"
    assert not [sentence for sentence in sentences(readme) if words(sentence) > 25]
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 200


def test_nine_of_ten_sentences_of_how_to_pages_are_short() -> None:
    found = [(page.stem, sentence) for page in HOW_TO for sentence in sentences(page)]
    long = [(page, sentence) for page, sentence in found if words(sentence) > 25]
    print(f"{1 - len(long) / len(found):.3f} of {len(found)} sentences on {len(HOW_TO)} pages have at most 25 words")
    assert len(found) > 400
    assert len(long) <= 0.1 * len(found), "\n".join(map(": ".join, long))


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
def test_chinese_sentences_are_short(page: Path) -> None:
    found = sentences(page)
    assert len(found) > 20
    long = [sentence for sentence in found if chinese_length(sentence) > 60]
    assert len(long) <= 0.1 * len(found), "\n".join(long)


def test_sentences_are_counted_as_people_count_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Title of the page.\n\nRun `fit DATA --out MODEL` once. It has [a link](x.md) here\nand ends.\n\n"
        "| a table. | is none |\n\n- First item\n- Second item: 0.5 of it. Third!\n\n```text\nNo. Not this.\n```\n\n"
        "照片很少。准确率是 95.9%。\n",
        encoding="utf-8",
    )
    assert sentences(page) == [
        "Run code once.", "It has a link here and ends.", "First item", "Second item: 0.5 of it.", "Third!",
        "照片很少。", "准确率是 95.9%。",
    ]  # fmt: skip
    assert words("It has a link here and ends.") == 7
    assert chinese_length("准确率是 95.9%。") == 6

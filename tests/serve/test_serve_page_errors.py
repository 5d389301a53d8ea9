"""Errors on the page are sentences for people, in the page's language."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import _NEED_HEIC

WORDS = "async ([given, name]) => (await import('/page/errors.js')).inWords(given, name)"


@pytest.fixture(scope="module")
def bad_files(photos: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What people send by mistake, by the key of the text that says so."""
    large = tmp_path_factory.mktemp("bad") / "large.png"
    Image.new("L", (3000, 2000)).save(large)
    good = photos[0].read_bytes()
    return {
        "errorEmpty": b"",
        "errorDamaged": good[:700],
        "errorVideo": b"\0\0\0\x18ftypmp42" + bytes(64),
        "errorNoImage": b"%PDF-1.7 text",
        "errorPixels": large.read_bytes(),
    }


@pytest.mark.parametrize(("query", "language"), [("", "en"), ("?lang=zh", "zh")])
def test_every_bad_file_has_its_sentence_in_both_languages(
    open_page: Callable[..., Any], served: Any, bad_files: dict[str, bytes], query: str, language: str
) -> None:
    page = open_page(query=query)
    texts = page.evaluate(f"async () => (await import('/page/texts/{language}.js')).default")
    files = [("photo", ("x.jpg", content)) for content in bad_files.values()]
    body = httpx.post(f"{served.url}/v1/predict", files=files, timeout=60).json()
    sentences = dict(zip(bad_files, (answer["error"] for answer in body["answers"]), strict=True))
    sentences["errorHeic"] = f"x.jpg: {_NEED_HEIC}"
    for key, sentence in sentences.items():
        assert page.evaluate(WORDS, [sentence, "x.jpg"]) == texts[key].replace("{name}", "x.jpg")


def test_a_server_that_cannot_be_reached(open_page: Callable[..., Any], photos: list[Path]) -> None:
    page = open_page(query="?lang=zh")
    page.route("**/v1/predict*", lambda route: route.abort())
    page.set_input_files("#files", photos[0])
    page.locator(".card").filter(has_text="连接不上服务器").wait_for()


def test_a_sentence_without_a_translation_is_not_lost(open_page: Callable[..., Any]) -> None:
    page = open_page(query="?lang=zh")
    assert page.evaluate(WORDS, ["something new", "x.jpg"]) == "服务器的说明：something new"

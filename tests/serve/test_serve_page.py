"""The page in a real browser: upload a photo, and see answer, evidence and known photos."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

TOKEN = "only-for-tests"
PATIENCE = 120_000  # milliseconds; the first explanation loads libraries


@pytest.fixture
def page(browser: Any, served: Any) -> Iterator[Any]:
    """The page in English. Console errors and requests to other hosts fail the test."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: wrong.extend(_foreign(request.url, served.url)))
    opened.goto(served.url)
    opened.locator("#model:not(:empty)").wait_for()
    yield opened
    context.close()
    assert wrong == []


def _foreign(url: str, own: str) -> list[str]:
    return [] if url.startswith((own, "blob:", "data:")) else [url]


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::24]


def test_a_photo_is_answered_explained_and_compared(page: Any, photos: list[Path]) -> None:
    page.set_input_files("#files", photos[0])
    card = page.locator(".card")
    card.locator(".headline .name").wait_for()
    assert card.locator(".candidate").count() == 4
    card.locator(".overlay:not([hidden])").wait_for()
    assert card.locator(".overlay").get_attribute("src").startswith("data:image/png")
    for_answer = card.locator(".overlay").get_attribute("src")
    card.locator(".segments label").nth(1).click()
    assert card.locator(".overlay").get_attribute("src") != for_answer
    assert card.locator(".strongest").is_visible()
    card.locator("input[type=range]").fill("0")
    assert card.locator(".overlay").evaluate("image => image.style.opacity") == "0"
    assert not card.locator(".strongest").is_visible()


def test_known_photos_are_shown_and_another_rival_can_be_named(page: Any, photos: list[Path]) -> None:
    page.set_input_files("#files", photos[1])
    card = page.locator(".card")
    card.locator(".neighbours").nth(1).wait_for()
    for tile in card.locator(".neighbours img").all():
        tile.scroll_into_view_if_needed()
    assert card.locator(".neighbours img").count() == 12
    loaded = "images => images.every((image) => image.complete && image.naturalWidth > 0)"
    page.wait_for_function(f"() => ({loaded})([...document.querySelectorAll('.neighbours img')])")
    third = card.locator("button.candidate").nth(1)
    name = third.locator(".label").inner_text()
    third.click()
    heading = card.locator(".neighbours h3").nth(1)
    heading.filter(has_text=name).wait_for()
    assert set(card.locator(".neighbours").nth(1).locator(".tile-label").all_inner_texts()) == {name}
    card.locator(".segments").filter(has_text=name).wait_for()


def test_open_details_stay_when_the_explanation_arrives(page: Any, photos: list[Path]) -> None:
    held: list[Any] = []
    page.route("**/v1/explain*", lambda route: held.append(route))
    page.set_input_files("#files", photos[1])
    card = page.locator(".card")
    card.locator(".neighbours").nth(1).wait_for()
    shown = ".neighbours img, .candidate, .headline, .photo, .enroll"
    count = page.evaluate(
        "(of) => (window.before = [...document.querySelectorAll(of)]).length",
        shown,
    )
    assert count > 12
    card.locator(".pulse").wait_for()
    held[0].continue_()
    card.locator(".overlay:not([hidden])").wait_for()
    same = "(of) => [...document.querySelectorAll(of)].map((node, index) => node === window.before[index])"
    assert page.evaluate(same, shown) == [True] * count


def test_everything_works_by_keyboard(page: Any, photos: list[Path]) -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#choose").focus()
        page.keyboard.press("Enter")
    chooser.value.set_files(photos[0])
    card = page.locator(".card")
    card.locator(".overlay:not([hidden])").wait_for()
    card.locator(".neighbours").nth(1).wait_for()
    focused = "() => document.activeElement.dataset.focus ?? document.activeElement.className"
    card.locator(".close").focus()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focused))
    names = card.locator("button.candidate .label").all_inner_texts()
    assert reached[:5] == ["map map", "opacity", *(f"rival {name}" for name in names)]
    card.locator("input[value=map]").focus()
    page.keyboard.press("ArrowRight")
    assert card.locator("input[value=contrast]").is_checked()
    assert card.locator(".strongest").is_visible()
    card.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    assert card.locator(".overlay").evaluate("image => image.style.opacity") == "0"
    card.locator("button.candidate").nth(2).focus()
    page.keyboard.press("Enter")
    card.locator(".segments").filter(has_text=names[2]).wait_for()
    assert page.evaluate(focused) == f"rival {names[2]}"  # although the list was rendered again
    card.locator(".close").focus()
    page.keyboard.press("Enter")
    assert page.locator(".card").count() == 0


def test_several_photos_with_a_broken_one(page: Any, photos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:700])
    page.set_input_files("#files", [photos[0], broken, photos[2]])
    page.locator(".card .wrong").wait_for()
    assert page.locator(".card").count() == 3
    assert page.locator(".card.unread").count() == 1
    assert "broken.jpg is damaged or incomplete" in page.locator(".card").nth(1).inner_text()
    page.locator(".card").nth(1).locator(".close").click()
    assert page.locator(".card").count() == 2


def test_a_pasted_photo_is_answered(page: Any, photos: list[Path]) -> None:
    page.evaluate(
        """async (bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
            window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
        }""",
        list(photos[0].read_bytes()),
    )
    page.locator(".card .headline .name").wait_for()
    assert page.locator(".file").inner_text() == "pasted.jpg"


def test_chinese_texts_and_a_phone_screen(browser: Any, served: Any, photos: list[Path]) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{served.url}/?lang=zh")
    page.locator("#model").filter(has_text="个类别").wait_for()
    page.set_input_files("#files", photos[0])
    page.locator(".neighbours").nth(1).wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator("#language").press("Enter")
    page.locator(".kicker").filter(has_text="Most likely").wait_for()
    assert page.evaluate("() => document.documentElement.lang") == "en"
    context.close()


def test_every_text_exists_in_both_languages() -> None:
    import fieldmark.serve

    folder = Path(fieldmark.serve.__file__).with_name("page") / "texts"
    sources = [(folder / name).read_text(encoding="utf-8") for name in ("en.js", "zh.js")]
    english, chinese = (re.findall(r"^  (\w+):", source, re.M) for source in sources)
    assert len(english) > 50
    assert english == chinese


def test_none_of_these_becomes_a_class(page: Any, tmp_path: Path) -> None:
    noise = []
    for index in range(3):
        noise.append(tmp_path / f"{index}.png")
        Image.effect_noise((96, 96), 60 + 10 * index).convert("RGB").save(noise[-1])
    page.set_input_files("#files", noise[0])
    form = page.locator(".enroll")
    form.locator("summary").click()
    form.locator("input[type=text]").fill("Noise")
    form.locator("input[type=file]").set_input_files(noise[1:])
    form.locator("input[type=password]").fill("wrong")
    form.locator("button").click()
    form.locator(".wrong").filter(has_text="That access token isn't valid").wait_for()
    form.locator("input[type=password]").fill(TOKEN)
    form.locator("button").click()
    page.locator(".notice.good").filter(has_text="Added “Noise” from 3 photos.").wait_for()
    page.locator("#model").filter(has_text="5 classes").wait_for()
    page.locator(".headline .name").filter(has_text="Noise").wait_for()
    page.locator(".legend").filter(
        has_text="evidence for Noise"
    ).wait_for()  # from similarity: an enrolled class has no weights

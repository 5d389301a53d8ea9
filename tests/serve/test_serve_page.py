"""One photo on the page in a real browser: answer, evidence, known photos, a class of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from fieldmark.page_folder import PAGE

TOKEN = "only-for-tests"


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    return open_page()


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
    card.locator(".neighbours img").nth(11).wait_for()
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
    card.locator(".neighbours").nth(1).locator("img").nth(5).wait_for()
    assert set(card.locator(".neighbours").nth(1).locator(".tile-label").all_inner_texts()) == {name}
    card.locator(".segments").filter(has_text=name).wait_for()


def test_a_known_photo_opens_beside_the_photo(page: Any, photos: list[Path]) -> None:
    page.set_input_files("#files", photos[1])
    tile = page.locator(".neighbours .enlarge").first
    tile.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.comparison")
    large = "() => document.querySelector('.other').src.includes('size=large')"
    page.wait_for_function(large)
    boxes = [image.bounding_box() for image in dialog.locator("img").all()]
    assert boxes[0]["width"] == boxes[1]["width"] > 300
    first = dialog.locator("figcaption").nth(1).inner_text()
    page.keyboard.press("ArrowRight")
    assert dialog.locator("figcaption").nth(1).inner_text() != first
    dialog.get_by_text("2 of 6").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert page.evaluate("() => document.activeElement.className") == "enlarge"


def test_another_rival_never_shows_the_map_of_the_one_before(page: Any, photos: list[Path]) -> None:
    page.set_input_files("#files", photos[1])
    card = page.locator(".card")
    card.locator(".overlay:not([hidden])").wait_for()
    for_answer = card.locator(".overlay").get_attribute("src")
    held: list[Any] = []
    page.route("**/v1/explain*", lambda route: held.append(route))
    card.locator("button.candidate").nth(1).click()
    card.locator(".spinner:not([hidden])").wait_for()
    assert not card.locator(".overlay").is_visible()
    assert not card.locator(".strongest").is_visible()
    name = card.locator("button.candidate[aria-pressed=true] .label").inner_text()
    assert name in card.locator(".segments").inner_text()
    card.locator(".segments label").first.click()  # the map for the answer does not depend on the rival
    assert card.locator(".overlay").get_attribute("src") == for_answer
    card.locator(".segments label").nth(1).click()
    held[0].continue_()
    card.locator(".overlay:not([hidden])").wait_for()
    assert not card.locator(".spinner").is_visible()
    assert f"evidence for {name}" in card.locator(".legend").inner_text()


def test_the_answer_comes_first_where_the_photo_shows_no_known_class(
    page: Any, served: Any, photos: list[Path]
) -> None:
    """The server's own answer, had the photo been flagged as unknown."""
    files = {"photo": ("bird.jpg", photos[0].read_bytes())}
    (answer,) = httpx.post(f"{served.url}/v1/predict", files=files, timeout=60).json()["answers"]
    page.route("**/v1/predict*", lambda route: route.fulfill(json={"answers": [answer | {"unknown": True}]}))
    page.set_input_files("#files", photos[0])
    page.locator(".headline.is-unknown").wait_for()
    assert page.locator(".headline .name").inner_text() == "Not one of the 4 classes"
    assert page.locator(".candidates h3").inner_text() == "The most similar classes"
    fills, bars = (
        page.locator(f".candidate {part}").evaluate_all(
            "(nodes) => [...new Set(nodes.map((node) => getComputedStyle(node).backgroundColor))]"
        )
        for part in (".fill", ".bar")
    )
    assert len(fills) == 1  # no class stands out by its colour
    assert fills != bars
    accent = page.evaluate("() => getComputedStyle(document.querySelector('.primary')).backgroundColor")
    assert accent not in fills
    page.locator(".set").filter(has_text="Prediction set It applies only if").wait_for()


HEADLINES = [
    ({"rank": "class"}, "Most likely|Jay 80%"),
    ({"rank": "class", "set": ["Jay", "Crow"]}, "Most likely, but not certain|Jay 80%"),
    ({"rank": "genus", "ancestor": "Corvus"}, "Only the genus is certain; most likely Jay|Corvus"),
    ({"rank": None}, "Not certain enough for an answer; most likely|Jay 80%"),
    ({"rank": "genus", "ancestor": "Corvus", "unknown": True},
     "Probably something that this model does not know|Not one of the 4 classes"),
]  # fmt: skip


def test_the_headline_is_what_can_be_said_honestly(page: Any) -> None:
    """Back-off, doubt and unknown photos, each from the fields of `predict --json`."""
    script = """async (changes) => {
        const { headline } = await import("/page/candidates.js");
        const { server } = await import("/page/api.js");
        const answer = { candidates: [{ label: "Jay", probability: 0.8 }], set: ["Jay"], coverage: 0.9,
                         ancestor: null, unknown: false, ...changes };
        const node = headline(answer, server);
        const words = (one) => [...one.childNodes].map((child) => child.textContent).join(" ");
        return [...node.querySelectorAll(".kicker, h2")].map(words).join("|");
    }"""
    for changes, words in HEADLINES:
        assert page.evaluate(script, changes) == words


def test_evidence_off_the_object_says_so_where_a_box_is_known(page: Any) -> None:
    script = """async (evidence) => (await import("/page/off_object.js")).offObject(evidence)"""
    box = [10, 10, 30, 30]
    assert not page.evaluate(script, {"box": box})  # no box of the object is known
    assert not page.evaluate(script, {"box": box, "object_box": [0, 0, 100, 100]})
    assert not page.evaluate(script, {"box": box, "object_box": [18, 0, 100, 100]})  # 60 % inside
    assert page.evaluate(script, {"box": box, "object_box": [22, 0, 100, 100]})  # 40 %
    assert page.evaluate(script, {"box": box, "object_box": [50, 50, 60, 60]})


def test_open_details_stay_when_the_explanation_arrives(page: Any, photos: list[Path]) -> None:
    held: list[Any] = []
    page.route("**/v1/explain*", lambda route: held.append(route))
    page.set_input_files("#files", photos[1])
    card = page.locator(".card")
    card.locator(".neighbours img").nth(11).wait_for()
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
    card.locator(".neighbours img").nth(11).wait_for()
    focused = "() => document.activeElement.dataset.focus ?? document.activeElement.className"
    card.locator(".close").focus()
    reached = []
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focused))
    names = card.locator("button.candidate .label").all_inner_texts()
    assert reached == ["map map", "opacity", "crop", *(f"rival {name}" for name in names)]
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


def test_chinese_texts_and_a_phone_screen(open_page: Callable[..., Any], photos: list[Path]) -> None:
    page = open_page(390, "?lang=zh", color_scheme="dark")
    page.locator("#model").filter(has_text="个类别").wait_for()
    page.set_input_files("#files", photos[0])
    page.locator(".neighbours img").nth(11).wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    page.locator("#language").press("Enter")
    page.locator(".kicker").filter(has_text="Most likely").wait_for()
    assert page.evaluate("() => document.documentElement.lang") == "en"


def test_every_text_exists_in_both_languages() -> None:
    folder = PAGE / "texts"
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
    page.locator("#model").filter(has_text="model · 5 classes").wait_for()
    page.locator(".headline .name").filter(has_text="Noise").wait_for()
    page.locator(".legend").filter(
        has_text="evidence for Noise"
    ).wait_for()  # from similarity: an enrolled class has no weights

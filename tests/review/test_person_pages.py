"""The pages of `review` and `label` in a real browser, at the width of a laptop and of a phone."""

from __future__ import annotations

import contextlib
import csv
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fieldmark
from axe import serious_findings
from fieldmark.data.decisions import read_decisions
from live_server import live_server

PATIENCE = 60_000
FILES = Path(fieldmark.__file__).parent / "serve" / "person_page_files"


@pytest.fixture
def serve_page(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serve the page of a session on a free port; return its address."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.allowed_hosts import LOOPBACK
    from fieldmark.serve.person_page import create_page_app
    from fieldmark.serve.settings import ServeSettings

    with contextlib.ExitStack() as running:

        def start(name: str, router: Any, session: Any, token: str | None = None) -> str:
            settings = ServeSettings(token=token, allowed_hosts=LOOPBACK)
            app = create_page_app(name, router, session, settings)
            return running.enter_context(live_server(app, settings))

        yield start


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address; errors of scripts and requests to other hosts fail the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_at(url: str, width: int = 1280, height: int = 900, typed: str = "", **options: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **{"locale": "en-US", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: dialog.accept(typed))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request", lambda sent: None if sent.url.startswith((url, "blob:", "data:")) else wrong.append(sent.url)
        )
        page.goto(url)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def review_session(spoiled: Any, tmp_path: Path) -> Any:
    return fieldmark.review(spoiled.root, decisions=tmp_path / "decisions.csv", embed=spoiled.embed)


@pytest.fixture
def label_session(pool: Path, known_model: fieldmark.Recognizer, tmp_path: Path) -> Any:
    return fieldmark.label(pool, known_model, out=tmp_path / "labels.csv", refit_every=3)


def ready(page: Any) -> None:
    """Wait until the page has answered what was pressed: it leaves out what is pressed meanwhile."""
    page.locator("#item[aria-busy=false]").wait_for()


def no_overflow(page: Any) -> bool:
    """Whether the page is no wider than the screen, and what can be pressed lies inside of its card."""
    return bool(
        page.evaluate(
            """() => {
                const card = document.querySelector(".work, .finished").getBoundingClientRect();
                const inside = [...document.querySelectorAll(".choice, .other, .picture.large")].every((node) => {
                    const { left, right } = node.getBoundingClientRect();
                    return left >= card.left && right <= card.right;
                });
                return inside && document.documentElement.scrollWidth <= document.documentElement.clientWidth;
            }"""
        )
    )


def all_shown(page: Any) -> None:
    page.wait_for_function(
        "() => [...document.querySelectorAll('img')].every((image) => image.complete && image.naturalWidth > 0)"
    )


def test_a_review_by_keys(
    serve_page: Callable[..., str], open_page: Callable[..., Any], review_session: Any, spoiled: Any
) -> None:
    from fieldmark.serve.routes.review import router

    page = open_page(serve_page("review", router, review_session))
    item = review_session.left()
    first_label = next(one for one in item if one.problem == "label")
    page.locator(".chip").filter(has_text="Labels").click()
    ready(page)
    page.locator("h1").filter(has_text=review_session.label_of(first_label.photos[0])).wait_for()
    assert page.locator(".near").count() >= 2
    all_shown(page)
    assert serious_findings(page) == []
    page.keyboard.press("?")
    assert page.locator("dialog dd").count() == 10
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.locator(".progress strong").filter(has_text=f"1 of {len(item)} decided").wait_for()
    (made,) = read_decisions(review_session.file)
    assert (made.verdict, made.label) == ("relabel", first_label.suggestions[0].label)
    page.keyboard.press("u")
    page.locator(".progress strong").filter(has_text=f"0 of {len(item)} decided").wait_for()
    assert read_decisions(review_session.file) == []
    page.locator("h1").filter(has_text=review_session.label_of(first_label.photos[0])).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("brand new bird")
    page.locator("[role=option]").filter(has_text="New class “brand new bird”").wait_for()
    page.keyboard.press("Enter")
    page.locator(".progress strong").filter(has_text=f"1 of {len(item)} decided").wait_for()
    assert read_decisions(review_session.file)[0].label == "brand new bird"
    page.locator(".chip").filter(has_text="Duplicates").click()
    ready(page)
    page.locator(".side-by-side figure").nth(1).wait_for()
    all_shown(page)
    assert serious_findings(page) == []
    before = review_session.progress().left
    page.keyboard.press("1")
    ready(page)
    assert review_session.progress().left < before
    verdicts = [row.verdict for row in read_decisions(review_session.file) if row.problem == "duplicate"]
    assert sorted(map(str, verdicts)) == ["drop", "keep"]
    page.locator(".chip").first.click()
    ready(page)
    for key in ("ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        ready(page)
    page.locator(".chip").filter(has_text="Files").click()
    ready(page)
    page.locator("h1").filter(has_text="This file can't be read").wait_for()
    assert "/empty.jpg is empty (0 bytes)" in page.locator(".ask").inner_text()
    assert str(spoiled.root) not in page.locator("body").inner_text()
    page.keyboard.press("d")
    page.locator("h1").filter(has_text="Nothing of this kind is left").wait_for()


def test_a_review_on_a_phone_in_chinese(
    serve_page: Callable[..., str], open_page: Callable[..., Any], review_session: Any
) -> None:
    from fieldmark.serve.routes.review import router

    page = open_page(serve_page("review", router, review_session), 390, 844, locale="zh-CN", color_scheme="dark")
    page.locator(".chip").filter(has_text="重复").wait_for()
    for chip in page.locator(".chip").all_inner_texts():
        page.locator(".chip").filter(has_text=chip.split()[0]).click()
        ready(page)
        assert no_overflow(page), chip
        assert serious_findings(page) == [], chip
    while review_session.left():
        page.locator(".chip").first.click()
        ready(page)
        left = review_session.progress().left
        page.locator(".choice[data-key=c]").click()
        ready(page)
        assert review_session.progress().left < left
    page.locator("h1").filter(has_text="全部处理完了").wait_for()
    assert serious_findings(page) == []
    assert page.evaluate("() => document.documentElement.lang") == "zh"
    assert no_overflow(page)


def test_a_server_with_a_token_shows_nothing_without_it(
    serve_page: Callable[..., str], open_page: Callable[..., Any], review_session: Any
) -> None:
    import httpx

    from fieldmark.serve.routes.review import router

    url = serve_page("review", router, review_session, token="only-for-tests")
    for path in ("state", "photo/0", f"item?key={review_session.left()[0].key}"):
        assert httpx.get(f"{url}/v1/review/{path}").status_code == 401
    assert httpx.get(f"{url}/v1/review/state", headers={"host": "evil.example"}).status_code == 421
    headers = {"authorization": "Bearer only-for-tests"}
    assert httpx.get(f"{url}/v1/review/state", headers=headers).status_code == 200
    crossing = {**headers, "sec-fetch-site": "cross-site"}
    assert httpx.post(f"{url}/v1/review/undo", headers=crossing).status_code == 403
    page = open_page(url, typed="only-for-tests")
    page.locator(".work h1").wait_for()
    all_shown(page)


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("decide", {"key": "gone", "choice": "keep"}, 422, "the review has no item 'gone': load the page again"),
        ("decide", {"key": "gone", "choice": "burn"}, 422, "'choice' is not valid"),
    ],
)
def test_wrong_requests_are_one_sentence(
    serve_page: Callable[..., str], review_session: Any, path: str, body: dict[str, str], status: int, sentence: str
) -> None:
    import httpx

    from fieldmark.serve.routes.review import router

    url = serve_page("review", router, review_session)
    answer = httpx.post(f"{url}/v1/review/{path}", json=body)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert httpx.get(f"{url}/v1/review/photo/9999").json() == {"error": "the data set has no photo number 9999"}
    assert not review_session.file.exists()


def test_labelling_by_keys_and_the_order_improves(
    serve_page: Callable[..., str], open_page: Callable[..., Any], label_session: Any, known_model: Any
) -> None:
    from fieldmark.serve.routes.label import Labelling, router

    page = open_page(serve_page("label", router, Labelling(label_session, known_model)))
    page.locator(".with-photos .choice").nth(3).wait_for()
    all_shown(page)
    assert serious_findings(page) == []
    shown = page.locator(".with-photos .choice > span:nth-of-type(1)").all_inner_texts()
    page.keyboard.press("2")
    page.locator(".progress strong").filter(has_text="1 of 24 labelled").wait_for()
    with label_session.file.open(encoding="utf-8") as file:
        assert [row["label"] for row in csv.DictReader(file)] == [shown[1]] * len(label_session._rows)
    skipped = page.locator("figcaption .path").inner_text()
    page.keyboard.press("s")
    page.locator("figcaption .path").filter(has_not_text=skipped).wait_for()
    page.keyboard.press("/")
    page.keyboard.type(shown[0][:4].lower())
    page.locator("[role=option]").first.wait_for()
    page.keyboard.press("Enter")
    page.locator(".progress strong").filter(has_text="2 of 24 labelled").wait_for()
    page.keyboard.press("u")
    page.locator(".progress strong").filter(has_text="1 of 24 labelled").wait_for()
    for done in (2, 3, 4):
        page.locator("#item .choice").first.wait_for()
        page.keyboard.press("1")
        page.locator(".progress strong").filter(has_text=f"{done} of 24 labelled").wait_for()
    until = time.monotonic() + PATIENCE / 1000  # the fit follows the answer in the background
    while not label_session.progress().fits:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_labelling_on_a_phone_until_nothing_is_left(
    serve_page: Callable[..., str], open_page: Callable[..., Any], label_session: Any, known_model: Any
) -> None:
    from fieldmark.serve.routes.label import Labelling, router

    for photo in label_session.next(21):
        label_session.answer(photo, "A")
    page = open_page(serve_page("label", router, Labelling(label_session, known_model)), 390, 844)
    for done in range(label_session.progress().labelled, 24):
        page.locator(".progress strong").filter(has_text=f"{done} of 24 labelled").wait_for()
        assert no_overflow(page)
        page.locator(".choice").first.click()
    page.locator("h1").filter(has_text="All photos have a label").wait_for()
    page.locator("#language").click()
    page.locator("h1").filter(has_text="所有照片都标注完了").wait_for()


def test_every_text_exists_in_both_languages() -> None:
    english, chinese = (
        re.findall(r"^  (\w+):", (FILES / "texts" / f"{name}.js").read_text(encoding="utf-8"), re.M)
        for name in ("en", "zh")
    )
    assert sorted(english) == sorted(chinese)
    assert len(set(english)) == len(english)


def test_other_machines_need_a_token() -> None:
    from fieldmark import SettingError
    from fieldmark.serve.run_page import check_page_host

    check_page_host("127.0.0.1", None)
    check_page_host("0.0.0.0", "secret")
    with pytest.raises(SettingError) as error:
        check_page_host("0.0.0.0", None)
    assert str(error.value) == (
        "other machines could see the photos and decide at 0.0.0.0: give an access token with --token"
    )

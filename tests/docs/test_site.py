"""The site builds without a warning and without a network, asks no other host for anything, and finds words."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("material", reason="needs the extra: pip install 'fieldmark[docs]'")

ROOT = Path(__file__).resolve().parents[2]


def mkdocs(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", *arguments]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = mkdocs("--site-dir", str(out))
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return out


def test_broken_links_stop_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    text = "# Page\n\n[one](gone.md) [two](#gone) ![three](gone.png) [four](/absolute.md)\n"
    (tmp_path / "docs" / "index.md").write_text(text, encoding="utf-8")
    settings = (
        f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: {tmp_path / 'docs'}\nnav: [index.md]\nhooks: []\nplugins: []\n"
    )
    (tmp_path / "mkdocs.yml").write_text(settings, encoding="utf-8")
    done = mkdocs("--config-file", str(tmp_path / "mkdocs.yml"), "--site-dir", str(tmp_path / "site"))
    assert done.returncode == 1
    warned = "".join(line for line in done.stderr.splitlines() if line.startswith("WARNING"))
    assert all(f"'{target}'" in warned for target in ("gone.md", "#gone", "gone.png", "/absolute.md")), done.stderr


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]+)"|<link\b[^>]*\bhref="([^"]+)"')
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    targets = {one or two for page in pages for one, two in loads.findall(page.read_text(encoding="utf-8"))}
    assert len(targets) > 20
    assert not {target for target in targets if "//" in target}
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_links_to_files_of_the_repository_are_not_left_on_pages(site: Path) -> None:
    for page in site.rglob("*.html"):
        for target in re.findall(r'href="([^"#?]+)"', page.read_text(encoding="utf-8")):
            assert not target.endswith((".md", ".py", ".toml")), f"{page.name}: {target}"
            if "//" not in target and not target.startswith(("mailto:", "/")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_http_reference_has_every_route(site: Path) -> None:
    from fieldmark.serve.app import openapi_document

    page = (site / "reference" / "http.html").read_text(encoding="utf-8")
    routes = [(method.upper(), path) for path, methods in openapi_document()["paths"].items() for method in methods]
    assert ("POST", "/v1/predict") in routes
    for method, path in routes:
        assert f">{method} {path}<" in page
    assert (site / "reference" / "openapi.json").is_file()


def test_the_python_reference_has_every_public_name(site: Path) -> None:
    import fieldmark

    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in fieldmark.__all__:
        if name != "__version__":
            assert re.search(rf'id="fieldmark\.[\w.]*\b{name}"', page), name


def test_a_formula_becomes_mathml(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "<math " in page.read_text(encoding="utf-8")]
    assert pages
    assert not [page for page in site.rglob("*.html") if "arithmatex" in page.read_text(encoding="utf-8")]


def test_chinese_pages_say_that_they_are_chinese(site: Path) -> None:
    assert '<html lang="zh-CN"' in (site / "zh" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="en"' in (site / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("words", "page"), [("conformal prediction", ".html"), ("细粒度识别", "zh/")])
def test_search_finds_words_of_both_languages(words: str, page: str, address: str, browser: Any) -> None:
    opened = browser.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{address}/index.html")
    opened.click("input.md-search__input")
    opened.keyboard.type(words)
    opened.keyboard.press("End")  # a search starts when a key goes up
    result = opened.locator("a.md-search-result__link").first
    result.wait_for(timeout=60_000)
    assert page in result.get_attribute("href")
    opened.close()
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]

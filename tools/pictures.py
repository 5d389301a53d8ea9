"""Take the pictures of pages for docs/images: the page of `serve` and its export for phones, report, guide, comparison.

    python tools/pictures.py [--work FOLDER] [--ort-web FOLDER] [NAME ...]

The model is a `linear_probe` of the 200 photos in examples/clothing (CC0). Every picture is taken at the width of a
laptop (1280) or of a phone (390); a page that does not fit at that width ends the script. Needs Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import io
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

import fieldmark

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images"
WIDE, PHONE = (1280, 860), (390, 844)
QUALITY = 82


class Pictures:
    """Makes what is pictured once, and takes the pictures."""

    def __init__(self, work: Path, runtime: Path, browser: Any) -> None:
        self.work, self.runtime, self.browser = work, runtime, browser

    @functools.cached_property
    def photos(self) -> fieldmark.RecordList:
        return fieldmark.read(ROOT / "examples" / "clothing", group_col="sender_id", drop_labels=["Not sure"])

    @functools.cached_property
    def model(self) -> fieldmark.Recognizer:
        folder = self.work / "catalogue-model"
        if not folder.is_dir():
            fieldmark.fit(self.photos, folder, method="linear_probe")
        return fieldmark.load(folder)

    @functools.cached_property
    def test_photos(self) -> list[Path]:
        return [record.path for record in self.model.evaluate().records]

    def take(self, name: str, page: Any, height: int | None = None) -> None:
        """Write the page as a picture: the first `height` pixels, or all of it."""
        page.wait_for_load_state("networkidle")
        width = page.viewport_size["width"]
        needed = page.evaluate("() => document.documentElement.scrollWidth")
        if needed > width:
            raise SystemExit(f"{name}: the page needs {needed} pixels, and the window has {width}")
        page.evaluate("() => window.scrollTo(0, 0)")
        whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
        shown = whole.crop((0, 0, whole.width, min(whole.height, height or whole.height)))
        file = OUT / f"{name}.jpg"
        shown.save(file, quality=QUALITY, optimize=True, progressive=True)
        print(f"{file.name}: {shown.width} x {shown.height} of {whole.height}, {file.stat().st_size:,} bytes")

    @contextlib.contextmanager
    def opened(self, url: str, size: tuple[int, int], **options: Any) -> Iterator[Any]:
        viewport = {"width": size[0], "height": size[1]}
        context = self.browser.new_context(locale="en-US", viewport=viewport, reduced_motion="reduce", **options)
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.goto(url)
        yield page
        context.close()

    @contextlib.contextmanager
    def served(self, *options: str) -> Iterator[str]:
        command = [sys.executable, "-m", "fieldmark", "serve", str(self.model.path), "--port", "0", *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        address = re.search(r"http://\S+/", process.stderr.readline())
        assert address
        yield address[0]
        process.terminate()
        process.wait()

    # The pages of the server.

    def serve_real(self) -> None:
        photo = next(path for path in self.test_photos if self.model.predict(path).label == "Polo")
        with self.served("--token", "secret") as url, self.opened(url, WIDE) as page:
            self._answered(page, [photo])
            self.take("serve_real", page)

    def serve_many(self) -> None:
        with self.served() as url, self.opened(url, WIDE) as page:
            page.set_input_files("#files", self.test_photos[:24])
            page.locator("#status").filter(has_text="24 photos answered").wait_for()
            self.take("serve_many", page)

    def serve_phone(self) -> None:
        photo = next(path for path in self.test_photos if self.model.predict(path).label == "Longsleeve")
        with self.served("--token", "secret") as url, self.opened(url, PHONE, color_scheme="dark") as page:
            self._answered(page, [photo])
            page.locator(".segments label").nth(1).click()
            self.take("serve_phone", page)

    def web_phone(self) -> None:
        folder = self.work / "page"
        shutil.rmtree(folder, ignore_errors=True)
        self.model.export_web(folder, ort_web=self.runtime)
        photo = next(path for path in self.test_photos if self.model.predict(path).label == "Shirt")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with self.opened(f"http://127.0.0.1:{server.server_port}/", PHONE) as page:
            page.locator("#offline").filter(has_text="without a network.").wait_for()
            server.shutdown()
            page.context.set_offline(True)
            page.reload()
            self._answered(page, [photo])
            self.take("web_phone", page)

    def _answered(self, page: Any, photos: list[Path]) -> None:
        page.locator("#model:not(:empty)").wait_for()
        page.set_input_files("#files", photos)
        page.locator(".overlay:not([hidden])").wait_for()
        page.locator(".neighbours").nth(1).locator("img").first.wait_for()

    # The pages in files.

    def report(self) -> None:
        from fieldmark.report.evaluation.evaluation_page import write_report

        file = self.work / "report.html"
        write_report(self.model.evaluate(), self.model, file)
        self._file("report", file, 1700)

    def guide(self) -> None:
        file = self.work / "guide.html"
        self.model.guide(file, pairs=4, test=True)
        self._file("guide", file, 1500)

    def compare(self) -> None:
        methods = "linear_probe,gem:linear_probe[poolings=gem],cov:linear_probe[poolings=cov]"
        out = self.work / "comparison"
        fieldmark.compare(self.photos, out, methods=methods, baseline="linear_probe", seeds=2, image_size=128)
        self._file("compare", out / "compare.html", 1500)

    def _file(self, name: str, file: Path, height: int) -> None:
        for ending, size in (("", WIDE), ("_phone", PHONE)):
            with self.opened(file.as_uri(), size) as page:
                self.take(f"{name}{ending}", page, height)


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


ALL = ("serve_real", "serve_many", "serve_phone", "web_phone", "report", "guide", "compare")


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", choices=[[], *ALL], metavar="NAME", help=f"of {', '.join(ALL)}; all if left out"
    )
    parser.add_argument("--work", type=Path, default=Path("pictures"), help="folder for the model and the pages")
    parser.add_argument("--ort-web", type=Path, default=Path(sys.prefix) / "onnxruntime-web")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        pictures = Pictures(given.work, given.ort_web, browser)
        for name in given.names or ALL:
            make: Callable[[], None] = getattr(pictures, name)
            make()
        browser.close()


if __name__ == "__main__":
    main()

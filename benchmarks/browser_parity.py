"""Does the exported page answer as Python does, in headless Chromium without a network?

    python benchmarks/browser_parity.py MODEL [DATA] --ort-web FOLDER [--photos 100]

The photos are test photos, evenly taken. Ends with 1 where a photo gets another class, prediction set or rank, or is
unknown for only one of both.

To tell the decoder of the browser from everything else, the page also gives its decoded pixels. They are compared with
those of Pillow, by kind of file, and Python answers them too. What still differs then does not come from decoding.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from fieldmark import Answer, Recognizer
from fieldmark.arrays import evenly
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.export.export_web import export_web

NEIGHBOURS = 6
_ASK = """async ([name, text, k]) => {
    const main = document.querySelector("script[type=module]").src;
    const api = await import(new URL("api.js", main).href);
    const file = new File([Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))], name);
    const [answer] = await api.predict([file]);
    const near = api.server.gallery ? await api.search(file, k) : [];
    const shown = await api.explain(file).catch(() => null);
    const { readPhoto } = await import(new URL("engine/photo.js", main).href);
    const { image } = await readPhoto(file, Infinity);
    const parts = [];
    for (let at = 0; at < image.data.length; at += 30000) {
        parts.push(String.fromCharCode(...image.data.subarray(at, at + 30000)));
    }
    return { answer, near, map: shown && shown.evidence.map, against: shown && shown.evidence.against,
        width: image.width, height: image.height, pixels: btoa(parts.join("")) };
}"""


@contextmanager
def page_without_network(folder: Path) -> Iterator[Any]:
    """The page of an exported folder: opened once, then again after the server has stopped and the network is cut."""
    from playwright.sync_api import sync_playwright

    handler = functools.partial(_Silent, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#offline").filter(has_text="without a network.").wait_for()
        server.shutdown()
        server.server_close()
        context.set_offline(True)
        page.reload()
        page.locator("#model:not(:empty)").wait_for()
        yield page
        browser.close()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def kind_of(photo: Path) -> str:
    """Return what decides how a file is decoded: format, chroma subsampling, orientation and colour profile."""
    with Image.open(photo) as image:
        sampling = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(get_sampling(image), "") if image.format == "JPEG" else ""
        turned = "turned" if image.getexif().get(0x0112, 1) != 1 else ""
        profile = "profile" if image.info.get("icc_profile") else ""
        return " ".join(filter(None, (image.format, image.mode, sampling, turned, profile)))


def print_decoding(photos: list[Path], decoded: list[Image.Image]) -> None:
    """Print how the browser's pixels differ from those of Pillow."""
    rows: dict[str, list[Any]] = {}
    for photo, theirs in zip(photos, decoded, strict=True):
        ours = open_photo(photo)
        assert ours.size == theirs.size, f"{photo}: {ours.size} in Python, {theirs.size} in the browser"
        rows.setdefault(kind_of(photo), []).append(np.abs(np.asarray(ours, int) - np.asarray(theirs, int)))
    for kind, found in rows.items():
        values = np.concatenate([each.ravel() for each in found])
        equal = sum(not each.any() for each in found)
        print(
            f"decoded {kind}: {len(found)} photos, {equal} the same; {np.mean(values > 0):.2%} of the values differ, "
            f"{np.mean(values > 1):.3%} by more than 1, the largest by {values.max()}"
        )


def largest_gap(ours: Answer, theirs: list[dict[str, Any]]) -> float:
    """Return the largest difference of the probabilities of a photo's candidates."""
    found = {each["label"]: each["probability"] for each in theirs}
    return max(abs(found.get(each.label, 0.0) - each.probability) for each in ours.candidates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--ort-web", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    arguments = parser.parse_args()
    recognizer = Recognizer(arguments.model)
    paths = photos_of_split(recognizer, arguments.data, "test").paths
    photos = [paths[index] for index in evenly(len(paths), arguments.photos)]
    expected = list(recognizer.answers(photos))
    near = [recognizer.search(photo, k=NEIGHBOURS) for photo in photos]
    with tempfile.TemporaryDirectory() as scratch:
        report = export_web(
            arguments.model, Path(scratch) / "web", ort_web=arguments.ort_web, known=10**6, data=arguments.data
        )
        print(f"{report.size / 1e6:.1f} MB, {report.known} known photos")
        with page_without_network(report.path) as page:
            found = [
                page.evaluate(_ASK, [photo.name, base64.b64encode(photo.read_bytes()).decode(), NEIGHBOURS])
                for photo in photos
            ]
    differing = dict.fromkeys(("class", "set", "rank", "ancestor", "unknown", "nearest photo", "nearest photos"), 0)
    decoded = [Image.frombytes("RGB", (one["width"], one["height"]), base64.b64decode(one["pixels"])) for one in found]
    print_decoding(photos, decoded)
    candidates = [one["answer"]["candidates"] for one in found]
    largest = max(map(largest_gap, expected, candidates))
    same_pixels = max(map(largest_gap, recognizer.answers(decoded), candidates))
    alike = []
    for photo, one, theirs, neighbours in zip(photos, found, expected, near, strict=True):
        answer, wanted = one["answer"], theirs.to_dict()
        for name in ("rank", "ancestor", "unknown"):
            differing[name] += answer[name] != wanted[name]
        differing["set"] += answer["set"] != list(wanted["set"] or ())
        differing["class"] += answer["candidates"][0]["label"] != theirs.label
        said = [round(each["similarity"], 2) for each in one["near"]], [each["label"] for each in one["near"]]
        known = [round(each.similarity, 2) for each in neighbours], [each.label for each in neighbours]
        differing["nearest photo"] += said[1][:1] != known[1][:1]
        differing["nearest photos"] += said[1] != known[1]
        if one["map"] is not None:
            evidence = recognizer.explain(photo, against=one["against"]).map
            alike.append(np.corrcoef(np.ravel(one["map"]), evidence.ravel())[0, 1])
    print(f"{len(photos)} photos; differing: {differing}")
    print(
        f"probabilities differ by up to {largest:.1e}, and by up to {same_pixels:.1e} if Python answers the pixels "
        "that the browser decoded"
    )
    print(
        f"ranks: {sorted({str(one['answer']['rank']) for one in found})}; "
        f"unknown: {sum(bool(one['answer']['unknown']) for one in found)}"
    )
    if alike:
        print(f"evidence maps: smallest correlation {min(alike):.4f} on {len(alike)} photos")
    sys.exit(any(differing[name] for name in ("class", "set", "rank", "ancestor", "unknown")))


if __name__ == "__main__":
    main()

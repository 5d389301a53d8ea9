"""A model as a static folder: in Chromium with the network cut it answers as Python does."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_scripts import plain
from PIL import Image

from fieldmark import ModelError, Recognizer, SettingError
from fieldmark.export.browser_runtime import RUNTIME_FILES, find_runtime
from fieldmark.export.export_web import export_web
from fieldmark.page_folder import PAGE
from fieldmark.serve.schemas import ModelBody

PATIENCE = 60_000
RUNTIME = Path(sys.prefix) / "onnxruntime-web"

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def runtime() -> Path:
    """onnxruntime-web where `make install` puts it; nothing is fetched by a test."""
    if not all((RUNTIME / name).is_file() for name in RUNTIME_FILES):
        pytest.skip("needs onnxruntime-web, which 'make install' fetches where npm is installed")
    return RUNTIME


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the names of onnxruntime-web, for what does not run it."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME_FILES:
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture(scope="module")
def model(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a taxonomy, mirrored views and a target accuracy."""
    from fieldmark import fit

    photos = tmp_path_factory.mktemp("nested")
    for index, folder in enumerate(sorted(birds.iterdir())):
        shutil.copytree(folder, photos / ("Upper" if index < 2 else "Lower") / folder.name)
    out = tmp_path_factory.mktemp("models") / "birds"
    fit(photos, out, method="linear_probe", image_size=96, target_accuracy=0.8)
    return out


def noisy_photo(path: Path, spread: float) -> Path:
    Image.effect_noise((120, 96), spread).convert("RGB").save(path)
    return path


@pytest.fixture(scope="module")
def exported(model: Path, runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_web(model, tmp_path_factory.mktemp("exported") / "web", ort_web=runtime).path


@pytest.fixture(scope="module")
def written(model: Path, stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder without a runtime that runs."""
    return export_web(model, tmp_path_factory.mktemp("written") / "web", ort_web=stand_in).path


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served_folder() -> Iterator[Callable[[Path], tuple[str, http.server.ThreadingHTTPServer]]]:
    """Serves a folder on a port of this computer, until the test or the fixture stops it."""
    started = []

    def serve(folder: Path) -> tuple[str, http.server.ThreadingHTTPServer]:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}/", server

    yield serve
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def offline_page(browser: Any, exported: Path, served_folder: Callable[..., Any]) -> Iterator[Any]:
    """The exported page, opened once with a network, then again without network and server."""
    url, server = served_folder(exported)
    context = browser.new_context(locale="en-US", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(url)
    page.locator("#offline").filter(has_text="Ready to work without a network").wait_for()
    server.shutdown()
    server.server_close()
    context.set_offline(True)
    page.goto(f"{url}?lang=en")
    page.locator("#model:not(:empty)").wait_for()
    yield page
    assert wrong == []
    context.close()


def ask(page: Any, verb: str, photos: Path | list[Path], *arguments: Any) -> Any:
    """Call a function of the page's api.js with a photo, or with a list of them."""
    script = """async ([verb, photos, isOne, given]) => {
        const main = document.querySelector("script[type=module]").src;
        const api = await import(new URL("api.js", main).href);
        const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
        const files = photos.map(([name, text]) => new File([bytes(text)], name));
        return api[verb](isOne ? files[0] : files, ...given);
    }"""
    several = [photos] if isinstance(photos, Path) else photos
    content = [[photo.name, base64.b64encode(photo.read_bytes()).decode()] for photo in several]
    return page.evaluate(script, [verb, content, isinstance(photos, Path), list(arguments)])


def test_without_a_network_the_page_answers_as_python(
    offline_page: Any, model: Path, birds: Path, tmp_path: Path
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::8]
    photos += [noisy_photo(tmp_path / f"noise{index}.png", 65 + 5 * index) for index in range(3)]
    large = tmp_path / "large.jpg"
    Image.open(photos[0]).resize((1200, 1200), Image.Resampling.BICUBIC).save(large, quality=92)
    recognizer = Recognizer(model)
    expected = [answer.to_dict() for answer in recognizer.predict([*photos, large])]
    found = ask(offline_page, "predict", [*photos, large])
    for photo, one, two in zip([*photos, large], found, expected, strict=True):
        assert one["path"] == photo.name
        assert one["candidates"][0]["label"] == two["candidates"][0]["label"]
        ours, theirs = ({each["label"]: each["probability"] for each in answer["candidates"]} for answer in (one, two))
        assert ours == pytest.approx(theirs, abs=0.05 if photo is large else 1e-5)
        if photo is not large:  # decoders shrink colours in other ways
            same = ("set", "rank", "ancestor", "unknown", "coverage")
            assert {name: one[name] for name in same} == {name: plain(two[name]) for name in same}
    (together,) = ask(offline_page, "predict", photos[:3], {"together": True})
    specimen = recognizer.predict_specimen(photos[:3])
    assert together["candidates"][0]["label"] == specimen.label
    assert (together["set"], together["rank"]) == (list(specimen.set or ()), specimen.rank)
    assert together["photos"] == [photo.name for photo in photos[:3]]
    assert {answer["candidates"][0]["label"] for answer in found} == set(recognizer.classes)


def test_without_a_network_the_page_shows_evidence_and_known_photos(
    offline_page: Any, model: Path, birds: Path
) -> None:
    recognizer = Recognizer(model)
    for photo in sorted(birds.rglob("*.jpg"))[4::24]:
        rival = recognizer.predict(photo).candidates[2].label
        expected = recognizer.explain(photo, against=rival)
        found = ask(offline_page, "explain", photo, rival)
        evidence = found["evidence"]
        assert (evidence["label"], evidence["against"]) == (expected.label, rival)
        for name, values in (("map", expected.map), ("contrast", expected.contrast)):
            np.testing.assert_allclose(evidence[name], values, atol=0.02 * np.abs(values).max())
        assert (evidence["width"], evidence["height"]) == expected.size
        assert evidence["frame"] == list(expected.frame)
        assert found["map_overlay"].startswith("data:image/png;base64,")
        near = recognizer.search(photo, k=6)
        ours = ask(offline_page, "search", photo, 6)
        assert ours[0]["label"] == near[0].label
        np.testing.assert_allclose([one["similarity"] for one in ours], [one.similarity for one in near], atol=5e-3)


def test_the_flow_on_a_phone(offline_page: Any, birds: Path, tmp_path: Path) -> None:
    page, photo = offline_page, next(birds.rglob("*.jpg"))
    page.set_input_files("#files", photo)
    card = page.locator(".card").first
    card.locator(".headline .name").wait_for()
    card.locator(".overlay:not([hidden])").wait_for()
    card.locator(".neighbours img").nth(5).wait_for()
    loaded = "() => [...document.querySelectorAll('.neighbours img')].every((one) => one.naturalWidth > 0)"
    for tile in card.locator(".neighbours img").all():
        tile.scroll_into_view_if_needed()
    page.wait_for_function(loaded)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
    assert "Photos stay on this device" in page.locator("footer").inner_text()
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    assert "is not an image" in ask(page, "predict", [broken])[0]["error"]


def test_every_file_is_named_by_its_content_and_listed(written: Path) -> None:
    folder = written
    script = (folder / "service-worker.js").read_text(encoding="utf-8")
    found = re.search(r"const \{ version, files \} = (.*);", script)
    assert found is not None
    listed = {entry["name"]: entry for entry in json.loads(found[1])["files"]}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert set(listed) == set(there) - {"service-worker.js"}
    for name, entry in listed.items():
        content = there[name].read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        if (key := re.match(r"(?:model|known-photos)-([0-9a-f]{16})\.", name)) is not None:
            own = len(content).to_bytes(8, "big") + content
            assert key[1] == hashlib.sha256(own).hexdigest()[:16]
    (own,) = folder.glob("page-*/engine/files.js")
    named = re.findall(r': "([^"]+)"', own.read_text(encoding="utf-8"))
    assert len(named) == 7
    assert all((own.parent / name).is_file() for name in named)
    html = (folder / "index.html").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(addresses) > 5
    assert all((folder / address).is_file() for address in addresses)
    manifest = json.loads((folder / "manifest.webmanifest").read_text(encoding="utf-8"))
    assert manifest["name"] == "birds · Fieldmark"
    for icon in manifest["icons"]:
        with Image.open(folder / icon["src"]) as image:
            assert f"{image.width}x{image.height}" == icon["sizes"]


def test_the_folder_tells_no_paths(written: Path, model: Path, birds: Path) -> None:
    """What anybody can download says neither where the photos lie nor what they are called."""
    names = [path.name.encode() for path in sorted(birds.rglob("*.jpg"))[:5]]
    for path in written.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert str(model.parent.parent).encode() not in content
        assert not any(name in content for name in names)


def test_the_page_asks_for_the_same_functions_as_the_server(written: Path) -> None:
    """The page's modules are those of the served page; only the source of the answers is another one."""
    (page,) = written.glob("page-*")
    for path in page.rglob("*"):
        name = path.relative_to(page).as_posix()
        if path.is_file() and not name.startswith(("engine/", "design/")) and name not in ("api.js", "offline.js"):
            assert path.read_bytes() == (PAGE / name).read_bytes()
    exports = r"export (?:async )?(?:const|function|class) (\w+)"
    asked = set(re.findall(exports, (PAGE / "api.js").read_text(encoding="utf-8")))
    given = set(re.findall(exports, (page / "api.js").read_text(encoding="utf-8")))
    assert asked <= given
    (constants,) = written.glob("model-*.json")
    told = json.loads(constants.read_text(encoding="utf-8"))["page"]
    assert set(ModelBody.model_fields) <= set(told)


def test_an_export_is_replaced_and_other_files_are_not(model: Path, stand_in: Path, tmp_path: Path) -> None:
    folder = tmp_path / "web"
    first = export_web(model, folder, ort_web=stand_in, known=0)
    assert (first.known, first.known_total) == (0, 0)
    second = export_web(model, folder, ort_web=stand_in, known=8)
    assert second.known == 2 * 4
    assert len(list(folder.glob("model-*.onnx"))) == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(SettingError) as refused:
        export_web(model, tmp_path / "mine", ort_web=stand_in)
    assert str(refused.value) == (
        f"--web {tmp_path / 'mine'} holds other files, which would be lost: name a new or empty folder"
    )
    assert (tmp_path / "mine" / "note.txt").read_text(encoding="utf-8") == "keep"


def test_what_cannot_be_exported_is_one_sentence(
    model: Path, stand_in: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldmark.export import browser_constants

    with monkeypatch.context() as patch:
        patch.setattr(browser_constants, "CONFORMITY_IN_BROWSER", frozenset({"aps"}))
        with pytest.raises(ModelError) as refused:
            export_web(model, tmp_path / "web", ort_web=stand_in)
    assert str(refused.value) == (
        "the model's conformity score 'lac' comes from another package and cannot run in a browser: fit the model "
        "with a score of Fieldmark, or serve it with 'fieldmark serve'"
    )
    done = command("export", model, "--web", tmp_path / "web", "--ort-web", tmp_path)
    assert done.code == 2
    assert "holds no onnxruntime-web (ort.wasm.min.mjs and ort-wasm-simd-threaded.wasm)" in " ".join(done.err.split())
    assert command("export", model, "--known-photos", "3").code == 2
    assert command("export", model, "--web", tmp_path / "web", "--out", tmp_path / "a.onnx").code == 2
    assert not (tmp_path / "web").exists()


def test_without_npm_the_runtime_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stand_in: Path) -> None:
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError) as refused:
        find_runtime(None)
    assert str(refused.value) == (
        "an export for the browser needs onnxruntime-web@1.30.0, and npm, which fetches it, is not installed: install "
        "npm, or name a folder with the package with --ort-web"
    )
    package = tmp_path / "package" / "dist"
    shutil.copytree(stand_in, package)
    assert find_runtime(tmp_path) == package


@pytest.mark.parametrize("answer", ["fails", "other"])
def test_npm_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str) -> None:
    npm = tmp_path / "npm"
    fetch = "echo no network >&2; exit 1" if answer == "fails" else "echo other > onnxruntime-web.tgz"
    npm.write_text(f"#!/bin/sh\n{fetch}\n", encoding="utf-8")
    npm.chmod(0o755)
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(SettingError, match=r"no network" if answer == "fails" else r"fetched another content"):
        find_runtime(None)

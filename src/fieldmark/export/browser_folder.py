"""The static folder: page, engine, model and runtime under names that tell their content, and what installs it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from fieldmark.export.browser_runtime import RUNTIME_FILES
from fieldmark.page_folder import PAGE
from fieldmark.report.design_folder import DESIGN

__all__ = ["BrowserParts", "write_folder"]

_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
_LICENCE = "LICENCE-onnxruntime-web.txt"
_COLOUR = "#1d6b54"
_GROUND = "#f6f5f1"
_ICONS = (
    ("icon-192.png", "192x192", "any"),
    ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)


@dataclass(frozen=True, slots=True)
class BrowserParts:
    """What the page of one model needs.

    Attributes:
        name: Of the model.
        graph: ONNX file.
        constants: JSON.
        tensors: safetensors file.
        pictures: Known photos; empty if there are none.
        runtime: Folder of onnxruntime-web.
    """

    name: str
    graph: bytes
    constants: bytes
    tensors: bytes
    pictures: bytes
    runtime: Path


def write_folder(folder: Path, parts: BrowserParts) -> None:
    """Write all files into an empty folder."""
    own = files("fieldmark.export") / "web"
    # Some hosts do not know that .mjs is JavaScript, and browsers then refuse it.
    runtime = {name.replace(".mjs", ".js"): (parts.runtime / name).read_bytes() for name in RUNTIME_FILES}
    runtime_folder = f"runtime-{_key(*runtime.values())}"
    content = {f"{runtime_folder}/{name}": data for name, data in runtime.items()}
    names: dict[str, str | None] = {
        role: f"{runtime_folder}/{name}" for role, name in zip(("runtime", "loader", "wasm"), runtime, strict=True)
    }
    for role, stem, ending, data in (
        ("graph", "model", "onnx", parts.graph),
        ("constants", "model", "json", parts.constants),
        ("tensors", "model", "safetensors", parts.tensors),
        ("photos", "known-photos", "bin", parts.pictures),
    ):
        names[role] = f"{stem}-{_key(data)}.{ending}" if data else None
        if data:
            content[f"{stem}-{_key(data)}.{ending}"] = data
    page = _page_files(own, names)
    page_folder = f"page-{_key(*page.values(), *(name.encode() for name in page))}"
    content |= {f"{page_folder}/{name}": data for name, data in page.items()}
    content |= {f"icons/{name}": (own / "icons" / name).read_bytes() for name, _, _ in _ICONS}
    content["index.html"] = _index(page_folder).encode()
    content["manifest.webmanifest"] = _manifest(parts.name).encode()
    content[_LICENCE] = (own / _LICENCE).read_bytes()
    content["service-worker.js"] = _service_worker(own, content).encode()
    for name, data in content.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def _page_files(own: Traversable, names: dict[str, str | None]) -> dict[str, bytes]:
    """The served page's own files, with another source of answers, and the engine in a folder beside them."""
    page = _tree(PAGE)
    del page["index.html"]
    page |= {name: (own / name).read_bytes() for name in ("api.js", "offline.js")}
    page |= {f"engine/{name}": data for name, data in _tree(own / "engine").items()}
    page |= {f"design/{name}": data for name, data in _tree(DESIGN).items()}
    relative = {role: None if name is None else f"../../{name}" for role, name in names.items()}
    page["engine/files.js"] = f"export const FILES = {json.dumps(relative, indent=2)};\n".encode()
    return dict(sorted(page.items()))


def _tree(folder: Traversable, before: str = "") -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _tree(entry, f"{before}{entry.name}/")
        elif not entry.name.startswith("."):
            found[before + entry.name] = entry.read_bytes()
    return found


def _index(page_folder: str) -> str:
    """The served page's HTML with relative addresses, a policy that allows only this folder, and the manifest."""
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    head = (
        f'<meta charset="utf-8">\n  <meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'  <meta name="theme-color" content="{_COLOUR}">\n  <link rel="manifest" href="manifest.webmanifest">\n'
        '  <link rel="apple-touch-icon" href="icons/icon-192.png">'
    )
    for before, after in (
        ('<meta charset="utf-8">', head),
        ('"/page/', f'"{page_folder}/'),
        ('"/design/', f'"{page_folder}/design/'),
        ('data-text="privacy"', 'data-text="privacyHere"'),
        ("</footer>", '<p id="offline" role="status"></p></footer>'),
    ):
        if before not in html:
            raise AssertionError(f"index.html of the served page has no {before}")
        html = html.replace(before, after)
    return html


def _manifest(name: str) -> str:
    icons = [{"src": f"icons/{file}", "sizes": size, "type": "image/png", "purpose": use} for file, size, use in _ICONS]
    manifest: dict[str, Any] = {
        "id": "./",
        "name": f"{name} · Fieldmark",
        "short_name": name,
        "description": "Says what a photo shows, on this device.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": _GROUND,
        "theme_color": _COLOUR,
        "icons": icons,
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False)


def _service_worker(own: Traversable, content: dict[str, bytes]) -> str:
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    listed = [{"name": name, "size": len(data), "sha256": sums[name]} for name, data in content.items()]
    facts = {"version": _key(*(each.encode() for pair in sums.items() for each in pair)), "files": listed}
    script = (own / "service-worker.js").read_text(encoding="utf-8")
    place = '/* FILES */ { version: "", files: [] }'
    assert place in script
    return script.replace(place, json.dumps(facts, ensure_ascii=False))


def _key(*contents: bytes) -> str:
    found = hashlib.sha256()
    for content in contents:
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()[:16]

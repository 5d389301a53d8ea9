"""The scripts of the exported page in a browser, called from Python; nothing listens and nothing is fetched."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORIGIN = "http://scripts.invalid"
ENGINE = files("fieldmark.export") / "web" / "engine"

_DECODE = """
const coded = (text, Kind) => new Kind(Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer);
const bytes = (text) => coded(text, Uint8Array);
const image = ({ data, width, height }) => ({ data: coded(data, Uint8ClampedArray), width, height, channels: 3 });
const grid = ({ data, width, height }) => ({ data: coded(data, Float64Array), width, height });
const said = (typed) => btoa(Array.from(new Uint8Array(typed.buffer), (byte) => String.fromCharCode(byte)).join(""));
"""


class Scripts:
    """Runs JavaScript that imports the engine's modules."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def __call__(self, modules: dict[str, str], body: str, **given: Any) -> Any:
        """Return what the body returns.

        Args:
            modules: Name of a module -> the names that the body uses of it, with commas.
            body: Statements with a ``return``.
            given: Names that the body uses.
        """
        imports = "".join(
            f'const {{ {names} }} = await import("{ORIGIN}/{module}.js");\n' for module, names in modules.items()
        )
        return self._page.evaluate(f"async ({{ {', '.join(given)} }}) => {{\n{imports}{_DECODE}{body}\n}}", given)


@contextmanager
def scripts(browser: Any) -> Iterator[Scripts]:
    context = browser.new_context()
    page = context.new_page()
    context.route("**/*", _answer)
    page.goto(ORIGIN)
    yield Scripts(page)
    context.close()


def _answer(route: Any) -> None:
    name = route.request.url.removeprefix(ORIGIN).strip("/")
    if not name:
        route.fulfill(body="<!doctype html><title>scripts</title>", content_type="text/html")
    elif name.endswith(".js"):
        route.fulfill(body=(ENGINE / name).read_text(encoding="utf-8"), content_type="text/javascript")
    else:
        route.abort()


def coded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def as_image(array: NDArray[np.uint8]) -> dict[str, Any]:
    return {"data": coded(array.tobytes()), "width": array.shape[1], "height": array.shape[0]}


def as_grid(values: NDArray[np.float64]) -> dict[str, Any]:
    return {"data": coded(values.astype(np.float64).tobytes()), "width": values.shape[1], "height": values.shape[0]}


def decoded(text: str, kind: type[np.generic]) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), kind)


def plain(value: Any) -> Any:
    """Return what JSON makes of a value, such as lists of tuples."""
    return json.loads(json.dumps(value))

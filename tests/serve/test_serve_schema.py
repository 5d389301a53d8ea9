"""Requests that are generated from the OpenAPI document get only what it documents: no other status, no other body.

``FIELDMARK_FUZZ=2000 pytest -m fuzz`` (``make fuzz``) sends that many requests to each route.
"""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from live_server import live_server

schemathesis = pytest.importorskip("schemathesis", reason="needs the extra: pip install 'fieldmark[dev]'")
from schemathesis.checks import CHECKS  # noqa: E402

TOKEN = "only-for-tests"
EXAMPLES = int(os.environ.get("FIELDMARK_FUZZ", "8"))
NAMES = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
SENT = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))

PATIENCE = 300
"""Seconds for an answer: a machine may be busy, and 10, which schemathesis waits, are too few then."""

pytestmark = [pytest.mark.fuzz, pytest.mark.filterwarnings("ignore")]


def _png(mode: str, size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(stream, "PNG")
    return stream.getvalue()


PHOTOS = [_png(mode, size) for mode in ("L", "RGB", "RGBA", "1") for size in ((64, 48), (1, 1), (300, 2))]
SPOILED = [PHOTOS[0][:200], PHOTOS[0][:20], b"", _png("L", (3000, 2000)), b"\xff\xd8\xff\xe0", b"RIFFxxxxWEBP"]
schemathesis.openapi.format("binary", st.one_of(st.sampled_from(PHOTOS), st.sampled_from(SPOILED), st.binary()))


def _served_app(model: Path) -> Any:
    from fieldmark.serve.app import create_app
    from fieldmark.serve.settings import ServeSettings

    app = create_app(model, ServeSettings(token=TOKEN, max_bytes=3_000_000, max_pixels=4_000_000, max_photos=20))
    for schema in app.openapi()["components"]["schemas"].values():  # FastAPI keeps this document, and serves it
        for field in schema.get("properties", {}).values():
            if "contentMediaType" in field.get("items", {}):
                field["items"]["format"] = "binary"  # so that files are generated, not texts
    return app


@pytest.fixture(scope="module")
def in_process(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = _served_app(shutil.copytree(fitted, tmp_path_factory.mktemp("schema") / "model"))

    async def kept(scope: Any, receive: Any, send: Any) -> None:
        """The application without its end: the client opens and closes it for every request."""
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})

    yield schemathesis.openapi.from_asgi("/openapi.json", kept)
    app.state.service.close()


@pytest.fixture(scope="module")
def over_loopback(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    app = _served_app(shutil.copytree(fitted, tmp_path_factory.mktemp("schema") / "model"))
    with live_server(app) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        schema.config.request_timeout = PATIENCE
        yield schema


@pytest.mark.parametrize("way", ["in_process", "over_loopback"])
def test_only_documented_answers(way: str, request: pytest.FixtureRequest) -> None:
    schema = request.getfixturevalue(way)
    counts: Counter[tuple[str, int]] = Counter()
    checks = CHECKS.get_by_names(NAMES)

    def send(case: Any) -> None:
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=checks)
        counts[f"{case.method} {case.path}", answer.status_code] += 1

    for found in schema.get_all_operations():
        SENT(given(case=found.ok().as_strategy())(send))()
    assert {("POST /v1/predict", 422), ("GET /v1/model", 200)} <= counts.keys()
    assert not [key for key in counts if key[1] >= 500]  # no server was too busy to answer
    assert sum(counts.values()) >= 4 * EXAMPLES

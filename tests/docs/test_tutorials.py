"""Every tutorial runs as a notebook, and prints what its page shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from console_blocks import mismatch

pytest.importorskip("jupytext", reason="needs the extra: pip install 'fieldmark[dev]'")

import nbclient
from tutorial_notebooks import PAGES, notebook, text

from fieldmark.backbones.feature_cache import cache_root
from fieldmark.export.browser_runtime import RUNTIME_FILES, RUNTIME_VERSION

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]


def _keep_runtime() -> None:
    """Put onnxruntime-web where npm would, so that nothing is fetched. An export copies the files and runs none."""
    installed, kept = Path(sys.prefix) / "onnxruntime-web", cache_root() / "onnxruntime-web" / RUNTIME_VERSION
    kept.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_FILES:
        content = (installed / name).read_bytes() if (installed / name).is_file() else name.encode()
        (kept / name).write_bytes(content)


def test_there_are_tutorials() -> None:
    assert {page.stem for page in PAGES} == {"bird_photos", "catalogue", "comparison", "own_method"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_notebook_is_made_from_the_page(page: Path) -> None:
    made = page.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert made == text(page), "run: python tests/docs/tutorial_notebooks.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_prints_what_its_page_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    _keep_runtime()
    shown = re.findall(
        r"```python\n(.*?)```\n\n(?:```text\n(.*?)```\n)?", page.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    ran = nbclient.execute(notebook(page), cwd=str(tmp_path), timeout=600)
    cells = [cell for cell in ran.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells] == [code.rstrip() for code, _ in shown]
    assert all(expected for _, expected in shown), "every cell of a page shows what it prints"
    for cell, (_, expected) in zip(cells, shown, strict=True):
        printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
        assert mismatch(expected.splitlines(), printed) is None, f"{cell.source}\n{printed}"

"""What is heavy is imported when it is needed, so that a person who asks for help gets it at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fieldmark.backbones.bundled_embeddings import embed

HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "sklearn",
    "scipy",
    "lightning",
    "onnxruntime",
    "onnx",
    "lancedb",
    "pyarrow",
    "cleanlab",
    "pandas",
    "matplotlib",
    "fastapi",
    "jinja2",
)


def _loaded(code: str) -> set[str]:
    """Which of the heavy libraries are imported after `code` ran in a process of its own."""
    tail = "\nimport sys as _sys\nprint(*(name for name in " + repr(HEAVY) + " if name in _sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def _command(*arguments: object) -> str:
    return f"""
import sys
sys.argv = ["fieldmark", *{[str(argument) for argument in arguments]!r}]
from fieldmark.cli.main import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""


@pytest.mark.parametrize(
    "code",
    [
        "import fieldmark; fieldmark.Record, fieldmark.Answer, fieldmark.FieldmarkError",
        _command("--help"),
        _command("--version"),
        _command("fit", "--help"),
        _command("datasets", "list"),
    ],
    ids=["import", "help", "version", "fit help", "datasets"],
)
def test_nothing_heavy_is_imported_for(code: str) -> None:
    assert _loaded(code) == set()


def test_checking_photos_needs_no_training_library_once_its_graph_is_kept(birds: Path) -> None:
    embed([])  # exports it
    known = {"onnxruntime", "sklearn", "scipy", "cleanlab", "pandas", "pyarrow"}
    assert _loaded(_command("check", birds, "--json")) <= known


def test_advising_needs_none_either(birds: Path) -> None:
    embed([])
    assert _loaded(_command("advise", birds, "--json")) <= {"onnxruntime", "sklearn", "scipy", "pandas", "pyarrow"}


def test_predicting_needs_onnx_runtime_only(fitted: Path, birds: Path) -> None:
    assert _loaded(_command("predict", fitted, next(birds.rglob("*.jpg")), "--json")) == {"onnxruntime", "onnx"}


def test_measuring_needs_no_training_library(fitted: Path) -> None:
    known = {"onnxruntime", "onnx", "sklearn", "scipy", "pandas", "pyarrow"}
    assert _loaded(_command("evaluate", fitted, "--json")) <= known


def test_the_check_sees_what_is_imported() -> None:
    assert _loaded("import scipy.stats") >= {"scipy"}

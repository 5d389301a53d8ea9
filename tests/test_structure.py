"""The shape of the source tree: no import circle among files, no file name twice, no catch-all modules."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
FILES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def imported(path: Path, name: str) -> Iterator[str]:
    """Modules that a file imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else str(node.module)


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Strongly connected components of more than one file (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.add(frozenset(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": set()}
    assert circles(graph) == {frozenset("abc")}


def test_no_import_circle_among_files() -> None:
    graph = {name: {one for one in imported(path, name) if one in FILES} - {name} for name, path in FILES.items()}
    assert circles(graph) == set()


def test_no_file_name_occurs_twice() -> None:
    """Files in ``cli/`` and ``serve/routes/`` are named after the verbs."""
    verbs = (SOURCE / "fieldmark" / "cli", SOURCE / "fieldmark" / "serve" / "routes")
    package = (SOURCE / "fieldmark").rglob("*.py")
    paths = [path for path in package if path.name != "__init__.py" and not set(verbs) & set(path.parents)]
    counts = Counter(path.name for path in paths)
    assert {name for name, count in counts.items() if count > 1} == set()


@pytest.mark.parametrize("word", ["utils", "helpers", "common"])
def test_no_module_is_a_catch_all(word: str) -> None:
    parts = {part for name in FILES for part in name.split(".")}
    assert not {part for part in parts if word in part.split("_")}


def test_only_the_figures_import_matplotlib() -> None:
    others = {name for name, path in FILES.items() if any(one.startswith("matplotlib") for one in imported(path, name))}
    typed = {"fieldmark.evaluation.result", "fieldmark.report.page"}  # for the type `Figure`
    assert others - typed == {"fieldmark.evaluation.figures", "fieldmark.evaluation.figure_style"}

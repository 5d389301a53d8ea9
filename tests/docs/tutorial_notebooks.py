"""Make the notebooks of docs/tutorials from the pages. After a change: python tests/docs/tutorial_notebooks.py"""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode

__all__ = ["PAGES", "notebook", "text"]

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
PAGES = sorted(TUTORIALS.glob("*.md"))
_SHOWN = re.compile(r"```text\n.*?```\n", re.DOTALL)


def notebook(page: Path) -> NotebookNode:
    """Return the page as a notebook. What the cells print is left out: a notebook shows its own."""
    made = jupytext.reads(_SHOWN.sub("", page.read_text(encoding="utf-8")), fmt="md")
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"
    made.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return made


def text(page: Path) -> str:
    return jupytext.writes(notebook(page), fmt="ipynb") + "\n"


if __name__ == "__main__":
    for tutorial in PAGES:
        tutorial.with_suffix(".ipynb").write_text(text(tutorial), encoding="utf-8")

"""Accessibility of pages, checked by axe-core in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

SERIOUS = ("serious", "critical")


def serious_findings(page: Any) -> list[str]:
    """Return what axe-core calls serious or critical on an open page: rule, explanation, and the elements.

    Animations must be over: axe measures the contrast of what is visible now.
    """
    wrapper = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = wrapper.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in found
        if one["impact"] in SERIOUS
    ]

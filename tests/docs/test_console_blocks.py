"""What the pages show behind a prompt is what the commands print."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from console_blocks import Block, Step, blocks, mismatch, printed_by

from fieldmark import fit
from fieldmark_synth import synthesize

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    str(page.relative_to(ROOT)): list(blocks(page)) for page in (*sorted(ROOT.glob("*.md")), *ROOT.glob("docs/**/*.md"))
}
NOT_RUN = {"docs/check.md": 1, "docs/zh/quickstart.md": 1}
"""Page -> blocks that say themselves why they do not run here."""
AT_LEAST = 25
"""Commands that run."""


def test_hardly_any_block_is_left_out() -> None:
    left_out = {name: sum(block.reason is not None for block in found) for name, found in PAGES.items()}
    assert {name: count for name, count in left_out.items() if count} == NOT_RUN
    run = sum(len(block.steps) for found in PAGES.values() for block in found if block.reason is None)
    assert run >= AT_LEAST


def test_every_prompt_stands_in_a_block() -> None:
    for name, found in PAGES.items():
        prompts = re.findall(r"^ *\$ \S", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(prompts) == sum(len(block.steps) for block in found), name


@pytest.fixture(scope="module")
def drawn_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn species with train and test folders."""
    root = tmp_path_factory.mktemp("pages") / "birds"
    synthesize(root, 4, 30, "nested", 0, 96)
    return root


@pytest.fixture(scope="module")
def drawn_model(drawn_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tmp_path_factory.mktemp("pages") / "model"
    fit(drawn_photos, model, method="linear_probe", image_size=64, val_fraction=0.3)
    return model


@pytest.fixture(scope="module")
def printed() -> dict[tuple[str, ...], list[str]]:
    """Commands of a page -> what they printed."""
    return {}


@pytest.mark.parametrize("name", [name for name, found in PAGES.items() if any(not each.reason for each in found)])
def test_the_commands_of_a_page_print_what_it_shows(
    name: str,
    drawn_photos: Path,
    drawn_model: Path,
    printed: dict[tuple[str, ...], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page finds the folder ``examples``, drawn ``PHOTOS``, ``photo.jpg``, and ``MODEL`` unless it makes one.

    Pages with the same commands, such as a page in two languages, share one run.
    """
    run = [step for block in PAGES[name] if block.reason is None for step in block.steps]
    commands = tuple(step.command for step in run)
    if commands not in printed:
        (tmp_path / "examples").symlink_to(ROOT / "examples")
        (tmp_path / "PHOTOS").symlink_to(drawn_photos)
        shutil.copy(sorted(drawn_photos.rglob("test/**/*.jpg"))[0], tmp_path / "photo.jpg")
        if not any("--out MODEL" in command for command in commands):
            shutil.copytree(drawn_model, tmp_path / "MODEL")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "120")
        printed[commands] = [printed_by(command) for command in commands]
    for step, output in zip(run, printed[commands], strict=True):
        assert mismatch(step.shown, output) is None, f"{name}: $ {step.command}\n{output}"


def test_differences_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ fieldmark one \\\n    --two\n3 photos of gulls\n…\n\n$ fieldmark three\n```\n\n"
        "*Not run in the tests: it keeps running.*\n\n```console\n$ fieldmark serve\n```\n",
        encoding="utf-8",
    )
    first = Step("fieldmark one     --two", ["3 photos of gulls", "…"])
    assert list(blocks(page)) == [
        Block([first, Step("fieldmark three", [])], None),
        Block([Step("fieldmark serve", [])], "it keeps running."),
    ]
    assert mismatch(first.shown, "17 photos of gulls\nmore\n") is None
    assert mismatch(first.shown, "17 photos of terns\nmore\n") is not None
    assert mismatch(["3 photos"], "3 photos\nmore") == "the page does not show 'more'"
    assert mismatch(["a", "b"], "a\n") == "the page shows 'b', the output is ''"
    assert mismatch(["a … of 3 c"], "a b of 5 c") is None
    assert mismatch(['{"a": [1.5], "b": null}'], '{"a": [2, 3], "b": null}') is None
    assert mismatch(['{"a": [1.5], "b": null}'], '{"a": [2, 3], "c": null}') is not None
    assert mismatch(['{"a": 1}'], '{"a": "1"}') is not None
    with pytest.raises(AssertionError, match="mark the block"):
        printed_by("rm -r folder")

"""Sources that explain accuracy are found before the fit, and others are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.arrays import Float32s, Ints
from fieldmark.check.check_data import check
from fieldmark.check.source_gap import source_gap
from fieldmark.data.read import read

CLASSES, SOURCES, EACH = 4, 8, 5
LABELS = np.repeat(np.arange(CLASSES), SOURCES * EACH)
SENDERS = np.tile(np.repeat(np.arange(SOURCES), EACH), CLASSES)


def _embeddings(of_source: float, seed: int = 0) -> Float32s:
    """A class signal, and what each class looks like at each sender, in 60 dimensions."""
    rng = np.random.default_rng(seed)
    rows = 0.25 * rng.normal(size=(CLASSES, 60))[LABELS] + 0.3 * rng.normal(size=(len(LABELS), 60))
    return np.asarray(rows + of_source * rng.normal(size=(CLASSES, SOURCES, 60))[LABELS, SENDERS], dtype=np.float32)


def _own_sources(senders: Ints) -> list[int]:
    return [int(value) for value in senders]


def test_a_source_that_each_class_shows_differently_is_found() -> None:
    gap = source_gap(_embeddings(0.6), LABELS.tolist(), range(len(LABELS)), _own_sources(SENDERS))
    assert gap is not None
    assert (gap.photos, gap.sources) == (len(LABELS), SOURCES)
    assert gap.at_random > gap.by_source + 0.1
    assert gap.is_significant


def test_a_source_without_effect_is_not_found() -> None:
    found = [
        source_gap(_embeddings(0.0, seed), LABELS.tolist(), range(len(LABELS)), _own_sources(SENDERS))
        for seed in range(10)
    ]
    assert sum(gap is not None and gap.is_significant for gap in found) <= 1


def test_too_few_sources_say_nothing() -> None:
    few = SENDERS % 4
    assert source_gap(_embeddings(0.6), LABELS.tolist(), range(len(LABELS)), _own_sources(few)) is None
    assert source_gap(_embeddings(0.6)[:40], LABELS[:40].tolist(), range(40), _own_sources(SENDERS[:40])) is None


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A CSV with a column of senders that nobody named a group."""
    rng = np.random.default_rng(0)
    rows = ["path,label,sender_id"]
    for index, (label, sender) in enumerate(zip(LABELS, SENDERS, strict=True)):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(tmp_path / f"{index}.png")
        rows.append(f"{index}.png,class {label},s{sender}")
    (tmp_path / "photos.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "photos.csv"


def _embed(paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> Float32s:
    return _embeddings(0.6)[[int(path.stem) for path in paths]]


def test_check_warns_of_a_column_that_explains_accuracy(table: Path) -> None:
    (finding,) = [one for one in check(read(table), embed=_embed).findings if one.code == "source_gap"]
    assert finding.severity == "warning"
    assert finding.message.startswith("photos of a new sender_id are recognized less often: ")
    assert finding.action == (
        "give --group-col sender_id, so that val and test show what photos of new sources will show"
    )


def test_check_notes_what_groups_cost(table: Path) -> None:
    records = read(table, group_col="sender_id")
    assert not records.sources
    (finding,) = [one for one in check(records, embed=_embed).findings if one.code == "source_gap"]
    assert finding.severity == "note"
    assert finding.action == "no action needed: groups stay in one split, so that figures hold for new ones"


def test_the_reader_keeps_the_values_of_a_column_that_looks_like_a_group(table: Path) -> None:
    records = read(table)
    assert [records.sources["sender_id"][record.path] for record in records] == [f"s{sender}" for sender in SENDERS]
    assert records.like(records[:3]).sources is records.sources

"""Select the photos of a split by what the model recorded about its own photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fieldmark.artifact.load import SplitRow
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import PhotoError
from fieldmark.progress import track
from fieldmark.structures import RecordList, Split

__all__ = ["content_keys", "of_split", "with_recorded_labels"]

OWN_SHARE = 0.5
"""Data with at least this share of the model's photos count as the model's own data, even if they were moved."""


def content_keys(records: RecordList) -> list[str]:
    """Return the `content_key` of each photo, or an empty string if the file cannot be opened."""

    def work(paths: Sequence[Path]) -> list[str]:
        return [_key_or_empty(path) for path in paths]

    batches = in_batches(records.paths, work, batch_size=64)
    return [key for keys in track(batches, "comparing with the model's photos", -(-len(records) // 64)) for key in keys]


def of_split(records: RecordList, contents: Sequence[str], rows: Sequence[SplitRow], split: Split) -> list[int]:
    """Return positions of the photos that belong to a split.

    - The model's own data, moved or not: each photo keeps its split from the fit. It is found by its content, or by
      its path if the content has changed. New photos belong to no split.
    - Other data: the splits that the data name. If they name none, all photos are ``test``.

    Args:
        records: The data.
        contents: `content_keys` of the records.
        rows: Rows of the model's split file.
        split: The split to return.
    """
    by_content = {row.content: row.split for row in rows}
    held = set(contents)
    there = sum(content in held for content in by_content)
    if there >= OWN_SHARE * len(by_content):
        return _remembered(records, contents, rows, split)
    if split == "test" and all(record.split is None for record in records):
        return list(range(len(records)))
    return [index for index, record in enumerate(records) if record.split == split]


def with_recorded_labels(records: RecordList, contents: Sequence[str], rows: Sequence[SplitRow]) -> RecordList:
    """Return the photos with the labels that they had in the fit; photos that it did not have keep their own.

    Args:
        records: The data.
        contents: `content_keys` of the records.
        rows: Rows of the model's split file.
    """
    exactly = {(row.path, row.content): row.label for row in rows}
    by_content = {row.content: row.label for row in rows}
    classes = list(dict.fromkeys([*records.classes, *(row.label for row in rows)]))
    number = {name: label for label, name in enumerate(classes)}
    changed = []
    for record, content in zip(records, contents, strict=True):
        name = exactly.get((relative_path(record.path, records.root), content)) or by_content.get(content)
        label = record.label if name is None else number[name]
        changed.append(record if label == record.label else replace(record, label=label))
    return records.with_classes(changed, classes)


def _remembered(records: RecordList, contents: Sequence[str], rows: Sequence[SplitRow], split: Split) -> list[int]:
    exactly = {(row.path, row.content): row.split for row in rows}  # copies may lie in several splits
    by_content = {row.content: row.split for row in rows}
    by_path = {row.path: row.split for row in rows}
    chosen = []
    for index, (record, content) in enumerate(zip(records, contents, strict=True)):
        path = relative_path(record.path, records.root)
        known = exactly.get((path, content)) or by_content.get(content) or by_path.get(path)
        if known == split:
            chosen.append(index)
    return chosen


def _key_or_empty(path: Path) -> str:
    try:
        return content_key(path)
    except PhotoError:
        return ""

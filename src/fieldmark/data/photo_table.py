"""The photos of a fit in one table: record, label, group, content key and role of each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.data.calibration_split import assign_roles
from fieldmark.data.feedback_photo import is_feedback_photo
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.relative_path import relative_path
from fieldmark.data.splits import join_groups
from fieldmark.structures import RecordList, Role, Split

__all__ = ["PhotoTable"]


@dataclass(frozen=True)
class PhotoTable:
    """Usable photos, one row each. The columns have equal lengths.

    Attributes:
        records: File, label and split of each photo.
        groups: Photos with equal numbers show the same moment or have one `Record.group`, and stay together.
        content_keys: Hash of each file's bytes.
        roles: What each photo serves for. Photos of the split val are either ``val``, by which a fit may choose, or
            ``calibration``, by which it may not.
        val_carved: Whether the split val was carved out of train, so that a method may also learn from it. A val that
            the data name is never learned from.
        pixels: Decoded photos for the first pass over them; None where nothing was kept.
    """

    records: RecordList
    groups: tuple[int, ...]
    content_keys: tuple[str, ...]
    roles: tuple[Role, ...]
    val_carved: bool = False
    pixels: PixelStore | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        records: RecordList,
        groups: Sequence[int],
        content_keys: Sequence[str],
        *,
        val_carved: bool = False,
        pixels: PixelStore | None = None,
    ) -> PhotoTable:
        """A table of records that each have a split; see `assign_roles` for the roles.

        Args:
            records: The photos.
            groups: A number for each; those of photos with one `Record.group` are joined.
            content_keys: Hash of each file's bytes.
            val_carved: See the attribute.
            pixels: See the attribute.
        """
        named = any(record.group is not None for record in records)
        joined = join_groups(records, groups) if named else groups
        roles = assign_roles(records, joined, content_keys)
        return cls(records, tuple(joined), tuple(content_keys), roles, val_carved, pixels)

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def labels(self) -> Ints:
        """Index into `classes` of each photo, (n,)."""
        return np.array(self.records.labels, dtype=np.int64)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.records.classes

    @cached_property
    def taxonomy(self) -> dict[str, list[str]]:
        """Class -> names of its ancestors, coarsest first, for classes that have any."""
        return {self.classes[record.label]: list(record.taxonomy) for record in self.records if record.taxonomy}

    @cached_property
    def names(self) -> list[str]:
        """Path of each photo below the root of the data set, with forward slashes; the file name of corrections."""
        root = self.records.root
        return [
            record.path.name if is_feedback_photo(record.path.name) else relative_path(record.path, root)
            for record in self.records
        ]

    @cached_property
    def key_of(self) -> Mapping[Path, str]:
        """File -> its content key."""
        return dict(zip(self.records.paths, self.content_keys, strict=True))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the contents, labels and splits of all photos: equal for equal data, wherever they lie."""
        rows = sorted(
            (key, self.classes[record.label], str(record.split))
            for key, record in zip(self.content_keys, self.records, strict=True)
        )
        return hashlib.blake2b(repr(rows).encode(), digest_size=16).hexdigest()

    def positions(self, *roles: Role) -> Ints:
        """Rows of the photos with one of these roles, in the table's order."""
        return np.flatnonzero([role in roles for role in self.roles])

    def take(self, positions: Sequence[int] | Ints) -> PhotoTable:
        """These rows, in the order in which they are named."""
        rows = [int(position) for position in positions]
        return PhotoTable(
            self.records.like(self.records[row] for row in rows),
            tuple(self.groups[row] for row in rows),
            tuple(self.content_keys[row] for row in rows),
            tuple(self.roles[row] for row in rows),
            self.val_carved,
            self.pixels,
        )

    def of_role(self, *roles: Role) -> PhotoTable:
        return self.take(self.positions(*roles))

    def of_split(self, split: Split) -> PhotoTable:
        """The photos of a split; val holds the roles ``val`` and ``calibration``."""
        return self.take([row for row, record in enumerate(self.records) if record.split == split])

    def for_training(self) -> PhotoTable:
        """The train photos, then those of the split val. No photo of the test split is among them."""
        return self.take([*self.positions("train"), *self.positions("val", "calibration")])

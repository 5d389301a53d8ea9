"""Labelled photos and data sets: the records that all parts of the package exchange."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "Box",
    "Note",
    "Part",
    "Question",
    "Record",
    "RecordList",
    "Role",
    "Split",
]

Split = Literal["train", "val", "test"]
Role = Literal["train", "val", "calibration", "test"]
"""How a fit uses a photo; ``calibration`` photos are part of the split val."""
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the upright photo, 0-based; x2 and y2 lie outside the box."""


@dataclass(frozen=True, slots=True)
class Part:
    """An annotated keypoint in pixels of the upright photo, 0-based. An invisible part has x = y = 0."""

    name: str
    x: float
    y: float
    visible: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question that every photo may answer, such as ``sex``.

    Attributes:
        name: The title of its column.
        classes: The answers.
    """

    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One labelled photo, in the form that every reader returns.

    Attributes:
        path: The image file.
        label: 0-based index into the classes of the `RecordList`.
        split: The split that the data set assigns; None if it has none.
        box: The object, xyxy pixels.
        parts: Annotated keypoints.
        taxonomy: Names of the ancestors, coarsest first, without the class itself.
        group: Photos of one group (a specimen, a patient, a burst) are never split.
        trim_bottom: Pixels to cut off at the bottom before anything else (FGVC-Aircraft's banner: 20).
        further: Label for each of the `RecordList.further` questions; None where the photo has none. Empty for none.
    """

    path: Path
    label: int
    split: Split | None = None
    box: Box | None = None
    parts: tuple[Part, ...] = ()
    taxonomy: tuple[str, ...] = ()
    group: str | None = None
    trim_bottom: int = 0
    further: tuple[int | None, ...] = ()

    def with_split(self, split: Split | None) -> Record:
        return replace(self, split=split)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader left out or decided, and that a person should know.

    Attributes:
        code: A word for scripts.
        severity: ``warning`` where results may mislead, else ``note``.
        message: One sentence.
        count: How many files, folders or columns.
        action: What to do.
        examples: A few words each.
    """

    code: str
    severity: Literal["warning", "note"]
    message: str
    count: int
    action: str
    examples: tuple[str, ...] = ()


class RecordList(list[Record]):
    """A list of records with the names of their classes.

    Args:
        records: The photos.
        classes: Class names; a record's label is an index into them.
        name: Name of the layout that was read, such as ``cub200_2011`` or ``image_folder``.
        root: The folder (or CSV file) that was read.
        ranks: Names of the taxonomy levels, coarsest first, one for each entry of `Record.taxonomy`.
        notes: What the reader left out or decided.
        options: The options of `fieldmark.data.read.read` that the records were read with.
        sources: Column that looks like a group and is not used as one -> photo -> its value there.
        judged: Problem, as in `fieldmark.data.decisions` -> photos about which a person has decided.
        label_name: Name of the question that `classes` answer: the title of the column, where there is one.
        further: Further questions about the same photos; see `Record.further`.
    """

    def __init__(
        self,
        records: Iterable[Record],
        classes: Sequence[str],
        *,
        name: str = "image_folder",
        root: Path | None = None,
        ranks: Sequence[str] = (),
        notes: Sequence[Note] = (),
        options: Mapping[str, Any] | None = None,
        sources: Mapping[str, Mapping[Path, str]] | None = None,
        judged: Mapping[str, frozenset[Path]] | None = None,
        label_name: str = "label",
        further: Sequence[Question] = (),
    ) -> None:
        super().__init__(records)
        self.classes: tuple[str, ...] = tuple(classes)
        self.name = name
        self.root = root
        self.ranks: tuple[str, ...] = tuple(ranks)
        self.notes: tuple[Note, ...] = tuple(notes)
        self.options: dict[str, Any] = dict(options or {})
        self.sources: Mapping[str, Mapping[Path, str]] = sources or {}
        self.judged: Mapping[str, frozenset[Path]] = judged or {}
        self.label_name = label_name
        self.further: tuple[Question, ...] = tuple(further)

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.classes)}

    @property
    def paths(self) -> list[Path]:
        return [record.path for record in self]

    @property
    def labels(self) -> list[int]:
        return [record.label for record in self]

    def like(self, records: Iterable[Record]) -> RecordList:
        """Return other records of the same data set: all else stays the same."""
        return self.with_classes(records, self.classes)

    def with_classes(self, records: Iterable[Record], classes: Sequence[str]) -> RecordList:
        """Return other records of the same data set, whose labels count through other classes."""
        return RecordList(
            records,
            classes,
            name=self.name,
            root=self.root,
            ranks=self.ranks,
            notes=self.notes,
            options=self.options,
            sources=self.sources,
            judged=self.judged,
            label_name=self.label_name,
            further=self.further,
        )

    def labels_of(self, number: int) -> list[int | None]:
        """Return the label of each photo for a further question."""
        return [record.further[number] if record.further else None for record in self]

    def asking(self, number: int) -> RecordList:
        """Return the photos that have a label for a further question, with the labels and classes of that question."""
        question = self.further[number]
        records = (
            replace(record, label=label, taxonomy=(), further=())
            for record, label in zip(self, self.labels_of(number), strict=True)
            if label is not None
        )
        return RecordList(
            records,
            question.classes,
            name=self.name,
            root=self.root,
            options=self.options,
            label_name=question.name,
        )

    def first_question(self) -> RecordList:
        """Return the same photos without the further questions."""
        alone = self.like(replace(record, further=()) for record in self)
        alone.further = ()
        return alone

    def of_split(self, split: Split | None) -> RecordList:
        return self.like(record for record in self if record.split == split)

    def __repr__(self) -> str:
        return f"RecordList({len(self)} photos, {len(self.classes)} classes, {self.name})"

    def _repr_html_(self) -> str:
        from fieldmark.notebook import records_card

        return records_card(repr(self), self.classes, self.paths, self.labels, [record.split for record in self])

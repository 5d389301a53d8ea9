"""Records that the parts of the package exchange: labelled photos, data sets, answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "Answer",
    "Box",
    "Candidate",
    "Note",
    "Part",
    "Record",
    "RecordList",
    "Role",
    "Split",
    "relative_path",
]

Split = Literal["train", "val", "test"]
Role = Literal["train", "val", "calibration", "test"]
"""What a photo serves for in a fit; ``calibration`` photos are part of the split val."""
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
    """

    path: Path
    label: int
    split: Split | None = None
    box: Box | None = None
    parts: tuple[Part, ...] = ()
    taxonomy: tuple[str, ...] = ()
    group: str | None = None
    trim_bottom: int = 0

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
    ) -> None:
        super().__init__(records)
        self.classes: tuple[str, ...] = tuple(classes)
        self.name = name
        self.root = root
        self.ranks: tuple[str, ...] = tuple(ranks)
        self.notes: tuple[Note, ...] = tuple(notes)
        self.options: dict[str, Any] = dict(options or {})

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
        )

    def of_split(self, split: Split | None) -> RecordList:
        return self.like(record for record in self if record.split == split)

    def __repr__(self) -> str:
        return f"RecordList({len(self)} photos, {len(self.classes)} classes, {self.name})"

    def _repr_html_(self) -> str:
        """Return some photos, and a bar for each of the largest classes."""
        from fieldmark.notebook import card, thumbnail_uri

        counts = Counter(self.labels).most_common(10)
        splits = Counter(record.split or "no split" for record in self)
        firsts = {record.label: record.path for record in reversed(self)}
        return card(
            repr(self),
            notes=[", ".join(f"{count:,} {split}" for split, count in splits.items())],
            bars=[(self.classes[label], count / counts[0][1], f"{count:,}") for label, count in counts],
            pictures=[thumbnail_uri(firsts[label], 112) for label, _ in counts[:4]],
        )


def relative_path(path: Path, root: Path | None) -> str:
    """Return a path relative to the root of a data set, with forward slashes; the whole path if it lies elsewhere."""
    if root is not None:
        base = root if root.is_dir() else root.parent
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class and its calibrated probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one photo or one specimen. The fields are those of ``predict --json``.

    Attributes:
        path: The photo's path; None for arrays and for answers about several photos.
        candidates: The most probable classes, in descending order.
        set: Conformal prediction set; None if the calibration set is too small.
        rank: Taxonomic level of the answer: ``class``, or the rank of `ancestor`; None if no level meets the target
            accuracy.
        ancestor: The name at that rank if the answer backs off from the class.
        unknown: Whether the photo shows none of the classes; None if the model has no threshold.
        error: Why the photo cannot be read; then there are no candidates.
        coverage: Guaranteed share of such sets that contain the correct class.
        group: Name of the specimen, for answers about several photos.
        photos: Paths of the photos, for answers about several photos.
    """

    path: str | None
    candidates: tuple[Candidate, ...] = ()
    set: tuple[str, ...] | None = None
    rank: str | None = None
    ancestor: str | None = None
    unknown: bool | None = None
    error: str | None = None
    coverage: float | None = None
    group: str | None = None
    photos: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """Name of the most probable class."""
        return self.candidates[0].label if self.candidates else None

    @property
    def confidence(self) -> float | None:
        """Calibrated probability of the most probable class."""
        return self.candidates[0].probability if self.candidates else None

    def _repr_html_(self) -> str:
        """Return the photo, a bar for each candidate, and what is certain."""
        from fieldmark.notebook import card, thumbnail_uri

        notes = [] if self.path is None else [self.path]
        if self.ancestor is not None:
            notes.append(f"only the {self.rank} is certain: {self.ancestor}")
        if self.set is not None and self.coverage is not None:
            notes.append(f"prediction set ({self.coverage:.0%} coverage): {', '.join(self.set)}")
        if self.unknown:
            notes.append("probably none of the classes that the model knows")
        bars = [(one.label, one.probability, f"{one.probability:.1%}") for one in self.candidates]
        picture = thumbnail_uri(self.path or next(iter(self.photos), None))
        return card(self.error or str(self.label), notes=notes, bars=bars, pictures=[picture])

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``predict --json`` prints; `error`, `coverage`, `group`, `photos` if not empty."""
        optional = ("error", "coverage", "group", "photos")
        answer = asdict(self)
        return {name: value for name, value in answer.items() if name not in optional or value not in (None, ())}

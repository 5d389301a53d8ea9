"""Findings about the files and classes of a data set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fieldmark.data.quality.photo_facts import PhotoFacts, Problem
from fieldmark.errors import counted
from fieldmark.structures import RecordList

__all__ = ["FEW_PHOTOS", "Example", "Finding", "Severity", "class_findings", "photo_findings", "worst_first"]

Severity = Literal["error", "warning", "note"]

FEW_PHOTOS = 5
"""A class with fewer photos is hard to learn from and cannot be measured."""
_IMBALANCE = 10.0
_CATCH_ALL = {"unknown", "other", "others", "misc", "miscellaneous", "unsorted", "unlabelled", "unlabeled", "none"}

_PHOTO_TEXTS = {
    "missing": ("listed but not on disk", "correct their paths or remove them from the list"),
    "empty": ("with 0 bytes", "copy them again from their source or remove them"),
    "truncated": ("damaged or incomplete", "copy them again from their source or remove them"),
    "unreadable": ("not readable as images", "export them as JPEG or remove them"),
    "too_large": ("too large to decode safely", "scale them down"),
    "too_low": ("too low to trim", "remove them or trim less"),
    "no_content": ("without content (equal pixels, or no numbers)", "export them again or remove them"),
    "tiny": ("smaller than 32 pixels on a side", "replace them with larger ones if possible"),
    "wrong_suffix": ("with the suffix of another format", "no action needed: the content counts"),
    "animated": ("animated", "no action needed: the first frame is used"),
    "cmyk": ("in print colours (CMYK)", "no action needed: they are converted to RGB"),
    "deep": ("with more than 8 bits per channel", "no action needed: their range is scaled to 8 bits, as stated"),
    "grey": ("without colours", "make sure that not all grey photos are of one class"),
    "transparent": ("with transparent parts", "no action needed: they are shown on white"),
    "extra_band": ("with a fourth band such as near infrared", "no action needed: the fourth band is left out"),
    "rotated": ("stored rotated or mirrored (EXIF)", "no action needed: they are turned upright"),
}


@dataclass(frozen=True, slots=True)
class Example:
    """An example of a finding: its photos (none for a class) and a description."""

    paths: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding in a data set.

    Attributes:
        code: A word for scripts, such as ``truncated``.
        severity: ``error``: photos are left out, or training cannot work; ``warning``: results may mislead;
            ``note``: handled automatically.
        message: One sentence.
        count: How many photos, pairs or classes.
        action: What to do.
        examples: All of them.
    """

    code: str
    severity: Severity
    message: str
    count: int
    action: str
    examples: tuple[Example, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def photo_findings(facts: Iterable[PhotoFacts]) -> list[Finding]:
    """Return a finding for each kind of problem with files, unusable files first."""
    by_code: defaultdict[str, list[tuple[PhotoFacts, Problem]]] = defaultdict(list)
    for photo in facts:
        for problem in photo.problems:
            by_code[problem.code].append((photo, problem))
    return [_photo_finding(code, by_code[code]) for code in _PHOTO_TEXTS if code in by_code]


def class_findings(records: RecordList) -> Iterator[Finding]:
    """Yield findings about the number of usable photos in each class.

    Small classes about all of whose photos a person has decided are left out.
    """
    counts = Counter(records.labels)
    sizes = {name: counts[label] for label, name in enumerate(records.classes)}
    filled = {name: size for name, size in sizes.items() if size}
    if len(filled) < 2:
        yield Finding(
            "one_class",
            "error",
            f"only {len(filled)} class has usable photos",
            len(filled),
            "add photos of at least one more class: a recognizer needs at least two",
            _class_examples(filled),
        )
    judged = records.judged.get("class", frozenset())
    open_labels = {record.label for record in records if record.path not in judged}
    yield from _small_classes(
        {name: size for label, (name, size) in enumerate(sizes.items()) if label in open_labels or not size}
    )
    yield from _imbalance(filled)
    catch_all = {name: size for name, size in filled.items() if name.strip().lower() in _CATCH_ALL}
    if catch_all:
        yield Finding(
            "catch_all_class",
            "warning",
            f"{counted(len(catch_all), 'class')} named as if for photos without a class",
            len(catch_all),
            "remove these classes: photos of none of the classes are detected without examples",
            _class_examples(catch_all),
        )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings: errors, then warnings, then notes."""
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _photo_finding(code: str, found: Sequence[tuple[PhotoFacts, Problem]]) -> Finding:
    what, action = _PHOTO_TEXTS[code]
    severity: Severity = "error" if found[0][1].severity == "bad" else "warning" if code == "tiny" else "note"
    examples = tuple(Example((str(photo.path),), problem.reason) for photo, problem in found)
    return Finding(code, severity, f"{counted(len(found), 'photo')} {what}", len(found), action, examples)


def _small_classes(sizes: dict[str, int]) -> Iterator[Finding]:
    empty = {name: size for name, size in sizes.items() if size == 0}
    single = {name: size for name, size in sizes.items() if size == 1}
    few = {name: size for name, size in sizes.items() if 2 <= size < FEW_PHOTOS}
    if empty:
        message = f"{counted(len(empty), 'class')} without a usable photo"
        action = "add photos, or remove these classes"
        yield Finding("empty_class", "error", message, len(empty), action, _class_examples(empty))
    if single:
        message = f"{counted(len(single), 'class')} with a single photo"
        action = "add at least one photo to each, better ten, or remove these classes"
        yield Finding("too_few_photos", "error", message, len(single), action, _class_examples(single))
    if few:
        message = f"{counted(len(few), 'class')} with fewer than {FEW_PHOTOS} photos"
        action = "add photos: so few are hard to learn from and cannot be measured"
        yield Finding("few_photos", "warning", message, len(few), action, _class_examples(few))


def _imbalance(sizes: dict[str, int]) -> Iterator[Finding]:
    if len(sizes) < 2:
        return
    ordered = sorted(sizes, key=lambda name: (sizes[name], name))
    small, large = ordered[0], ordered[-1]
    ratio = sizes[large] / sizes[small]
    if ratio >= _IMBALANCE:
        yield Finding(
            "imbalance",
            "warning",
            f"the largest class has {ratio:.0f} times the photos of the smallest",
            1,
            "look at the mean class accuracy, not only at top-1, and add photos to the small classes",
            _class_examples({name: sizes[name] for name in (large, small)}),
        )


def _class_examples(sizes: dict[str, int]) -> tuple[Example, ...]:
    return tuple(Example((), f"{name}: {counted(size, 'photo')}") for name, size in sizes.items())

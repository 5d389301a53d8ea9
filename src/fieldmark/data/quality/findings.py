"""What a person should know of a data set before training: of its files and its classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fieldmark.data.quality.photo_facts import PhotoFacts, Problem
from fieldmark.structures import RecordList

__all__ = ["Example", "Finding", "Severity", "class_findings", "photo_findings", "worst_first"]

Severity = Literal["error", "warning", "note"]

_FEW_PHOTOS = 5
_IMBALANCE = 10.0
_CATCH_ALL = {"unknown", "other", "others", "misc", "miscellaneous", "unsorted", "unlabelled", "unlabeled", "none"}

_PHOTO_TEXTS = {
    "missing": ("listed but not on disk", "correct their paths or take them off the list"),
    "empty": ("without a single byte", "copy them again from their source or remove them"),
    "truncated": ("damaged or broken off", "copy them again from their source or remove them"),
    "unreadable": ("not readable as images", "export them as JPEG or remove them"),
    "too_large": ("too large to unpack safely", "scale them down"),
    "no_content": ("without content (equal pixels, or no numbers)", "export them again or remove them"),
    "tiny": ("smaller than 32 pixels on a side", "replace them by larger ones if there are any"),
    "wrong_suffix": ("named with another format's suffix", "nothing has to be done: the content counts"),
    "animated": ("animated", "nothing has to be done: the first frame is used"),
    "cmyk": ("in print colours (CMYK)", "nothing has to be done: they are converted to RGB"),
    "deep": ("with more than 8 bits a channel", "nothing has to be done: their own range is scaled to 8, as stated"),
    "grey": ("without colours", "make sure that grey photos are not all of one class"),
    "transparent": ("with transparent parts", "nothing has to be done: they are shown on white"),
    "extra_band": ("with a fourth band such as near infrared", "nothing has to be done: the fourth band is left out"),
    "rotated": ("stored turned or mirrored (EXIF)", "nothing has to be done: they are set upright"),
}


@dataclass(frozen=True, slots=True)
class Example:
    """What a finding is about: the photos (or no photos, for a class) and a few words."""

    paths: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing found in a data set.

    Attributes:
        code: A word for scripts, such as ``truncated``.
        severity: ``error``: photos are left out, or training cannot work; ``warning``: results may mislead;
            ``note``: handled; nothing has to be done.
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
    """One finding for each kind of problem with files, bad ones first."""
    by_code: defaultdict[str, list[tuple[PhotoFacts, Problem]]] = defaultdict(list)
    for photo in facts:
        for problem in photo.problems:
            by_code[problem.code].append((photo, problem))
    return [_photo_finding(code, by_code[code]) for code in _PHOTO_TEXTS if code in by_code]


def class_findings(records: RecordList) -> Iterator[Finding]:
    """What the numbers of usable photos a class say."""
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
    yield from _small_classes(sizes)
    yield from _imbalance(filled)
    catch_all = {name: size for name, size in filled.items() if name.strip().lower() in _CATCH_ALL}
    if catch_all:
        yield Finding(
            "catch_all_class",
            "warning",
            f"{_count(len(catch_all), 'class')} named as if for photos without a class",
            len(catch_all),
            "take such classes out: whatever belongs to no class is recognised without examples",
            _class_examples(catch_all),
        )


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes; otherwise in the order in which they were found."""
    order = ("error", "warning", "note")
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def _photo_finding(code: str, found: Sequence[tuple[PhotoFacts, Problem]]) -> Finding:
    what, action = _PHOTO_TEXTS[code]
    severity: Severity = "error" if found[0][1].severity == "bad" else "warning" if code == "tiny" else "note"
    examples = tuple(Example((str(photo.path),), problem.reason) for photo, problem in found)
    return Finding(code, severity, f"{_count(len(found), 'photo')} {what}", len(found), action, examples)


def _small_classes(sizes: dict[str, int]) -> Iterator[Finding]:
    empty = {name: size for name, size in sizes.items() if size == 0}
    single = {name: size for name, size in sizes.items() if size == 1}
    few = {name: size for name, size in sizes.items() if 2 <= size < _FEW_PHOTOS}
    if empty:
        message = f"{_count(len(empty), 'class')} without a usable photo"
        action = "add photos, or take these classes out"
        yield Finding("empty_class", "error", message, len(empty), action, _class_examples(empty))
    if single:
        message = f"{_count(len(single), 'class')} with a single photo"
        action = "add at least one more photo to each, better ten, or take these classes out"
        yield Finding("too_few_photos", "error", message, len(single), action, _class_examples(single))
    if few:
        message = f"{_count(len(few), 'class')} with fewer than {_FEW_PHOTOS} photos"
        action = "add photos: so few can be learned hardly and measured not at all"
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
            "read the mean class accuracy beside the top-1 accuracy, and add photos to the small classes",
            _class_examples({name: sizes[name] for name in (large, small)}),
        )


def _class_examples(sizes: dict[str, int]) -> tuple[Example, ...]:
    return tuple(Example((), f"{name}: {_count(size, 'photo')}") for name, size in sizes.items())


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"

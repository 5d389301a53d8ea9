"""Apply a person's decisions to the records of a data set. The photos themselves stay as they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fieldmark.data.class_subset import keep_used_classes
from fieldmark.data.decisions import PROBLEMS, Decision
from fieldmark.data.label_names import find_label
from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import DataError, PhotoError
from fieldmark.structures import Note, Record, RecordList

__all__ = ["Matched", "apply_decisions", "change_of", "match_decisions"]

_WORDS = {"relabel": "relabelled", "drop": "dropped", "keep": "kept", "cannot tell": "cannot be told"}


@dataclass(frozen=True, slots=True)
class Matched:
    """Decisions and the photos that they are about.

    Attributes:
        by_photo: Photo -> its decisions, in the order of the file.
        unknown: Decisions that name no photo of the data.
        changed: Decisions about photos whose content has changed since.
    """

    by_photo: dict[Path, list[Decision]]
    unknown: list[Decision]
    changed: list[Decision]


def match_decisions(records: RecordList, decisions: Sequence[Decision]) -> Matched:
    """Find the photo of each decision: by its path and content, or by its content alone where it has been renamed."""
    places = {relative_path(record.path, records.root): record.path for record in records}
    found = Matched(defaultdict(list), [], [])
    lost = []
    for decision in decisions:
        path = places.get(decision.path)
        if path is not None and (not decision.content or _key(path) in (decision.content, "")):
            found.by_photo[path].append(decision)
        else:
            lost.append(decision)
    moved = _by_content(records, {one.path for one in decisions}, places) if any(one.content for one in lost) else {}
    for decision in lost:
        if decision.content in moved:
            found.by_photo[moved[decision.content]].append(decision)
        elif decision.path in places:
            found.changed.append(decision)
        else:
            found.unknown.append(decision)
    return found


def apply_decisions(records: RecordList, decisions: Sequence[Decision], file: Path) -> RecordList:
    """Return the records with new labels and without dropped photos, with notes about what was done.

    Classes that lose all of their photos are left out. A new class comes after the others.

    Args:
        records: Records of a reader.
        decisions: What `read_decisions` read.
        file: The file, for messages.

    Raises:
        DataError: There are decisions, but none of them names a photo of the data.
    """
    matched = match_decisions(records, decisions)
    if decisions and not matched.by_photo:
        raise DataError(
            f"no decision of {file} names a photo of {records.root}: give the file that belongs to these data"
        )
    classes = list(records.classes)
    ancestors = {record.label: record.taxonomy for record in records}
    changes = {path: change_of(own) for path, own in matched.by_photo.items()}

    def changed(record: Record) -> Record | None:
        change = changes.get(record.path)
        if change is None or change.verdict != "relabel":
            return record if change is None else None
        name = find_label(change.label, classes)
        if name is None:
            classes.append(change.label)
        label = classes.index(name or change.label)
        return replace(record, label=label, taxonomy=ancestors.get(label, ()))

    kept = [new for record in records if (new := changed(record)) is not None]
    empty_before = set(range(len(records.classes))) - set(records.labels)
    result = keep_used_classes(records.with_classes(kept, classes), also=empty_before)
    result.notes = (*records.notes, *_notes(matched, changes, records, file))
    result.options = {**records.options, "decisions": file.name}
    result.judged = {
        problem: frozenset(path for path, own in matched.by_photo.items() if any(one.problem == problem for one in own))
        for problem in PROBLEMS
    }
    return result


def change_of(decisions: Sequence[Decision]) -> Decision | None:
    """Return the decision that changes a photo: ``drop`` if there is one, else the last ``relabel``."""
    drops = [one for one in decisions if one.verdict == "drop"]
    relabels = [one for one in decisions if one.verdict == "relabel"]
    changes = drops or relabels
    return changes[-1] if changes else None


def _by_content(records: RecordList, named: set[str], places: dict[str, Path]) -> dict[str, Path]:
    """Content -> the first photo that has it, of those that no decision names by their path."""
    others = [path for name, path in places.items() if name not in named]
    found: dict[str, Path] = {}
    for path in others:
        found.setdefault(_key(path), path)
    found.pop("", None)
    return found


def _key(path: Path) -> str:
    """Content key of a file; empty where it cannot be opened."""
    try:
        return content_key(path)
    except PhotoError:
        return ""


def _notes(matched: Matched, changes: dict[Path, Decision | None], records: RecordList, file: Path) -> Iterator[Note]:
    verdicts: Counter[str | None] = Counter(
        change.verdict if (change := changes[path]) is not None else own[-1].verdict
        for path, own in matched.by_photo.items()
    )
    if verdicts:
        done = ", ".join(f"{verdicts[verdict]:,} {word}" for verdict, word in _WORDS.items() if verdicts[verdict])
        photos = f"{len(changes):,} photo" + ("" if len(changes) == 1 else "s")
        yield Note(
            "decisions", "note", f"decisions of {file.name} about {photos}: {done}", len(changes), "no action needed"
        )
    if matched.unknown:
        yield _left_out(
            "decisions_unknown",
            matched.unknown,
            f"of {file.name} {{verb}} no photo of {records.root}",
            ("names", "name"),
            "correct the paths, or remove the rows",
        )
    if matched.changed:
        yield _left_out(
            "decisions_changed",
            matched.changed,
            f"of {file.name} {{verb}} about a photo that has changed since, and not applied",
            ("is", "are"),
            "review these photos again",
        )


def _left_out(code: str, rows: Sequence[Decision], words: str, verbs: tuple[str, str], action: str) -> Note:
    single = len(rows) == 1
    noun = "decision" if single else "decisions"
    message = f"{len(rows):,} {noun} {words.format(verb=verbs[0] if single else verbs[1])}"
    return Note(code, "warning", message, len(rows), action, tuple(one.path for one in rows))

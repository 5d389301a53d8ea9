"""Answer photos that are named on the command line: print the answers or write rows, and sort the photos."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.catalogue.queries import Query, Specimen
from fieldmark.errors import SettingError

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.catalogue.answer_queries import AnswerLevels
    from fieldmark.catalogue.answer_rows import RowFormat
    from fieldmark.catalogue.sort_photos import PhotoSorter
    from fieldmark.recognizer.answer import Answer

__all__ = ["answer_photos"]


def answer_photos(
    recognizer: Recognizer,
    asked: Sequence[Query] | Sequence[Specimen],
    levels: AnswerLevels,
    form: RowFormat | None,
    out: Path | None,
    sorter: PhotoSorter | None,
    *,
    group_unknown: bool = False,
) -> int:
    """Answer everything that was asked, and return the number of answers with an error.

    Args:
        recognizer: The model.
        asked: Photos, or specimens.
        levels: Options of the answers.
        form: Format of the rows; None prints for people.
        out: New file for the rows; None for stdout.
        sorter: Moves or copies the photos.
        group_unknown: Group the unknown photos by likeness.
    """
    from fieldmark.catalogue.answer_rows import AnswerRows
    from fieldmark.cli.group_answers import GROUP_NOTES, GroupedAnswers
    from fieldmark.cli.print_answers import print_answers

    recognizer.options(levels.top_k, levels.coverage, levels.target_accuracy)  # wrong ones are refused at once
    if sorter is not None and not sorter.copy:
        _require_each_once(asked)
    groups = GroupedAnswers(recognizer) if group_unknown else None
    pairs = _answers(recognizer, asked, levels)
    answered = _sorted(groups.of(pairs) if groups else pairs, sorter)
    if form is None:
        failed = print_answers((answer for _, answer, _ in answered), len(asked))
    else:
        titles = list(dict.fromkeys(title for one in asked for title in one.columns))
        notes = (*(GROUP_NOTES if groups else ()), *(("moved_to",) if sorter else ()))
        questions = [one.question for one in recognizer.further]
        rows, failed = AnswerRows(form, levels.top_k, titles, notes=notes, questions=questions), 0
        with _lines_to(out) as write:
            write(rows.header)
            for one, answer, places in answered:
                failed += answer.error is not None
                own = {"moved_to": "|".join(map(str, places))} | (groups.notes(one) if groups else {})
                write(rows.line(answer, one.columns, **own))
    if groups:
        groups.print_table(out)
    return failed


def _answers(
    recognizer: Recognizer, asked: Sequence[Query] | Sequence[Specimen], levels: AnswerLevels
) -> Iterator[tuple[Query | Specimen, Answer]]:
    from fieldmark.catalogue.answer_queries import answer_queries

    yield from answer_queries(recognizer, [one for one in asked if isinstance(one, Query)], levels)
    for one in asked:
        if isinstance(one, Specimen):
            yield (
                one,
                recognizer.predict_specimen(
                    one.photos,
                    group=one.group,
                    top_k=levels.top_k,
                    coverage=levels.coverage,
                    target_accuracy=levels.target_accuracy,
                ),
            )


def _sorted(
    pairs: Iterator[tuple[Query | Specimen, Answer]], sorter: PhotoSorter | None
) -> Iterator[tuple[Query | Specimen, Answer, list[Path]]]:
    """Yield each answer with the places that its photos move to; they move once the answer is written."""
    for one, answer in pairs:
        claims = []
        for photo in _files(one, answer) if sorter is not None else ():
            place = sorter.claim(photo, answer) if sorter is not None else None
            if place is not None:
                claims.append((photo, place))
        yield one, answer, [place for _, place in claims]
        for photo, place in claims:
            if sorter is not None:
                sorter.place(photo, place)


def _files(one: Query | Specimen, answer: Answer) -> list[Path]:
    """Return the files that an answer is about: none for URLs, and of a specimen those that could be read."""
    if isinstance(one, Specimen):
        return [photo for photo in one.photos if isinstance(photo, Path) and str(photo) in answer.photos]
    return [one.photo] if isinstance(one.photo, Path) else []


def _require_each_once(asked: Sequence[Query] | Sequence[Specimen]) -> None:
    """Refuse to move a photo that is named twice: the second answer would not find it."""
    named = Counter(
        photo
        for one in asked
        for photo in (one.photos if isinstance(one, Specimen) else [one.photo])
        if isinstance(photo, Path)
    )
    twice = [photo for photo, times in named.items() if times > 1]
    if twice:
        raise SettingError(f"{twice[0]} is named twice, but can move only once: name it once, or use --copy-into")


@contextmanager
def _lines_to(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes lines to stdout, or to a file that appears when everything is written."""
    from fieldmark.atomic import atomic_file

    if out is None:
        yield sys.stdout.write
        return
    with (
        atomic_file(out) as draft,
        draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        yield file.write

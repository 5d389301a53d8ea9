"""Answer the photos that arrive in a folder, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldmark.api import Recognizer
    from fieldmark.catalogue.answer_queries import AnswerLevels
    from fieldmark.catalogue.answer_rows import AnswerRows, RowFormat
    from fieldmark.catalogue.sort_photos import PhotoSorter

__all__ = ["watch_photos"]


def watch_photos(
    recognizer: Recognizer,
    folder: Path,
    levels: AnswerLevels,
    form: RowFormat | None,
    out: Path | None,
    sorter: PhotoSorter | None,
) -> int:
    """Answer until the process is interrupted, and return the number of answers with an error.

    Args:
        recognizer: The model.
        folder: The folder.
        levels: Options of the answers.
        form: Format of the rows; JSON for None.
        out: File to add rows to; its photos are not answered again. None for stdout.
        sorter: Moves or copies the photos.
    """
    from fieldmark.catalogue.answer_queries import answer_arrivals
    from fieldmark.catalogue.answer_rows import AnswerRows
    from fieldmark.catalogue.watch_folder import FolderWatch
    from fieldmark.progress import say

    recognizer.options(levels.top_k, levels.coverage, levels.target_accuracy)
    notes = ("content", "moved_to") if sorter else ("content",)
    questions = [one.question for one in recognizer.further]
    rows = AnswerRows(form or "json", levels.top_k, notes=notes, questions=questions)
    count = failed = 0
    with _appending(out, rows) as (earlier, write), contextlib.suppress(KeyboardInterrupt):
        watch = FolderWatch(folder, earlier)
        say(f"watching {folder}; stop with Ctrl-C" + (f"; {len(earlier):,} answered before" if earlier else ""))
        for arrival, answer in answer_arrivals(watch, lambda photos: levels.answers(recognizer, photos)):
            if answer is None:
                place = earlier.get((str(arrival.path), arrival.content), "")
                if sorter is not None and place:  # the process was killed before the photo moved
                    sorter.place_again(arrival.path, Path(place))
                continue
            claimed = sorter.claim(arrival.path, answer) if sorter is not None else None
            write(rows.line(answer, content=arrival.content, moved_to=str(claimed or "")))
            count, failed = count + 1, failed + (answer.error is not None)
            if sorter is not None and claimed is not None:
                sorter.place(arrival.path, claimed)
    say(f"answered {count:,} photos" + (f", {failed:,} of them with an error" if failed else ""))
    return failed


@contextlib.contextmanager
def _appending(
    out: Path | None, rows: AnswerRows
) -> Iterator[tuple[Mapping[tuple[str, str], str], Callable[[str], object]]]:
    """Yield what was answered before, (path, content key) -> place, and a function that writes a whole line."""
    from fieldmark.catalogue.answer_file import AnswerFile

    if out is None:

        def write(line: str) -> None:
            sys.stdout.write(line)
            sys.stdout.flush()

        write(rows.header)
        yield {}, write
        return
    with AnswerFile(out, rows) as file:
        yield {(row["path"], row["content"]): row.get("moved_to", "") for row in file.earlier}, file.write

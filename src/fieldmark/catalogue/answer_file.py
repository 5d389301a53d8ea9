"""A file of answers that grows row by row: a killed process leaves no half row, and the next one goes on."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.errors import DataError

__all__ = ["AnswerFile"]


class AnswerFile:
    """Appends rows to a file. Each row is one write, and is on disk when `write` returns.

    Args:
        path: The file. If it exists, rows are added to it; an incomplete last row is removed first.
        rows: Columns of the rows.

    Attributes:
        earlier: Rows that the file held before, column -> cell.

    Raises:
        DataError: The file holds something else, or other columns.
    """

    def __init__(self, path: Path, rows: AnswerRows) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            content = _read(self._file)
            whole = content[: _end_of_rows(content, rows)]
            if not whole and content and not _is_start_of_rows(content, rows):
                raise _other_content(path)
            self.earlier = list(_parse(path, whole.decode("utf-8", errors="replace"), rows))
            if len(whole) < len(content):
                os.ftruncate(self._file, len(whole))
        except BaseException:
            os.close(self._file)
            raise
        if not whole and rows.header:
            self.write(rows.header)

    def write(self, line: str) -> None:
        """Append a whole line."""
        os.write(self._file, line.encode("utf-8", errors="backslashreplace"))
        os.fsync(self._file)

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)


def _read(file: int) -> bytes:
    with os.fdopen(os.dup(file), "rb") as opened:
        opened.seek(0)
        return opened.read()


def _end_of_rows(content: bytes, rows: AnswerRows) -> int:
    """Return the length of the whole rows: a killed process may have left a part of one behind them."""
    end = content.rfind(b"\n") + 1
    while end and rows.form == "csv" and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1  # a line break inside a quoted cell ends no row
    return end


def _is_start_of_rows(content: bytes, rows: AnswerRows) -> bool:
    first = rows.header.encode() if rows.form == "csv" else b'{"path"'
    return first.startswith(content[: len(first)])


def _parse(path: Path, text: str, rows: AnswerRows) -> Iterator[Mapping[str, str]]:
    if rows.form == "json":
        for line in filter(None, text.split("\n")):
            try:
                row = json.loads(line)
            except ValueError:
                raise _other_content(path) from None
            if not isinstance(row, dict) or not {"path", *rows.notes} <= row.keys():
                raise _other_content(path)
            yield row
        return
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if text and list(reader.fieldnames or ()) != rows.columns:
        raise _other_content(path)
    yield from reader


def _other_content(path: Path) -> DataError:
    return DataError(
        f"{path} holds something else than answers with these columns, and is not changed: name another file"
    )

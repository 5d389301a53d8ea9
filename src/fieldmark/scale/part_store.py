"""A folder of bulk results: one Parquet file for each shard, which appears when it is complete."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.data.photos.stored_photo import is_stored
from fieldmark.errors import SettingError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PartStore", "file_system", "holds_something_else", "require_same_job"]

_JOB = "_job.json"  # programs that read a folder of Parquet files pass over names with an underscore
_FAILED = b"fieldmark.failed"
_OTHER = {"model": "another model", "photos": "other photos", "levels": "other options"}


@dataclass(frozen=True, slots=True)
class PartStore:
    """Parquet files ``part-000000.parquet`` and so on, in a folder or at an address such as
    ``s3://bucket/answers``.

    A part is written under another name and renamed, or stored as one object: it is there as a whole or not at all. Two
    workers that write the same part write the same rows, so that each photo has one row in the end.

    Attributes:
        place: What ``--out`` names, for messages.
        kind: What the parts hold, for messages: "answers" or "embeddings".
        suffix: The folder is `place` with this suffix.
    """

    place: str
    kind: str
    suffix: str = ""

    @property
    def is_table(self) -> bool:
        return False

    def open(self, job: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the parts that an earlier run of the same job wrote; a new folder is made.

        Raises:
            SettingError: The folder holds something else.
        """
        system, folder = self._system()
        there = system.ls(folder, detail=False) if system.exists(folder) else []
        names = {str(one).rpartition("/")[2] for one in there}
        if names and _JOB not in names:
            raise holds_something_else(self.place, self.kind)
        if names:
            require_same_job(self.place, self.kind, json.loads(system.cat_file(f"{folder}/{_JOB}")), job)
        else:
            system.makedirs(folder, exist_ok=True)
            self._write(_JOB, json.dumps(dict(job), indent=2).encode())
        return _numbers(names)

    def job(self) -> dict[str, Any] | None:
        """Return what the run that made the parts was given; None where there is none."""
        system, folder = self._system()
        try:
            job: dict[str, Any] = json.loads(system.cat_file(f"{folder}/{_JOB}"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return job

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of each part that is there, in their order.

        Args:
            columns: Which columns to read; None for all.
        """
        system, folder = self._system()
        for number in sorted(_numbers({str(one).rpartition("/")[2] for one in system.ls(folder, detail=False)})):
            yield self.read(number, columns)

    def write(self, number: int, table: pa.Table, failed: int) -> None:
        """Write a part.

        Args:
            number: Of the shard.
            table: A row for each photo.
            failed: Photos that could not be read.
        """
        import pyarrow.parquet as pq

        content = io.BytesIO()
        pq.write_table(table.replace_schema_metadata({_FAILED: str(failed).encode()}), content, compression="zstd")
        self._write(_part(number), content.getvalue())

    def counts(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Return how many photos some parts hold, and how many of these could not be read."""
        import pyarrow.parquet as pq

        system, folder = self._system()
        photos = failed = 0
        for number in numbers:
            with system.open(f"{folder}/{_part(number)}", "rb") as file:
                about = pq.read_metadata(file)
            photos += about.num_rows
            failed += int(about.metadata[_FAILED])
        return photos, failed

    def read(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a part; see `tables`."""
        import pyarrow.parquet as pq

        system, folder = self._system()
        with system.open(f"{folder}/{_part(number)}", "rb") as file:
            return pq.read_table(file, columns=columns).replace_schema_metadata(None)

    def finish(self, job: Mapping[str, Any], count: int) -> None:
        """Do nothing: the folder is complete when its parts are."""

    def remove(self) -> None:
        """Delete the folder."""
        system, folder = self._system()
        if system.exists(folder):
            system.rm(folder, recursive=True)

    def _write(self, name: str, content: bytes) -> None:
        if is_stored(self.place):
            system, folder = self._system()
            system.pipe_file(f"{folder}/{name}", content)
            return
        from fieldmark.atomic import atomic_file

        with atomic_file(Path(self.place + self.suffix) / name) as draft:
            draft.write_bytes(content)

    def _system(self) -> tuple[Any, str]:
        return file_system(self.place + self.suffix)


def file_system(place: str) -> tuple[Any, str]:
    """Return the fsspec file system of a folder or an address, and the path in it."""
    import fsspec

    system, folder = fsspec.core.url_to_fs(place if is_stored(place) else str(Path(place).absolute()))
    return system, str(folder)


def holds_something_else(place: str, kind: str) -> SettingError:
    """Return the error for a place that no run of this package made."""
    return SettingError(f"--out {place} holds something else than {kind}: name a new folder")


def require_same_job(place: str, kind: str, earlier: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    """Compare what an earlier run was given with what this one is given.

    Raises:
        SettingError: Something differs.
    """
    differing = sorted(key for key in {*earlier, *job} if earlier.get(key) != job.get(key))
    if differing:
        other = _OTHER.get(differing[0], "another run")
        raise SettingError(
            f"--out {place} holds {kind} of {other}: name a new folder, or give what the first run was given to "
            "complete it"
        )


def _part(number: int) -> str:
    return f"part-{number:06d}.parquet"


def _numbers(names: Iterable[str]) -> set[int]:
    return {int(name[5:-8]) for name in names if name.startswith("part-") and name.endswith(".parquet")}

"""A folder of bulk results: one Parquet file for each shard, which appears when it is complete."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldmark.data.photos.stored_photo import is_stored
from fieldmark.errors import SettingError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PartStore"]

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
        place: The folder.
        kind: What the parts hold, for messages: "answers" or "embeddings".
    """

    place: str
    kind: str

    def open(self, job: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the parts that an earlier run of the same job wrote; a new folder is made.

        Raises:
            SettingError: The folder holds something else.
        """
        system, folder = self._system()
        there = system.ls(folder, detail=False) if system.exists(folder) else []
        names = {str(one).rpartition("/")[2] for one in there}
        if names and _JOB not in names:
            raise SettingError(f"--out {self.place} holds something else than {self.kind}: name a new folder")
        if names:
            earlier = json.loads(system.cat_file(f"{folder}/{_JOB}"))
            differing = sorted(key for key in {*earlier, *job} if earlier.get(key) != job.get(key))
            if differing:
                other = _OTHER.get(differing[0], "another run")
                raise SettingError(
                    f"--out {self.place} holds {self.kind} of {other}: name a new folder, or give what "
                    "the first run was given to complete it"
                )
        else:
            system.makedirs(folder, exist_ok=True)
            self._write(_JOB, json.dumps(dict(job), indent=2).encode())
        return {int(name[5:-8]) for name in names if name.startswith("part-") and name.endswith(".parquet")}

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

    def failed(self, number: int) -> int:
        """Return how many photos of a part could not be read."""
        import pyarrow.parquet as pq

        system, folder = self._system()
        with system.open(f"{folder}/{_part(number)}", "rb") as file:
            return int(pq.read_schema(file).metadata[_FAILED])

    def _write(self, name: str, content: bytes) -> None:
        if is_stored(self.place):
            system, folder = self._system()
            system.pipe_file(f"{folder}/{name}", content)
            return
        from fieldmark.atomic import atomic_file

        with atomic_file(Path(self.place) / name) as draft:
            draft.write_bytes(content)

    def _system(self) -> tuple[Any, str]:
        import fsspec

        system, folder = fsspec.core.url_to_fs(
            self.place if is_stored(self.place) else str(Path(self.place).absolute())
        )
        return system, str(folder)


def _part(number: int) -> str:
    return f"part-{number:06d}.parquet"

"""Readers take any bytes: a data set is read, or refused in one sentence."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldmark.data.read import read
from fieldmark.errors import FieldmarkError

EXAMPLES = int(os.environ.get("FIELDMARK_FUZZ", "40"))
pytestmark = pytest.mark.fuzz
SEEDS = {
    "labels.csv": b"path,label,split,box\na/1.jpg,tern,train,1 2 30 40\na/2.jpg,gull,test,\n",
    "metadata.jsonl": b'{"file_name": "a/1.jpg", "label": "tern"}\n{"file_name": "a/2.jpg", "label": "gull"}\n',
    "images.txt": b"1 001.tern/1.jpg\n2 002.gull/2.jpg\n",
    "image_class_labels.txt": b"1 1\n2 2\n",
    "classes.txt": b"1 001.tern\n2 002.gull\n",
    "train_test_split.txt": b"1 1\n2 0\n",
    "bounding_boxes.txt": b"1 60.0 27.0 325.0 304.0\n2 1 2 3 4\n",
    "train.json": b'{"images": [{"id": 1, "file_name": "a/1.jpg"}], "annotations": [{"image_id": 1, "category_id": 5}],'
    b' "categories": [{"id": 5, "name": "tern"}]}',
    "anno_train.csv": b"1.jpg,1,1,9,9,1\n2.jpg,1,1,9,9,2\n",
    "names.csv": b"tern\ngull\n",
    "cars_annos.mat": b"MATLAB 5.0 MAT-file" + bytes(109) + b"\0\1IM",
    "cat_to_name.json": b'{"a": "tern"}',
    "setid.mat": b"MATLAB 5.0 MAT-file" + bytes(109) + b"\0\1IM",
}
SETS = {
    "csv": ("labels.csv",),
    "jsonl": ("metadata.jsonl",),
    "birds": ("images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt", "bounding_boxes.txt"),
    "inaturalist": ("train.json",),
    "kaggle_cars": ("anno_train.csv", "names.csv"),
    "cars": ("cars_annos.mat",),
    "flowers": ("setid.mat",),
    "folders": ("cat_to_name.json",),
}
TOKENS = [b"\0", b",", b'"', b"\n", b"\r", b"nan", b"1e400", b"-1", b"9" * 30, b"\xff", b"{", b"[["]


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a part replaced by others, in another encoding, or any bytes at all."""
    how = draw(st.sampled_from(("replace", "insert", "utf-16", "anything", "cut")))
    if how == "utf-16":
        return content.decode("latin-1").encode("utf-16")
    if how == "anything":
        return draw(st.binary(max_size=200))
    start = draw(st.integers(0, len(content)))
    if how == "cut":
        return content[:start]
    end = start if how == "insert" else draw(st.integers(start, len(content)))
    tokens = st.sampled_from(
        [b"\0", b",", b'"', b"\n", b"\r", b"nan", b"1e400", b"-1", b"9" * 30, b"\xff", b"{", b"[["]
    )
    return content[:start] + draw(tokens | st.binary(max_size=8)) + content[end:]


@pytest.mark.parametrize("layout", SETS)
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_a_damaged_list_is_read_or_refused(layout: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a").mkdir()
        (root / "a" / "1.jpg").write_bytes(b"")
        chosen = data.draw(st.sampled_from(SETS[layout]))
        for name in SETS[layout]:
            content = data.draw(damaged(SEEDS[name])) if name == chosen else SEEDS[name]
            (root / name).write_bytes(content)
        try:
            records = read(root, require_files=False)
        except FieldmarkError:
            return
        assert all(0 <= record.label < len(records.classes) for record in records)
        assert len(set(records.classes)) == len(records.classes)

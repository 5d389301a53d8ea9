"""Model folders as a stranger could make them: something in them is wrong, and all checksums are valid.

Each damage is a function that changes a copy of `model_0_1`, and the reason that the error must give.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from fieldmark.artifact.checksums import checksum

__all__ = ["BASE", "Damage", "hostile_models", "manifest_of", "reseal", "write_manifest"]

BASE = Path(__file__).parent / "model_0_1" / "model"
Damage = tuple[Callable[[Path], object], str]
JSON = "fieldmark.json"


def manifest_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / JSON).read_text())
    return content


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    (folder / JSON).write_text(json.dumps(content))


def reseal(folder: Path) -> None:
    """Make all checksums valid again."""
    content = manifest_of(folder)
    content["checksums"] = {name: checksum(folder / name) for name in content["checksums"]}
    write_manifest(folder, content)


def hostile_models() -> dict[str, Damage]:
    """Name -> damage."""
    from hostile_graphs import hostile_graphs

    return _texts() | _fields() | _tensors() | _tables() | hostile_graphs()


def _texts() -> dict[str, Damage]:
    """Manifests that are bombs for a JSON parser."""

    def replaced(old: str, new: str, folder: Path) -> None:
        text = (folder / JSON).read_text()
        assert old in text
        (folder / JSON).write_text(text.replace(old, new, 1))

    def written(content: bytes, folder: Path) -> None:
        (folder / JSON).write_bytes(content)

    number, deep = '"temperature": 2.5372641891277876', "[" * 200_000 + "]" * 200_000
    cases = {
        "1e400": (number, '"temperature": 1e400', "a number is too large"),
        "-1e400": (number, '"temperature": -1e400', "a number is too large"),
        "NaN": (number, '"temperature": NaN', "NaN is no number"),
        "Infinity": (number, '"temperature": Infinity', "Infinity is no number"),
        "-Infinity": (number, '"temperature": -Infinity', "-Infinity is no number"),
        "400 digits": (number, '"temperature": ' + "9" * 400, "a number is too large"),
        "a million digits": (number, '"temperature": ' + "9" * 1_000_000, "a number is too large"),
        "a key twice": (number, '"temperature": 1, "temperature": 2', "an object has the same key twice"),
        "200,000 lists": ('"steps": [', f'"deep": {deep}, "steps": [', "it is no JSON"),
        "40 lists": ('"steps": [', f'"deep": {"[" * 40 + "]" * 40}, "steps": [', "it is nested too deeply"),
        "40 objects": (
            '"steps": [',
            f'"deep": {"".join(["{" + chr(34) + "a" + chr(34) + ":"] * 40)}1{"}" * 40}, "steps": [',
            "it is nested too deeply",
        ),
        "escape sequence": ("Common Heather Finch", "\\u001b[2J", "a text holds control characters"),
        "C1 control": ("Common Heather Finch", "\\u009b2J", "a text holds control characters"),
        "NUL": ("Common Heather Finch", "a\\u0000b", "a text holds control characters"),
        "lone surrogate": ("Common Heather Finch", "\\ud800", "a text holds control characters"),
    }
    found: dict[str, Damage] = {
        f"JSON: {name}": (partial(replaced, old, new), f"{JSON} cannot be read: {reason}")
        for name, (old, new, reason) in cases.items()
    }
    contents = {
        "empty": (b"", ": it is no JSON"),
        "not UTF-8": (b"\xff\xfe", ": it is no JSON"),
        "cut off": (b'{"format": 1', ": it is no JSON"),
        "a number": (b"1", ""),
        "null": (b"null", ""),
        "a text": (b'"format"', ""),
        "a list": (b"[1]", ""),
        "too long": (b" " * (64 * 1024 * 1024 + 1), ": it is too long"),
    }
    for name, (content, reason) in contents.items():
        found[f"JSON: {name}"] = (partial(written, content), f"{JSON} cannot be read{reason}")
    return found


_WRONG: tuple[Any, ...] = (None, -1, "text", [], {}, True, [[1]], {"a": 1})
_PLACES = "../x", "/etc/passwd", "a/b", "", ".hidden", "C:\\x", "x\ny", "//host/share"


def _fields() -> dict[str, Damage]:
    """Manifests whose fields have wrong types, impossible values, or do not fit each other."""
    found: dict[str, Damage] = {}

    def put(path: tuple[str | int, ...], value: Any, folder: Path) -> None:
        content: Any = (whole := manifest_of(folder))
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value
        write_manifest(folder, whole)

    def case(path: str, value: Any, reason: str | None = None, where: str | None = None) -> None:
        keys = tuple(int(key) if key.isdecimal() else key for key in path.split("."))
        told = reason or f"'{where or path}' in {JSON} is not valid"
        found[f"{path} = {str(value)[:40]!r}"] = (partial(put, keys, value), told)

    wrong = {
        "classes": _WRONG,
        "members": _WRONG,
        "data": (None, -1, "text", [], True),
        "settings": (None, -1, "text", [], True),
        "method": (None, -1, [], {}),
        "fieldmark": (None, -1, [], {}),
        "taxonomy": (None, -1, "text", [], True),
        "ranks": (None, -1, "text", {}),
        "steps": (None, -1, "text", {}, [1]),
        "checksums": (None, -1, "text", [], True),
        "scaling": (-1, "text", [], {}, True),
        "trust": (-1, "text", [], {}, True),
        "unknown": (-1, "text", [], {}, True),
        "gates": (None, -1, "text", {}, [1]),
        "gallery": (-1, "text", [], {}, True),
        "enrolled": (None, -1, "text", {}, [1]),
        "generation": (None, -1, 0, 2**70, "text", []),
    }
    inner = {"scaling": "scaling.kind", "trust": "trust.file", "unknown": "unknown.score", "gallery": "gallery.uri"}
    for name, values in wrong.items():
        for value in values:
            where = f"{name}.0" if value in ([[1]], [1]) else inner.get(name) if value == {} else None
            case(name, value, where=where)
    for value in ("1", 1.5, None, [], True, {}):
        case("format", value, f"{JSON} cannot be read")
    case("format", -1)
    case("format", 0)
    for value in (-2.5, 0, 1e-9, 1e9, "warm", None, []):
        case("members.0.temperature", value)
    for value in (-1, 0, 1e9, None, "heavy"):
        case("members.0.weight", value)
    for value in (0, 3, 1_000_000, -1, "two", None):
        case("members.0.views", value)
    sizes: tuple[Any, ...] = (0, 15, 4097, 10**12, 64.5, "64", None, [64], True)
    for key, values in (
        ("image_size", sizes),
        ("resize", ("stretch", None, ["crop"], 1)),
        ("interpolation", ("nearest", None, ["bicubic"], {})),
        ("mean", (None, [], [1, 2], [1, 2, 3, 4], ["a", "b", "c"], 5, [1e300, 0, 0])),
        ("std", (None, [0, 1, 1], [-1, 1, 1], [1, 1], [None, 1, 1])),
    ):
        for value in values:
            case(f"members.0.preprocess.{key}", value, where="members.0.preprocess")
    for name in ("members.0.graph", "members.0.weights", "trust.file", "memory", "enrolled.0.file", "split_file"):
        for value in _PLACES:
            case(name, value)
    case("classes", ["Same"] * 5)
    case("classes", ["", "b", "c", "d", "e"], where="classes.0")
    case("enrolled.0.label", "Common Tarn Finch", where="enrolled")
    case("enrolled.0.label", "")
    case("memory", None, where="unknown")
    case("gates", [], where="enrolled")
    case("taxonomy", {"Dodo": ["Birds"]})
    case("scaling", {"kind": "vector", "scale": [1, 1], "shift": [0, 0]})
    case("scaling", {"kind": "vector", "scale": [1], "shift": [0, 0]}, where="scaling.shift")
    case("scaling", {"kind": "vector", "scale": [1e9], "shift": [0]}, where="scaling.scale.0")
    case("trust.coverage", 1.0)
    case("trust.coverage", 0)
    case("trust.penalty", 1.0)
    case("trust.k_reg", -1)
    case("trust.score", "a b")
    case("trust.score", "x" * 100_000)
    case("unknown.score", "../x")
    case("unknown.scales", {})
    case("unknown.scales", {"entropy": [0, 0]}, where="unknown.scales.entropy.1")
    case("unknown.kept", 2)
    case("gates.0.shots", 0)
    case("gates.0.bias", 1e300)
    for value in ("file:///tmp/x", "https://host/x", "db://x", "memory://", ""):
        case("gallery.uri", value)
    for value in ("../photos", "a/b", "", "x y"):
        case("gallery.table", value)
    for value in (0, -1, 2**63):
        case("gallery.version", value)
    return found


def _tensors() -> dict[str, Damage]:
    """safetensors files with damaged headers, or with other tensors than the manifest needs."""

    def header(file: str, entries: Any, data: bytes, length: int | None, folder: Path) -> None:
        text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
        (folder / file).write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
        reseal(folder)

    def changed(file: str, change: Callable[[dict[str, Any]], object], folder: Path) -> None:
        held = {name: values.copy() for name, values in load_file(folder / file).items()}
        change(held)
        save_file(held, folder / file)
        reseal(folder)

    def raw(file: str, content: bytes, folder: Path) -> None:
        (folder / file).write_bytes(content)
        reseal(folder)

    def tensor(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
        return {"mean": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}

    two = {
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
    }
    wrongly = "its header describes a tensor wrongly"
    headers: dict[str, tuple[Any, bytes, int | None, str]] = {
        "length beyond the file": ({}, b"", 10**6, "its header is longer than the file"),
        "length of 2^63": ({}, b"", 2**63, "its header is longer than the file"),
        "length of 2^64 - 1": ({}, b"", 2**64 - 1, "its header is longer than the file"),
        "no length": (b"", b"", 0, "its header cannot be read: it is no JSON"),
        "no JSON": (b"{", b"", None, "its header cannot be read: it is no JSON"),
        "nested": (
            b'{"a":' + b"[" * 99 + b"]" * 99 + b"}",
            b"",
            None,
            "its header cannot be read: it is nested too deeply",
        ),
        "1e400": (b'{"a": 1e400}', b"", None, "its header cannot be read: a number is too large"),
        "a list": ([], b"", None, "its header cannot be read: it is no object"),
        "overlap": (two, b"\0" * 8, None, "its tensors overlap or leave gaps"),
        "gap": (tensor(offsets=(4, 8)), b"\0" * 8, None, "its tensors overlap or leave gaps"),
        "cut off": (tensor(), b"", None, "its tensors do not fill the file"),
        "more behind": (tensor(), b"\0" * 99, None, "its tensors do not fill the file"),
        "negative": (tensor(offsets=(-4, 0)), b"", None, wrongly),
        "negative side": (tensor(shape=(-1,)), b"\0" * 4, None, wrongly),
        "terabytes": (tensor(shape=(10**12,), offsets=(0, 4 * 10**12)), b"", None, "its tensors do not fill the file"),
        "overflow": (tensor(shape=(2**40, 2**40)), b"\0" * 4, None, wrongly),
        "unknown type": (tensor(dtype="F1"), b"\0" * 4, None, wrongly),
        "type is a list": (tensor(dtype=["F32"]), b"\0" * 4, None, wrongly),
        "shape of text": (tensor(shape=("1",)), b"\0" * 4, None, wrongly),
        "nine sides": (tensor(shape=(1,) * 9), b"\0" * 4, None, wrongly),
        "other tensors": (tensor(), b"\0" * 4, None, "it holds no tensor"),
    }
    files = ("memory.safetensors", "trust.safetensors", "enrolled-3e24c7c9bbf442ad.safetensors")
    found: dict[str, Damage] = {}
    for file in files:
        found[f"{file}: empty"] = (
            partial(raw, file, b""),
            f"{file} cannot be used: its header is longer than the file",
        )
        for name, (entries, data, length, reason) in headers.items():
            told = f"{file} cannot be used: {reason}"
            found[f"{file}: {name}"] = (partial(header, file, entries, data, length), told)
    memory, trust, enrolled = files
    shapes: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
        "7 classes": (
            memory,
            lambda t: t.update(class_means=np.zeros((7, 69), np.float32)),
            "its tensor 'class_means'",
        ),
        "no class": (memory, lambda t: t["class_means"].fill(np.nan), "it holds no class"),
        "infinite": (
            memory,
            lambda t: t["within"].fill(np.inf),
            "its tensor 'within' holds numbers that are not finite",
        ),
        "NaN": (memory, lambda t: t["mean"].fill(np.nan), "its tensor 'mean' holds numbers that are not finite"),
        "label 99": (memory, lambda t: t["val_labels"].fill(99), "its tensor 'val_labels' names classes"),
        "answer -1": (memory, lambda t: t["val_answers"].fill(-1), "its tensor 'val_answers' names classes"),
        "labels as floats": (
            memory,
            lambda t: t.update(val_labels=t["val_labels"].astype(np.float32)),
            "its tensor 'val_labels' has the type F32",
        ),
        "numbers for text": (
            trust,
            lambda t: t.update(scores=np.zeros(8, np.uint8)),
            "its tensor 'scores' has the type",
        ),
        "fewer rows": (
            trust,
            lambda t: t.update(distances=np.zeros(1, np.int64)),
            "its tensor 'distances' has the shape",
        ),
        "level 99": (trust, lambda t: t["distances"].fill(99), "its tensor 'distances' names levels"),
        "no rank": (trust, lambda t: t.update(paths=np.zeros((8, 1))), "its tensor 'paths' has the shape 8 x 1"),
        "no vector": (enrolled, lambda t: t.update(vectors=np.zeros((0, 69), np.float32)), ""),
        "other length": (
            enrolled,
            lambda t: t.update(vectors=np.zeros((2, 3), np.float32)),
            "its tensor 'vectors' has",
        ),
    }
    for name, (file, change, reason) in shapes.items():
        found[f"{file}: {name}"] = (partial(changed, file, change), f"{file} cannot be used: {reason}")
    return found


def _tables() -> dict[str, Damage]:
    """Split files, links and missing files."""

    def written(content: bytes, folder: Path) -> None:
        (folder / "split.csv").write_bytes(content)
        reseal(folder)

    def linked(name: str, target: str, folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    def linked_outside(name: str, folder: Path) -> None:
        moved = (folder / name).rename(folder.parent / f"outside-{folder.name}")
        (folder / name).symlink_to(moved)

    head = b"path,label,split,content\n"
    tables = {
        "empty row": (head + b"a,b\n", "line 2 has no path, label, split or content"),
        "no columns": (b"1,2\n3,4\n", "it has no column 'path'"),
        "no split": (b"path,label,content\na,b,c\n", "it has no column 'split'"),
        "unknown split": (head + b"a,b,holiday,c\n", "line 2 has no path, label, split or content"),
        "endless field": (head + b"a" * 200_000 + b",b,train,c\n", "line 1: field larger than field limit (131072)"),
    }
    found: dict[str, Damage] = {
        f"split.csv: {name}": (partial(written, content), f"split.csv cannot be used: {reason}")
        for name, (content, reason) in tables.items()
    }
    for name in ("model-0.onnx", "memory.safetensors", "trust.safetensors", "split.csv"):
        found[f"{name}: link to /dev/zero"] = (partial(linked, name, "/dev/zero"), f"{name} is missing")
        found[f"{name}: link to itself"] = (partial(linked, name, name), f"{name} is missing")
        found[f"{name}: link outside"] = (
            partial(linked_outside, name),
            f"{name} is a link that leads out of the folder",
        )
    return found

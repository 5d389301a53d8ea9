"""A model from a stranger: every damage is one sentence, before memory or time is spent, and nothing is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fieldmark import ModelError, load
from fieldmark.artifact.gallery import Gallery
from fieldmark.artifact.history import rollback, versions

sys.path.insert(0, str(Path(__file__).parent))
from hostile_models import BASE, hostile_models, manifest_of, write_manifest

DAMAGES = hostile_models()
LEAST = 193
PHOTO = Path(__file__).parent / "model_0_1" / "photos"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str, float, float]]:
    """Name -> error class, message, seconds of CPU, and MiB that the process grew by."""
    script = Path(__file__).parent / "open_hostile_models.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path_factory.mktemp("hostile"))], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    found: dict[str, tuple[str, str, float, float]] = json.loads(done.stdout)
    return found


def test_there_are_enough_of_them(outcome: dict[str, Any]) -> None:
    assert len(DAMAGES) >= LEAST
    assert outcome.keys() == DAMAGES.keys()


@pytest.mark.parametrize("name", DAMAGES)
def test_the_error_is_one_sentence_that_names_the_fault(outcome: dict[str, Any], name: str) -> None:
    kind, message, _, _ = outcome[name]
    start, end = "the model MODEL is damaged (", "); copy it again or fit it again"
    assert kind == "ModelError", message
    assert message.startswith(start)
    assert message.endswith(end)
    assert message.removeprefix(start).startswith(DAMAGES[name][1])
    assert "\n" not in message
    assert len(message) < 400


def test_no_memory_and_no_time_is_spent(outcome: dict[str, Any]) -> None:
    """64 MiB is the longest manifest that is read; opening the good model takes about 0.1 s of CPU."""
    grown = {name: growth for name, (_, _, _, growth) in outcome.items() if growth > 200}
    slow = {name: seconds for name, (_, _, seconds, _) in outcome.items() if seconds > 5}
    assert grown == {}
    assert slow == {}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return shutil.copytree(BASE, tmp_path / "home" / "model")


def _snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


COMMANDS = [
    ["predict", "MODEL", "PHOTO"],
    ["explain", "MODEL", "PHOTO", "--out", "OUT"],
    ["evaluate", "MODEL", "PHOTOS"],
    ["search", "MODEL", "PHOTO"],
    ["enroll", "MODEL", "--label", "New", "PHOTO"],
    ["unenroll", "MODEL", "--label", "Rose-breasted Vale Thrush"],
    ["guide", "MODEL", "--out", "OUT"],
    ["export", "MODEL", "--out", "OUT.onnx"],
    ["serve", "MODEL", "--port", "0"],
    ["versions", "MODEL"],
    ["rollback", "MODEL"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command[0]))
def test_every_command_refuses_it_with_exit_code_2(
    command: list[str], model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fieldmark.cli.main import main

    content = manifest_of(model)
    content["members"][0]["temperature"] = -2.5
    write_manifest(model, content)
    photo, out = min(PHOTO.iterdir()), model.parent / "out"
    words = {"MODEL": model, "PHOTO": photo, "PHOTOS": PHOTO, "OUT": out, "OUT.onnx": out.with_suffix(".onnx")}
    before = _snapshot(model.parent)
    monkeypatch.setattr(sys, "argv", ["fieldmark", *(str(words.get(word, word)) for word in command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"fieldmark: the model {model} is damaged ('members.0.temperature' in fieldmark.json is not valid); copy it "
        "again or fit it again\n"
    )
    assert _snapshot(model.parent) == before


@pytest.mark.parametrize("uri", ["elsewhere", "../../elsewhere", "ABSOLUTE"])
def test_a_gallery_that_is_not_there_makes_no_folder(model: Path, tmp_path: Path, uri: str) -> None:
    content = manifest_of(model)
    content["gallery"]["uri"] = str(tmp_path / "made") if uri == "ABSOLUTE" else uri
    write_manifest(model, content)
    before = _snapshot(tmp_path)
    recognizer = load(model)
    with pytest.raises(ModelError) as raised:
        recognizer.search(min(PHOTO.iterdir()))
    place = tmp_path / "made" if uri == "ABSOLUTE" else model / uri
    assert str(raised.value) == (
        f"expected the model's gallery at {place}, but it cannot be opened (there is no table 'photos'); copy it there"
    )
    assert _snapshot(tmp_path) == before


def test_reading_writes_nothing_outside_of_the_model(model: Path, tmp_path: Path) -> None:
    def outside() -> dict[str, bytes | None]:
        return {name: held for name, held in _snapshot(tmp_path).items() if not name.startswith("home/model")}

    before = outside()
    recognizer = load(model)
    recognizer.predict(min(PHOTO.iterdir()))
    recognizer.search(min(PHOTO.iterdir()))
    recognizer.split()
    versions(model)
    assert outside() == before


@pytest.mark.parametrize("name", [".lock", "generations", "gallery"])
def test_a_change_does_not_write_through_a_link(model: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    if name == ".lock":
        victim.write_text("years of work")
    elif name == "gallery":
        (model / name).rename(victim)
    else:
        victim.mkdir()
    (model / name).symlink_to(victim)
    before = _snapshot(tmp_path)
    with pytest.raises(ModelError) as raised:
        rollback(model)
    assert str(raised.value) == (
        f"the model {model} cannot be changed: {model / name} is a link; replace it by what it leads to"
    )
    assert _snapshot(tmp_path) == before


def test_a_damaged_table_of_the_gallery_is_one_sentence(model: Path) -> None:
    facts = load(model).manifest.gallery
    assert facts is not None
    for path in (model / "gallery").rglob("*.lance"):
        if path.is_file():
            path.write_bytes(b"not a table")
    with pytest.raises(ModelError, match=r"the gallery at .* is damaged \(.*\); copy it again or fit the model again"):
        Gallery(facts, model).rows()


def test_names_stay_text_in_the_card(model: Path) -> None:
    from markdown_it import MarkdownIt

    content = manifest_of(model)
    evil = "<script>alert(1)</script> [x](http://evil.example) *a* `b` | c\n\n# Title"
    content["taxonomy"][evil] = content["taxonomy"].pop(content["classes"][0])
    content["classes"][0] = evil
    content["enrolled"][0]["label"] = evil + "!"
    content["data"] |= {"layout": evil, "fingerprint": evil}
    content["fieldmark"] = evil
    content["settings"]["seed"] = evil
    content["steps"] = [evil]
    write_manifest(model, content)
    page = MarkdownIt("gfm-like", {"linkify": False}).render(load(model).card)
    titles = ["A recognizer of 5 classes", "Log of the fit", "Classes", "Limits"]
    assert [part.partition("<")[0] for part in page.replace("<h1>", "<h2>").split("<h2>")[1:]] == titles
    assert not any(tag in page for tag in ("<script", "<a ", "<em>", "<img"))
    assert "<script>alert(1)</script>".replace("<", "&lt;").replace(">", "&gt;") in page

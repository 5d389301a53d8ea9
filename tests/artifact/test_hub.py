"""Push a model, fetch it again, and every way in which that fails; against a stand-in on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import fieldmark
from fieldmark.artifact.hub_access import HubName, parse_hub_name
from fieldmark.artifact.load import load_manifest
from fieldmark.errors import ModelError, SettingError

sys.path.insert(0, str(Path(__file__).parent))
from hub_stand_in import Hub, running_hub

constants = pytest.importorskip("huggingface_hub.constants")
Command = Callable[..., Any]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_test")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield running


@pytest.fixture
def pushed(hub: Hub, fitted: Path, command: Command) -> Hub:
    assert command("push", fitted, "user/birds", "--license", "cc-by-4.0").code == 0
    return hub


def test_a_pushed_model_answers_like_the_folder(
    pushed: Hub, fitted: Path, birds: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::30]
    own, fetched = fieldmark.load(fitted), fieldmark.load("hf://user/birds")
    np.testing.assert_array_equal(own.predict_proba(photos), fetched.predict_proba(photos))
    assert [hit.path for hit in own.search(photos[0])] == [hit.path for hit in fetched.search(photos[0])]
    done = command("predict", "hf://user/birds", photos[0], "--json")
    assert done.code == 0
    assert json.loads(done.out)["candidates"][0]["label"] == own.predict(photos[0]).label
    monkeypatch.chdir(tmp_path)
    assert command("evaluate", "hf://user/birds", birds).code == 0
    assert (tmp_path / "birds.test.csv").is_file()
    before = len(pushed.fetched)
    fieldmark.load("hf://user/birds")
    assert len(pushed.fetched) == before  # from the cache


def test_the_card_holds_the_metrics(hub: Hub, fitted: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(command("evaluate", fitted, "--json").out)
    assert command("push", fitted, "user/birds", "--evaluation", tmp_path / "evaluation.json").code == 0
    files = hub.at("user/birds", "main")
    front, _, body = files["README.md"].decode().removeprefix("---\n").partition("\n---\n")
    content = yaml.safe_load(front)
    assert content["library_name"] == "fieldmark"
    assert content["pipeline_tag"] == "image-classification"
    (model,) = content["model-index"]
    assert model["name"] == "birds"
    found = {
        (result["dataset"]["split"], metric["name"]): metric["value"]
        for result in model["results"]
        for metric in result["metrics"]
    }
    manifest = load_manifest(fitted)
    evaluation = json.loads((tmp_path / "evaluation.json").read_text())
    assert found["val", "top-1 accuracy"] == manifest.figures["val_top1"]
    assert found["test", "top-1 accuracy"] == evaluation["top1_accuracy"]
    assert found["test", "macro F1"] == evaluation["macro_f1"]
    assert 'fieldmark.load("hf://user/birds")' in body
    assert f"# A recognizer of {len(manifest.classes)} classes" in body
    # The place of the photos on the maker's machine stays there.
    assert json.loads(files["fieldmark.json"])["data"]["source"] == Path(manifest.data.source).name
    assert all(str(Path(manifest.data.source).parent).encode() not in content for content in files.values())


def test_a_revision(pushed: Hub, model_copy: Path, birds: Path, command: Command) -> None:
    first = pushed.heads["user/birds"]["main"]
    photos = sorted(birds.rglob("*.jpg"))[:2]
    assert command("enroll", model_copy, "--label", "Rook", *photos).code == 0
    assert command("push", model_copy, "user/birds", "--revision", "more").code == 0
    assert "Rook" in fieldmark.load("hf://user/birds@more").classes
    assert "Rook" not in fieldmark.load("hf://user/birds").classes
    assert "Rook" not in fieldmark.load(f"hf://user/birds@{first}").classes


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "user/gone",
            "the Hub has no model user/gone, or it is private: check the name, or log in with 'hf auth login'",
        ),
        ("user/birds@v9", "user/birds on the Hub has no revision 'v9': name a branch, a tag or a commit"),
        ("user/other", "user/other on the Hub holds no fieldmark.json: it is no Fieldmark model"),
        ("birds", "expected hf://user/name or hf://user/name@revision, but got 'hf:/birds'"),
    ],
)
def test_what_is_not_there(name: str, sentence: str, pushed: Hub, command: Command, birds: Path) -> None:
    pushed.commit("user/other", "main", {"config.json": b"{}"})
    done = command("predict", f"hf://{name}", sorted(birds.rglob("*.jpg"))[0])
    assert (done.code, done.out, done.err.strip()) == (2, "", f"fieldmark: {sentence}")


def test_without_a_network(
    pushed: Hub, fitted: Path, command: Command, birds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fieldmark.load("hf://user/birds")
    nowhere = "http://127.0.0.1:9"  # the port "discard", on which nothing listens
    monkeypatch.setenv("HF_ENDPOINT", nowhere)
    done = command("predict", "hf://user/new", sorted(birds.rglob("*.jpg"))[0])
    sentence = f"the Hub at {nowhere} cannot be reached for user/new: check the network, then try again"
    assert (done.code, done.err.strip()) == (2, f"fieldmark: {sentence}")
    done = command("push", fitted, "user/new")
    assert (done.code, done.err.strip()) == (2, f"fieldmark: {sentence}")
    assert fieldmark.load("hf://user/birds").classes == fieldmark.load(fitted).classes  # fetched before


def test_a_stranger_cannot_name_files_elsewhere(pushed: Hub) -> None:
    plain = json.loads(pushed.at("user/birds", "main")["fieldmark.json"])
    changed = plain | {"checksums": plain["checksums"] | {"../../../secret": "00"}}
    pushed.commit("user/birds", "main", {"fieldmark.json": json.dumps(changed).encode()})
    with pytest.raises(ModelError, match=r"is damaged \('checksums\..*secret.*' in fieldmark\.json is not valid\)"):
        fieldmark.load("hf://user/birds")
    changed = plain | {"gallery": plain["gallery"] | {"uri": "s3://bucket"}}
    pushed.commit("user/birds", "main", {"fieldmark.json": json.dumps(changed).encode()})
    with pytest.raises(ModelError) as caught:
        fieldmark.load("hf://user/birds")
    assert str(caught.value) == "the model user/birds names 's3://bucket', which is not in its folder: do not use it"


def test_changed_and_missing_files_are_refused(pushed: Hub) -> None:
    graph = load_manifest_of(pushed)["members"][0]["graph"]
    pushed.commit("user/birds", "main", {graph: b"other"})
    with pytest.raises(ModelError, match=rf"is damaged \(the content of {graph} has changed\)"):
        fieldmark.load("hf://user/birds")
    left = {name: content for name, content in pushed.at("user/birds", "main").items() if name != graph}
    pushed.repos["user/birds"]["0" * 40] = left
    pushed.heads["user/birds"]["main"] = "0" * 40
    with pytest.raises(ModelError, match=rf"is damaged \({graph} is missing\)"):
        fieldmark.load("hf://user/birds")


def load_manifest_of(hub: Hub) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hub.at("user/birds", "main")["fieldmark.json"])
    return found


def test_push_needs_a_login_and_a_name(
    hub: Hub, fitted: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = command("push", fitted, "birds")
    assert (done.code, done.err.strip()) == (
        2,
        "fieldmark: expected hf://user/name or hf://user/name@revision, but got 'hf://birds'",
    )
    (tmp_path / "x.json").write_text("[]")
    done = command("push", fitted, "user/birds", "--evaluation", tmp_path / "x.json")
    assert done.code == 2
    assert "expected the object of 'fieldmark evaluate --json' in" in done.err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    done = command("push", fitted, "user/birds")
    sentence = "the Hub does not let you use user/birds: log in with 'hf auth login'"
    assert (done.code, done.err.strip()) == (2, f"fieldmark: {sentence}")


def test_names() -> None:
    assert parse_hub_name("hf://a/b") == parse_hub_name(Path("hf://a/b")) == HubName("a/b")
    assert parse_hub_name("hf://a/b.c-d@refs/pr/3") == HubName("a/b.c-d", "refs/pr/3")
    assert parse_hub_name("models/hf") is None
    for wrong in ("hf://", "hf://a", "hf://a/b/c", "hf://a/b@", "hf://a b/c"):
        with pytest.raises(SettingError, match=r"^expected hf://user/name or hf://user/name@revision, but got "):
            parse_hub_name(wrong)

"""Registries: names from modules and entry points, order, and one sentence for each mistake."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fieldmark.errors import SettingError
from fieldmark.registry import Registry


def install(site: Path, package: str, module: str, source: str, entry: str = "red") -> None:
    """Leave a package with one module as pip would."""
    (site / f"{module}.py").write_text(source, encoding="utf-8")
    facts = site / f"{package}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[test.colours]\n{entry} = {module}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def colours() -> Registry[str]:
    return Registry("colour", "test.colours")


def said(registry: Registry[str], name: str) -> str:
    with pytest.raises(SettingError) as raised:
        registry.load(name)
    return str(raised.value)


def test_an_unknown_name_is_one_sentence() -> None:
    registry = colours()
    registry.register("blue")("#00f")
    assert registry.load("blue") == "#00f"
    assert said(registry, "bleu") == "unknown colour 'bleu': did you mean 'blue'? (known: blue)"


def test_one_name_for_two_objects_is_refused() -> None:
    registry = colours()
    registry.register("blue")("#00f")
    with pytest.raises(SettingError, match=r"^two colours are named 'blue', "):
        registry.register("blue")("#00e")


def test_a_name_may_ask_for_a_place_before_another_one() -> None:
    registry = colours()
    for name, before in (("c", "a"), ("a", None), ("b", "c"), ("d", "x")):
        registry.register(name, before=before)(name)
    assert list(registry.load_all()) == ["b", "c", "a", "d"]
    registry.register("e", before="f")("e")
    registry.register("f", before="e")("f")
    assert set(registry.load_all()) == set("abcdef")


def test_a_plug_in_is_imported_when_its_name_is_asked_for(site: Path) -> None:
    registry = colours()
    source = (
        '"""``red``: the colour of rust."""\nfrom registry_home import registry\nregistry.register("red")("#f00")\n'
    )
    install(site, "reds", "reds_module", source)
    (site / "registry_home.py").write_text("registry = None\n")
    import registry_home  # type: ignore[import-not-found]

    registry_home.registry = registry
    assert registry.names == ["red"]
    assert registry.summary("red") == "the colour of rust."
    assert "reds_module" not in sys.modules
    assert registry.load("red") == "#f00"


def test_a_broken_plug_in_is_one_sentence_that_names_its_package(site: Path) -> None:
    install(site, "broken-reds", "broken_reds", "import no_such_module\n")
    assert said(colours(), "red") == (
        "the package 'broken-reds' cannot be imported for its colour 'red' (ModuleNotFoundError: No module named "
        "'no_such_module'): repair or uninstall that package"
    )


def test_a_plug_in_that_registers_nothing(site: Path) -> None:
    install(site, "empty-reds", "empty_reds", "")
    assert said(colours(), "red") == (
        "the package 'empty-reds' announces the colour 'red' but does not register it: decorate it in empty_reds with "
        "the name 'red'"
    )


def test_a_plug_in_may_not_hide_what_is_built_in(site: Path) -> None:
    install(site, "other-cal", "other_cal", "", entry="cal")
    registry: Registry[str] = Registry("method", "test.colours", package="fieldmark.methods")
    assert said(registry, "cal") == (
        "the method 'cal' is built in, but the package 'other-cal' announces another one of that name: uninstall that "
        "package or rename its entry point"
    )

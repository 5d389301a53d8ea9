"""Settings: typed, checked, later sources win, nothing ignored in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.errors import SettingError
from fieldmark.methods import METHODS
from fieldmark.methods.auto import Auto
from fieldmark.methods.fine_tune import FineTune
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.recipe import build_settings, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h", 3600), ("0.5h", 1800), ("1m30", 90), (" 5m ", 300)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 minutes", "-5m", "1m1h", "5d", "1e3"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(SettingError) as raised:
        parse_duration(text)
    assert str(raised.value) == f"a duration looks like 90s, 10m or 1h30m, but got '{text}'"


def test_auto_is_the_default_method() -> None:
    assert isinstance(build_settings(), Auto.Settings)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_settings_of_its_name(name: str) -> None:
    assert build_settings(name).method == name


def test_later_sources_win(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('method = "fine_tune"\nepochs = 3\nlr = 0.5\nseed = 1\n')
    settings = build_settings(None, {"lr": 0.25, "epochs": None}, recipe=recipe, overrides=["seed=9"])
    assert isinstance(settings, FineTune.Settings)
    assert (settings.epochs, settings.lr, settings.seed) == (3, 0.25, 9)


def test_the_method_of_the_caller_wins_over_the_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('method = "fine_tune"\n')
    assert build_settings("linear_probe", recipe=recipe).method == "linear_probe"
    assert build_settings(overrides=["method=linear_probe"]).method == "linear_probe"


def test_lists_and_none_in_overrides() -> None:
    settings = build_settings(
        "linear_probe", overrides=["poolings=gem, cov", "backbone=None", " seed = 7 ", "test_views=1"]
    )
    assert isinstance(settings, LinearProbe.Settings)
    assert (settings.poolings, settings.backbone) == (("gem", "cov"), None)
    assert (settings.seed, settings.test_views) == (7, 1)


@pytest.mark.parametrize("place", ["option", "override", "recipe"])
def test_a_budget_reads_the_same_from_everywhere(place: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('budget = "10m"\n' if place == "recipe" else "")
    options = {"budget": "10m"} if place == "option" else {}
    overrides = ["budget=10m"] if place == "override" else []
    settings = build_settings("auto", options, recipe=recipe, overrides=overrides)
    assert isinstance(settings, Auto.Settings)
    assert settings.budget == 600


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"method": "fine_tun"},
            f"unknown method 'fine_tun': did you mean 'fine_tune'? (known: {', '.join(sorted(METHODS))})",
        ),
        (
            {"method": "linear_probe", "options": {"fold": 3}},
            "unknown setting of linear_probe 'fold': did you mean 'folds'? (known: backbone, classes, "
            "classwise, conformal, coverage, crop, device, folds, gallery_uri, image_size, metric, poolings, resize, "
            "seed, target_accuracy, test_fraction, test_views, unknown_score, val_fraction, weights, zoom, "
            "zoom_threshold, zoom_tiles)",
        ),
        ({"overrides": ["seed"]}, "--set takes key=value, but got 'seed'"),
        ({"overrides": ["=3"]}, "--set takes key=value, but got '=3'"),
        (
            {"overrides": ["seed=-1"]},
            "setting 'seed' of auto: input should be greater than or equal to 0, but got '-1'",
        ),
        (
            {"options": {"resize": "stretch"}},
            "setting 'resize' of auto: input should be 'crop', 'squash' or 'pad', but got 'stretch'",
        ),
        (
            {"method": "linear_probe", "overrides": ["poolings=avg,max"]},
            "setting 'poolings' of linear_probe: input should be 'avg', 'gem', 'cov' or 'cls', but got 'max'",
        ),
        ({"options": {"budget": "soon"}}, "a duration looks like 90s, 10m or 1h30m, but got 'soon'"),
        ({"options": {"budget": "0s"}}, "setting 'budget' of auto: input should be greater than 0, but got 0.0"),
    ],
)
def test_each_mistake_is_one_sentence(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(SettingError) as raised:
        build_settings(**arguments)  # type: ignore[arg-type]
    assert str(raised.value) == sentence


def test_a_missing_recipe(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as raised:
        build_settings(recipe=tmp_path / "none.toml")
    assert str(raised.value) == f"the recipe {tmp_path / 'none.toml'} is not a file: give a TOML file with settings"


@pytest.mark.parametrize("content", [b"lr = ", b"\xff\xfe"])
def test_a_recipe_that_is_no_toml(content: bytes, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_bytes(content)
    with pytest.raises(SettingError, match="is not valid TOML"):
        build_settings(recipe=recipe)


def test_a_method_in_a_recipe_that_is_no_text(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("method = 5\n")
    with pytest.raises(SettingError, match="unknown method '5'"):
        build_settings(recipe=recipe)


def test_settings_survive_json() -> None:
    settings = build_settings("fine_tune", {"weights": Path("w.pth"), "epochs": 2})
    assert FineTune.Settings.model_validate(settings.model_dump(mode="json")) == settings


def test_the_old_name_of_target_accuracy_is_accepted() -> None:
    assert build_settings("linear_probe", overrides=["confidence=0.9"]).target_accuracy == 0.9

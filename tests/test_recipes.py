"""Every recipe parses, its settings are valid, and its header says how to run it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from fieldmark.backbones.map_choice import parse_map_choice
from fieldmark.errors import SettingError
from fieldmark.recipe import build_settings, recipe_dataset, settings_class

FOLDER = Path(__file__).resolve().parents[1] / "recipes"
RECIPES = sorted(FOLDER.glob("*.toml"))
SIZES = {"cub200_2011": (200, 5994), "stanford_cars": (196, 8144)}
SIZES |= {"fgvc_aircraft": (100, 6667), "oxford_flowers102": (102, 1020)}


def test_there_are_recipes_for_all_four_data_sets() -> None:
    named = [recipe_dataset(path) for path in RECIPES]
    assert {dataset.name for dataset in named if dataset} == set(SIZES)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_valid_and_states_its_data(path: Path) -> None:
    settings, dataset = build_settings(recipe=path), recipe_dataset(path)
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(values) - {"dataset"} <= set(settings_class(settings.method).model_fields)
    assert settings.image_size == (384 if settings.method == "pim" else 448)
    assert dataset is not None
    assert (dataset.classes, dataset.photos) == SIZES[dataset.name]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_header_holds_the_command_and_the_published_figure_or_why_there_is_none(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = " ".join(line.removeprefix("#").strip() for line in text.splitlines() if line.startswith("#"))
    assert f"--recipe recipes/{path.name}" in header
    assert "Published figure: " in header
    figure = header.partition("Published figure: ")[2]
    assert figure.startswith("none") or "github.com/" in figure or "second hand" in figure


def test_the_backbones_exist() -> None:
    import timm

    for path in RECIPES:
        backbone = build_settings(recipe=path).backbone
        assert backbone is not None
        name = parse_map_choice(backbone).name
        assert name in timm.list_pretrained(name.split(".")[0] + "*"), path.name


def test_an_unknown_key_of_the_data_set_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('method = "fine_tune"\n[dataset]\nname = "x"\nclasses = 3\nphotos = 9\nclases = 4\n')
    with pytest.raises(SettingError) as caught:
        build_settings(recipe=recipe)
    expected = (
        f"[dataset] of the recipe {recipe} holds name, classes and photos; 'clases': extra inputs are not permitted"
    )
    assert str(caught.value) == expected


def test_none_in_a_recipe_is_no_value(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('method = "fine_tune"\nfreeze = "none"\n')
    assert build_settings(recipe=recipe).model_dump()["freeze"] is None
    assert recipe_dataset(recipe) is None

"""A grid over settings: one row for each point of the Cartesian product, and what each row differs in."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.compare.run_plan import parse_specs, plan_entries
from fieldmark.compare.setting_changes import setting_changes
from fieldmark.compare.setting_grid import expand_grid, parse_grid
from fieldmark.errors import SettingError
from fieldmark.evaluation.comparison import SettingChange


def test_each_point_is_a_row_named_by_what_differs() -> None:
    specs = expand_grid(
        parse_specs("linear_probe,wide:ws_dan[num_maps=16]"), parse_grid(["lr=1e-3,2e-4", "epochs=2,4"])
    )
    assert [spec.label for spec in specs] == [
        "linear_probe",  # has neither setting
        "wide lr=1e-3, epochs=2",
        "wide lr=1e-3, epochs=4",
        "wide lr=2e-4, epochs=2",
        "wide lr=2e-4, epochs=4",
    ]
    settings = [entry.settings(0).model_dump() for entry in plan_entries(specs, {"epochs": 9})[1:]]
    assert [(one["lr"], one["epochs"], one["num_maps"]) for one in settings] == [
        (1e-3, 2, 16), (1e-3, 4, 16), (2e-4, 2, 16), (2e-4, 4, 16),
    ]  # fmt: skip


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_the_number_of_rows_is_the_product(sizes: list[int]) -> None:
    names = ["lr", "epochs", "weight_decay"]
    texts = [f"{name}={','.join(map(str, range(1, n + 1)))}" for name, n in zip(names, sizes, strict=False)]
    labels = [spec.label for spec in expand_grid(parse_specs("ws_dan"), parse_grid(texts))]
    assert len(labels) == len(set(labels)) == prod(sizes)


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["lr"], "the grid 'lr' is not valid: write a setting and its values, such as lr=1e-3,2e-4"),
        (["lr=1,,2"], "the grid 'lr=1,,2' is not valid: write a setting and its values, such as lr=1e-3,2e-4"),
        (["lr=1,2,1"], "the grid of 'lr' has the value 1 twice: leave one out"),
        (["lr=1", "lr=2"], "--grid names 'lr' twice: give all its values at once"),
        (
            ["seed=1,2"],
            "'seed' changes the photos, which must be the same for all rows: leave it out of --grid",
        ),
    ],
)
def test_mistakes_in_a_grid(texts: list[str], sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_grid(texts)
    assert str(caught.value) == sentence


def test_a_setting_that_no_method_has() -> None:
    with pytest.raises(SettingError, match="unknown setting of the compared methods 'lrr': did you mean 'lr'"):
        expand_grid(parse_specs("ws_dan"), parse_grid(["lrr=1,2"]))


def test_a_method_without_own_settings_still_differs_from_the_baseline() -> None:
    probe, plain = plan_entries(parse_specs("linear_probe,fine_tune[poolings=avg]"), {"epochs": 3, "image_size": 96})
    changes = setting_changes(probe.settings(0).model_dump(), plain.settings(1).model_dump())
    assert changes[0] == SettingChange("method", "linear_probe", "fine_tune", "both")
    assert SettingChange("epochs", None, 3, "baseline") in changes
    assert not {"seed", "image_size"} & {change.name for change in changes}
    own = plain.settings(0).model_dump()
    assert setting_changes(own, plain.settings(5).model_dump()) == ()
    assert setting_changes(None, own) == ()

"""Parsing of methods and settings to compare, and their errors."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fieldmark.compare.run_plan import DEFAULT_BASELINE, Spec, parse_specs, plan_entries, settings_not_taken
from fieldmark.errors import SettingError


def test_methods_carry_settings_and_a_label() -> None:
    specs = parse_specs("ws_dan, isqrt_cov[projected=128,epochs=6],wide:fine_tune[poolings=avg,cov,epochs=3]")
    assert specs == [
        Spec("ws_dan", "ws_dan"),
        Spec("isqrt_cov[projected=128,epochs=6]", "isqrt_cov", ("projected=128", "epochs=6")),
        Spec("wide", "fine_tune", ("poolings=avg,cov", "epochs=3")),
    ]


def test_the_default_baseline_uses_only_average_pooling() -> None:
    (entry,) = plan_entries(parse_specs(DEFAULT_BASELINE), {})
    settings = entry.settings(3)
    assert entry.label == "plain fine_tune"
    assert (settings.method, settings.seed) == ("fine_tune", 3)
    assert settings.model_dump()["poolings"] == ("avg",)


def test_shared_settings_reach_every_method_that_has_them() -> None:
    specs = parse_specs("linear_probe,ws_dan,isqrt_cov[epochs=2]")
    probe, ws_dan, isqrt = plan_entries(specs, {"epochs": 7, "image_size": 96}, ["lr=0.01"])
    assert probe.not_taken == ("epochs", "lr")
    assert ws_dan.not_taken == isqrt.not_taken == ()
    assert settings_not_taken([probe, ws_dan, replace(probe, spec=replace(probe.spec, label="again"))]) == (
        "'epochs' does not apply to linear_probe and again",
        "'lr' does not apply to linear_probe and again",
    )
    assert [entry.settings(0).image_size for entry in (probe, ws_dan, isqrt)] == [96, 96, 96]
    assert [entry.settings(0).model_dump()["epochs"] for entry in (ws_dan, isqrt)] == [7, 2]


def test_all_methods_train_for_the_same_default_epochs() -> None:
    entries = plan_entries(parse_specs("fine_tune,ws_dan,ma_cnn"), {})
    assert len({entry.settings(0).model_dump()["epochs"] for entry in entries}) == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no methods to compare: give their names, such as fine_tune,isqrt_cov"),
        ("cbam,cbam", "two methods have the label 'cbam': give one of them another, such as other:cbam"),
        ("cbam[", "'cbam[' is not a method to compare: write name, name[key=value] or label:name[...]"),
        ("cbam[7]", "the settings in 'cbam[7]' are not valid: write name[key=value,...]"),
    ],
)
def test_mistakes_in_the_list(text: str, sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_specs(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "overrides", "sentence"),
    [
        (
            "cbam[val_fraction=0.3]",
            [],
            "'val_fraction' of cbam[val_fraction=0.3] changes the photos, which must be the same for all methods: "
            "set it for all methods with --set, --seeds or --classes",
        ),
        ("cbam", ["seed=4"], "'seed' cannot be set with --set here: use --seeds N or --classes"),
    ],
)
def test_settings_that_change_the_photos_are_refused(text: str, overrides: list[str], sentence: str) -> None:
    with pytest.raises(SettingError) as caught:
        plan_entries(parse_specs(text), {}, overrides)
    assert str(caught.value) == sentence


def test_a_setting_that_no_method_has_is_refused() -> None:
    with pytest.raises(SettingError, match="unknown setting of the compared methods 'num_map': did you mean"):
        plan_entries(parse_specs("ws_dan"), {}, ["num_map=4"])


def test_an_unknown_method_gets_a_suggestion() -> None:
    with pytest.raises(SettingError, match="unknown method 'ws_dann': did you mean 'ws_dan'"):
        parse_specs("ws_dann")

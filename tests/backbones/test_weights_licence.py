"""Licences of pretrained weights: of each backbone by its tag, of a file unknown; in the card, and at the export."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.backbones.licence_terms import forbids_commercial_use
from fieldmark.backbones.weights_licence import weights_licences


def test_licences_of_both_backbones() -> None:
    options = {"backbone": "vgg16.tv_in1k@16", "second_backbone": "convnextv2_tiny.fcmae_ft_in1k", "projected": 128}
    assert weights_licences(options) == {
        "vgg16.tv_in1k": "bsd-3-clause",
        "convnextv2_tiny.fcmae_ft_in1k": "cc-by-nc-4.0",
    }
    assert weights_licences({"backbone": None, "second_backbone": None}) == {}
    assert weights_licences({"backbone": "lite0"}) == {"tf_efficientnet_lite0": "apache-2.0"}


def test_the_licence_of_a_file_is_unknown() -> None:
    options = {"backbone": "resnet50.tv_in1k", "second_backbone": "vgg16.tv_in1k"}
    found = weights_licences(options, Path("mine.safetensors"))
    assert found == {"resnet50.tv_in1k": "unknown", "vgg16.tv_in1k": "bsd-3-clause"}


@pytest.mark.parametrize("licence", ["cc-by-nc-4.0", "fair-noncommercial-research-license", "apple-amlr"])
def test_non_commercial(licence: str) -> None:
    assert forbids_commercial_use(licence)


@pytest.mark.parametrize("licence", ["apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "dinov3-license", "unknown"])
def test_commercial_use_is_not_known_to_be_forbidden(licence: str) -> None:
    assert not forbids_commercial_use(licence)

"""Every recipe builds the published network: the maps that are read and the number of parameters, by hand.

Nothing is computed: the networks lie on torch's meta device. Where a method departs from its paper, its page says so
and the number here is that of this package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch

from fieldmark.backbones.levels import feature_levels
from fieldmark.methods.base import Method
from fieldmark.methods.build import build_method, method_options
from fieldmark.methods.transfg import TransFG
from fieldmark.recipe import build_settings, recipe_dataset
from fieldmark.training.gradient.dry_run import dry_run
from fieldmark_synth import synthesize

FOLDER = Path(__file__).resolve().parents[1] / "recipes"
VGG16, VGG19, R50, R101 = 14_714_688, 20_024_384, 23_508_032, 42_500_160
INCEPTION_TO_6E, VIT_B, SWIN_L = 8_965_856, 85_798_656, 195_198_516
"""Parameters without classifier; of VGG the convolutions, of Inception-v3 up to Mixed_6e."""


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def covariance(body: int, channels: int, classes: int) -> int:
    """Reduction to 256 channels with batch norm, then the upper triangle of 256 x 256."""
    return body + channels * 256 + 2 * 256 + linear(256 * 257 // 2, classes)


def attention(body: int, channels: int, classes: int) -> int:
    """32 attention maps with batch norm, then 32 descriptors."""
    return body + channels * 32 + 2 * 32 + linear(32 * channels, classes)


def plug_in_module(classes: int) -> int:
    """Pyramid of Swin-L's stages at 1,536 channels, four place classifiers, 2,720 places to 85 nodes."""
    width, places, nodes = 1536, 2048 + 512 + 128 + 32, 85
    pyramid = sum(linear(stage, stage) + linear(stage, width) for stage in (192, 384, 768, 1536))
    selector = linear(width, width) + 2 * width + linear(width, classes)
    graph = nodes**2 + 1 + 2 * linear(width, width // 4) + linear(width, width) + 2 * width
    return SWIN_L + pyramid + 4 * selector + linear(places, nodes) + graph + linear(nodes, 1) + linear(width, classes)


def of_resnet50(classes: int) -> int:
    return R50 + linear(2048, classes)


Count = int | Callable[[int], int]
MAPS: dict[str, tuple[list[tuple[int, int, int]], Count]] = {
    "bilinear_cnn_vgg16": ([(512, 28, 28)], lambda k: VGG16 + linear(512 * 512, k)),
    "compact_bilinear_vgg16": ([(512, 28, 28)], lambda k: VGG16 + linear(8192, k)),
    "hierarchical_bilinear_vgg16": (
        3 * [(512, 28, 28)],
        lambda k: VGG16 + 3 * linear(512, 8192) + linear(3 * 8192, k),
    ),
    "isqrt_cov_vgg16": ([(512, 28, 28)], lambda k: covariance(VGG16, 512, k)),
    "isqrt_cov_resnet50": ([(2048, 28, 28)], lambda k: covariance(R50, 2048, k)),
    "fine_tune_resnet50": ([(2048, 14, 14)], of_resnet50),
    "mcl_resnet50": ([(2048, 14, 14)], of_resnet50),
    "pairwise_confusion_resnet50": ([(2048, 14, 14)], of_resnet50),
    "dcl_resnet50": ([(2048, 14, 14)], lambda k: of_resnet50(k) + 2 * linear(2048, 2)),
    "api_net_resnet101": (
        [(2048, 14, 14)],
        lambda k: R101 + linear(4096, 512) + linear(512, 2048) + linear(2048, k),
    ),
    "ws_dan_inception_v3": ([(768, 26, 26)], lambda k: attention(INCEPTION_TO_6E, 768, k)),
    "cal_resnet101": ([(2048, 28, 28)], lambda k: attention(R101, 2048, k)),
    "transfg_vit_base": ([(768, 37, 37)], lambda k: VIT_B + (37**2 - 14**2) * 768 + linear(768, k)),
    "pim_swin_large": ([(192, 96, 96), (384, 48, 48), (768, 24, 24), (1536, 12, 12)], plug_in_module),
    "ma_cnn_vgg19": ([(512, 28, 28)], 20_866_440),
    "ra_cnn_vgg19": ([(512, 14, 14)], 21_169_486),
    "nts_net_resnet50": ([(2048, 14, 14)], 29_033_517),
    "pmg_resnet50": ([(512, 56, 56), (1024, 28, 28), (2048, 14, 14)], 40_737_632),
    "part_rcnn_resnet50": ([(2048, 14, 14)], 25_953_769),
}
"""Method and backbone -> channels, height and width of each map that is read, and parameters for K classes."""


def recipes() -> dict[str, Path]:
    """One recipe for each method and backbone: of CUB where there is one."""
    paths = sorted(FOLDER.glob("*.toml"), key=lambda path: (not path.stem.startswith("cub_"), path.stem))
    return {path.stem.partition("_")[2]: path for path in reversed(paths)}


def maps_of(method: Method, side: int) -> list[tuple[int, int, int]]:
    images = torch.zeros(1, 3, side, side)
    if isinstance(method, TransFG):
        tokens, grid = method.transformer.patch_embed(images), method.transformer.patch_embed.grid_size
        return [(tokens.shape[2], grid[0], tokens.shape[1] // grid[0])]
    with torch.no_grad():
        levels = getattr(method, "levels", 1)
        found = feature_levels(method.backbone, images, levels) if levels > 1 else [method.backbone.local_map(images)]
    return [(one.shape[1], one.shape[2], one.shape[3]) for one in found]


def test_every_recipe_is_listed() -> None:
    assert set(recipes()) == set(MAPS)


@pytest.mark.parametrize("name", MAPS)
def test_maps_and_parameters(name: str) -> None:
    path = recipes()[name]
    settings, dataset = build_settings(recipe=path), recipe_dataset(path)
    assert dataset is not None
    assert settings.image_size is not None
    options = {"backbone": settings.backbone, **method_options(settings)}
    with torch.device("meta"):
        method = build_method(settings.method, dataset.classes, options, settings.image_size).eval()
        found = maps_of(method, settings.image_size)
    shapes, count = MAPS[name]
    assert found == shapes
    parameters = sum(parameter.numel() for parameter in method.parameters())
    assert parameters == (count(dataset.classes) if callable(count) else count)


@pytest.mark.parametrize("name", MAPS)
def test_recipes_of_other_data_differ_only_in_the_data(name: str) -> None:
    first = build_settings(recipe=recipes()[name]).model_dump(exclude={"location_weight"})
    for path in FOLDER.glob(f"*_{name}.toml"):
        if path.stem.partition("_")[2] == name:
            assert build_settings(recipe=path).model_dump(exclude={"location_weight"}) == first, path.name


def test_the_bodies_are_those_of_timm() -> None:
    with torch.device("meta"):
        models = {
            VGG16: timm.create_model("vgg16").features,
            VGG19: timm.create_model("vgg19").features,
            R50: timm.create_model("resnet50", num_classes=0),
            R101: timm.create_model("resnet101", num_classes=0),
            VIT_B: timm.create_model("vit_base_patch16_224", num_classes=0),
            SWIN_L: timm.create_model("swin_large_patch4_window12_384", num_classes=0),
        }
    assert [sum(one.numel() for one in model.parameters()) for model in models.values()] == list(models)


SMALL = {
    "vgg16.tv_in1k@features.25,features.27,features.29": "test_resnet@layer2,layer3,layer4",
    "vit_base_patch16_224.augreg_in21k": "test_vit",
}


@pytest.mark.parametrize("name", MAPS)
def test_a_dry_run_of_every_recipe_takes_a_step(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With all its settings, but a small backbone, small images and the smallest batch."""
    path = recipes()[name]
    settings, dataset = build_settings(recipe=path), recipe_dataset(path)
    assert dataset is not None
    step_of_map = "@16" if str(settings.backbone).endswith("@16") else ""
    small = {
        "backbone": SMALL.get(str(settings.backbone), f"test_resnet{step_of_map}"),
        "image_size": 64,
        "batch_size": getattr(settings, "per_class", None) or 2,
    }
    photos = synthesize(tmp_path_factory.mktemp("drawn") / "photos", 2, 4, "cub", 0, 96, test_fraction=0.0)
    step = dry_run(settings.model_copy(update=small), 20, dataset.photos, photos)
    assert step.loss > 0

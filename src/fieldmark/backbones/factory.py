"""Any timm model as a backbone: photos in, feature map out, layers in named stages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fieldmark.backbones.bundled import BUNDLED, DEFAULT_BACKBONE, load_bundled_weights
from fieldmark.backbones.map_choice import MapChoice, cut_after, layers_of_step, parse_map_choice, stage_info
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError, unknown_name

__all__ = ["Backbone", "create_backbone", "native_preprocess", "resolve_name"]

_DILATED_STEPS = (8, 16, 32)
"""Steps in pixels that timm can give the last map of many networks by dilation."""

_SHORT_NAMES = {"efficientnet_lite0": "tf_efficientnet_lite0", "efficientnet_lite2": "tf_efficientnet_lite2"}
_SHORT_NAMES |= {"lite0": "tf_efficientnet_lite0", "lite2": "tf_efficientnet_lite2"}


class Backbone(nn.Module):
    """A timm model without its classifier.

    Attributes:
        name: timm's name of the model, and the maps that are read; see `parse_map_choice`.
        layers: Names of the layers that are read, the finest first; empty for the last map.
        channels: C of the feature map.
        local_channels: Channels of the map that `local_map` returns.
        native_size: Image side that the weights were trained with.
        built_size: Image side that it was built for.
        reduction: Pixels of the image for one step on the feature map.
    """

    def __init__(
        self, name: str, model: nn.Module, image_size: int | None = None, layers: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.name = name
        self.model = model
        self.layers = layers
        config: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment]
        self.config = {key: config[key] for key in ("input_size", "mean", "std", "interpolation")}
        self.native_size = int(config["input_size"][-1])
        self._readable: set[int] = set()  # crop sides that are known to work
        with torch.no_grad():
            side = self.built_size = image_size or self.native_size
            was_training = model.training
            model.eval()
            images = torch.zeros(1, 3, side, side)
            local, last = self.maps(images)
            self.layer_channels = [each.shape[1] for each in self.layer_maps(images)] if layers else []
            model.train(was_training)
        self.channels = last.shape[1]
        self.local_channels = local.shape[1]
        self.reduction = round(side / last.shape[-1]) if layers else _reduction(model, side / last.shape[-1])

    def extra_repr(self) -> str:
        return f"layers={self.layers}" if self.layers else ""

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature map (B, C, H, W) of normalised images (B, 3, S, S)."""
        return self.maps(images)[1]

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map before the last 1x1 convolution and the final map, (B, C', H, W) and (B, C, H, W).

        EfficientNets and MobileNets widen their last map for the classifier (320 to 1280 channels). Methods that
        compare channels with each other use the narrow map, which has the same information at less cost. Models without
        such a layer return the same map twice.
        """
        local = self.local_map(images)
        return local, self.widened(local)

    def maps_with_class_token(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the maps of `maps` and, in one pass, the normalised class token (B, C); None without one."""
        if not self.has_class_token:
            return *self.maps(images), None
        tokens = self.model.forward_features(images)  # type: ignore[operator]
        last = _as_map(self.model, tokens)
        return last, last, tokens[:, 0]

    @property
    def has_class_token(self) -> bool:
        """Whether the last layer is read, and the model is a vision transformer with a class token."""
        return not self.layers and getattr(self.model, "cls_token", None) is not None

    def widened(self, local: Tensor) -> Tensor:
        """Return the final map of `maps` from the narrow one."""
        if not self._widens:
            return local
        final: Tensor = self.model.bn2(self.model.conv_head(local))  # type: ignore[operator]
        return final

    def local_map(self, images: Tensor) -> Tensor:
        """Return the narrow map of `maps`, (B, C', H, W), without computing the final one."""
        if self.layers:
            return self.layer_maps(images)[-1]
        if self._widens:
            local: Tensor = self.model.blocks(self.model.bn1(self.model.conv_stem(images)))  # type: ignore[operator]
            return local
        return _as_map(self.model, self.model.forward_features(images))  # type: ignore[operator]

    def layer_maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of `layers`, (B, C_i, H_i, W_i)."""
        seen: dict[str, Tensor] = {}

        def keep(name: str) -> Any:
            return lambda _layer, _inputs, output: seen.__setitem__(name, output)

        hooks = [self.model.get_submodule(name).register_forward_hook(keep(name)) for name in self.layers]
        try:
            self.model.forward_features(images)  # type: ignore[operator]
        finally:
            for hook in hooks:
                hook.remove()
        widths = {stage["module"]: int(stage["num_chs"]) for stage in stage_info(self.model)}
        return [_as_map(self.model, seen[name], widths.get(name)) for name in self.layers]

    @property
    def _widens(self) -> bool:
        return not self.layers and all(
            hasattr(self.model, name) for name in ("conv_stem", "bn1", "blocks", "conv_head", "bn2")
        )

    @property
    def reads_one_size(self) -> bool:
        """Whether the model accepts only the image size that it was built for, as most vision transformers do."""
        return bool(getattr(getattr(self.model, "patch_embed", None), "strict_img_size", False))

    def check_side(self, side: int) -> None:
        """Check that the model accepts square images of a size.

        Raises:
            SettingError: The images are too small, or the model accepts only another size.
        """
        if side in self._readable or torch.onnx.is_in_onnx_export():
            return
        was_training = self.model.training
        example = torch.zeros(1, 3, side, side, device=next(self.model.parameters()).device)
        try:
            with torch.no_grad():
                self.model.eval()
                self.maps(example)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise SettingError(
                f"backbone '{self.name}' cannot read crops of {side} pixels ({_first_line(error)}): "
                "choose larger crops, a larger image_size or another backbone"
            ) from error
        finally:
            self.model.train(was_training)
        self._readable.add(side)

    def check_built_size(self, images: Tensor) -> None:
        """Check that images (B, 3, S, S) have the size that the backbone was built for.

        Raises:
            SettingError: They have another one.
        """
        side = int(images.shape[3])
        if side != self.built_size:
            raise SettingError(
                f"this model on '{self.name}' was built for images of {self.built_size} pixels, but these have {side}: "
                f"fit it with image_size={side}"
            )

    @property
    def stages(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by stage, in the order of the forward pass: ``stem``, ``stage1``, and so on."""
        from timm.models import group_parameters

        groups = group_parameters(self.model, self.model.group_matcher(coarse=True))  # type: ignore[operator]
        named = dict(self.model.named_parameters())
        ordered = sorted(groups)
        names = ["stem"] + [f"stage{i}" for i in range(1, len(ordered))]
        found = {
            name: [named[key] for key in groups[group] if key in named]
            for name, group in zip(names, ordered, strict=True)
        }
        return {name: parameters for name, parameters in found.items() if parameters}

    def freeze(self, up_to: str | None) -> None:
        """Freeze every stage up to and including `up_to`; None unfreezes all, ``all`` freezes all.

        Raises:
            SettingError: No stage has that name.
        """
        names = list(self.stages)
        if up_to is not None and up_to != "all" and up_to not in names:
            raise unknown_name("stage", up_to, [*names, "all"])
        last = -1 if up_to is None else len(names) if up_to == "all" else names.index(up_to)
        for index, parameters in enumerate(self.stages.values()):
            for parameter in parameters:
                parameter.requires_grad_(index > last)

    def preprocess(self, image_size: int | None = None, resize: str = "crop") -> Preprocess:
        """Return the preprocessing that the weights were trained with, at any size."""
        return _preprocess(self.config, image_size, resize)


def _preprocess(config: Mapping[str, Any], image_size: int | None, resize: str) -> Preprocess:
    return Preprocess(
        image_size=image_size or int(config["input_size"][-1]),
        resize=resize,  # type: ignore[arg-type]
        interpolation=config["interpolation"] if config["interpolation"] == "bilinear" else "bicubic",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def native_preprocess(
    name: str | None = None, image_size: int | None = None, resize: str = "crop"
) -> Preprocess | None:
    """Return `Backbone.preprocess` of a backbone that is not built; None where timm does not say it.

    Args:
        name: See `create_backbone`.
        image_size: Side of the images; the backbone's own for None.
        resize: See `Preprocess`.

    Raises:
        SettingError: timm has no such model.
    """
    import timm

    config = timm.get_pretrained_cfg(parse_map_choice(resolve_name(name)).name)
    return _preprocess(asdict(config), image_size, resize) if config else None


def _as_map(model: nn.Module, features: Tensor, channels: int | None = None) -> Tensor:
    """Return the output of timm's layers as (B, C, H, W), from a map, an NHWC map or tokens.

    Args:
        model: A timm model.
        features: The output of a layer.
        channels: C, by which an NHWC map is recognised; that of the last layer by default.
    """
    channels = int(model.num_features) if channels is None else channels  # type: ignore[arg-type]
    if features.ndim == 3:  # (B, tokens, C) of a vision transformer
        tokens = features[:, int(getattr(model, "num_prefix_tokens", 0)) :]
        side = math.isqrt(int(tokens.shape[1]))  # the tracing exporter needs a Python number
        return tokens.transpose(1, 2).reshape(features.shape[0], -1, side, side)
    if features.ndim == 4 and features.shape[1] != channels and features.shape[-1] == channels:
        return features.permute(0, 3, 1, 2)
    if features.ndim != 4:
        raise SettingError(
            f"a backbone must return a feature map (B, C, H, W) or tokens, but this one returns {tuple(features.shape)}"
        )
    return features


def resolve_name(name: str | None) -> str:
    """Return timm's name for a backbone name or its short form, with the maps that are read; the default for None.

    Raises:
        SettingError: timm has no such model.
    """
    import timm

    choice = parse_map_choice(name or DEFAULT_BACKBONE)
    full = _SHORT_NAMES.get(choice.name, choice.name)
    if not timm.is_model(full.split(".")[0]):
        raise unknown_name("backbone", full, timm.list_models())
    return str(replace(choice, name=full))


def create_backbone(
    name: str | None = None,
    *,
    image_size: int | None = None,
    pretrained: bool = True,
    weights: Path | None = None,
) -> Backbone:
    """Build a backbone by timm's name.

    Args:
        name: Any timm model; EfficientNet-Lite0 for None. ``lite0`` and ``lite2`` are short names. ``NAME@16`` or
            ``NAME@LAYER`` chooses the map that is read; see `parse_map_choice`.
        image_size: Side of the images; position embeddings of vision transformers are interpolated to it.
        pretrained: Load ImageNet weights: packaged ones for the Lite models, otherwise timm's download or cache.
        weights: A safetensors or .pth file with timm's state dict to load instead.

        Raises:
            SettingError: timm has no such model, or its weights cannot be loaded.
    """
    choice = parse_map_choice(resolve_name(name))
    full = choice.name
    bundled = full in BUNDLED and weights is None
    fetch = pretrained and not bundled and weights is None
    options: dict[str, Any] = {"checkpoint_path": str(weights)} if weights else {}
    if image_size and _takes_size(full):
        options["img_size"] = image_size
    try:
        model = _create_model(choice, pretrained=fetch, **options)
    except Exception as error:
        raise SettingError(
            f"the weights of backbone '{full}' could not be loaded ({_first_line(error)}); give a file with "
            f"--set weights=FILE, use a packaged backbone ({', '.join(BUNDLED)}), or connect to the internet"
        ) from error
    if bundled and pretrained:
        load_bundled_weights(model, full)
    if choice.step:
        choice = replace(choice, layers=layers_of_step(model, choice))
    if choice.layers:
        cut_after(model, choice)
    _drop_classifier(model)
    try:
        return Backbone(resolve_name(name), model, image_size, choice.layers)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise SettingError(
            f"backbone '{full}' cannot read images of {image_size or 'its own'} pixels ({_first_line(error)}); "
            f"choose another image_size or leave it out"
        ) from error


def _create_model(choice: MapChoice, **options: Any) -> nn.Module:
    """Build a timm model; one that can be dilated keeps all its stages at the step of the choice."""
    import timm

    if choice.step in _DILATED_STEPS:
        try:
            return timm.create_model(choice.name, output_stride=choice.step, **options)
        except (TypeError, AssertionError, KeyError) as error:
            if "output_stride" not in str(error) and not isinstance(error, AssertionError):
                raise
    return timm.create_model(choice.name, **options)


def _drop_classifier(model: nn.Module) -> None:
    """Remove the layers that no method uses, so that they are neither trained nor saved."""
    model.reset_classifier(0)  # type: ignore[operator]
    if isinstance(getattr(model, "pre_logits", None), nn.Module):  # the wide layers of VGG
        model.pre_logits = nn.Identity()


def _reduction(model: nn.Module, measured: float) -> int:
    info = getattr(model, "feature_info", None)
    return int(info[-1]["reduction"]) if info else round(measured)


_TAKE_SIZE = ("vit_", "test_vit", "flexivit", "deit", "swin", "eva", "beit", "maxvit", "coatnet")
"""Beginnings of the names of models whose position embeddings timm interpolates to the size of the images."""


def _takes_size(name: str) -> bool:
    return name.split(".")[0].startswith(_TAKE_SIZE)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]

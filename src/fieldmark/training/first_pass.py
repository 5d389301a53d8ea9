"""What the first pass of a fit reads, so that looking over the photos decodes them for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from fieldmark.backbones.factory import native_preprocess
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.methods.build import method_class
from fieldmark.methods.settings_base import FitSettings, GradientSettings

__all__ = ["first_pixels"]


def first_pixels(settings: FitSettings) -> AbstractContextManager[PixelStore | None]:
    """Return a store for the photos as the first frozen pass of a fit reads them; None where it has no such pass.

    A pass that reads them in another geometry decodes them again, so a wrong guess costs time and changes nothing.
    """
    preprocess = _first_preprocess(settings)
    return nullcontext() if preprocess is None else PixelStore(preprocess, cache_root())


def _first_preprocess(settings: FitSettings) -> Preprocess | None:
    if isinstance(settings, GradientSettings) and not (
        method_class(settings.method).starts_as_probe and settings.probe_start
    ):
        return None
    whole_photo = getattr(settings, "zoom", False) is True and settings.resize == "crop"
    return native_preprocess(settings.backbone, settings.image_size, "squash" if whole_photo else settings.resize)

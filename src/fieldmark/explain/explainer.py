"""Explain a photo: the evidence of every view of every member, each at its place in the photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from fieldmark.arrays import Float32s, Float64s, Pixels
from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.artifact.load_method import load_method
from fieldmark.artifact.manifest import Manifest
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.backbones.runners.run_images import find_objects, tiled_maps
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import CORNER, all_views, photo_views, whole_views, zoomed_views
from fieldmark.data.photos.zoom import Zoom, zoom_region
from fieldmark.explain.enrolled_evidence import LinearForm
from fieldmark.explain.evidence import PhotoEvidence
from fieldmark.explain.geometry import Patch, common_frame, lay, smooth, strongest
from fieldmark.explain.local_evidence import LocalEvidence, embedding_evidence, logit_evidence
from fieldmark.structures import Box

if TYPE_CHECKING:
    from fieldmark.methods.base import Method

__all__ = ["Explainer"]


@dataclass(frozen=True, slots=True)
class _Member:
    method: Method
    preprocess: Preprocess
    views: int
    zoom: Zoom | None
    share: float
    """Weight of its logits among those of all members, by its temperature."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One view of a photo, (1, 3, S, S) normalised, and where its places lie in the photo."""

    images: Tensor
    square: Box
    mirrored: bool
    whole: Box
    side: int
    object_box: Box | None = None
    """Of a zoomed view: where the photo shows the object."""

    @property
    def corner(self) -> bool:
        return self.square != (0.0, 0.0, float(self.side), float(self.side))

    def on_photo(self, patch: Patch) -> Patch:
        turned = patch.mirrored(self.side) if self.mirrored else patch
        return turned.moved(self.square, self.side).moved(self.whole, self.side)


@dataclass(frozen=True, slots=True)
class _Own:
    """The regions and attention of a method, in the photo."""

    regions: tuple[Box, ...]
    attention: Patch | None


class Explainer:
    """The members of a model as torch modules, loaded when the first photo is explained.

    Args:
        folder: The model folder.
        model: Its description.
        manifest: Description of the question that is explained; see `Manifest.asking`. None for the first one.
        heads: The heads of a further question.
    """

    def __init__(
        self, folder: Path, model: Manifest, manifest: Manifest | None = None, heads: LinearHeads | None = None
    ) -> None:
        self._folder = folder
        self._model = model
        self._manifest = manifest or model
        self._heads = heads
        self._silent = False  # whether the first member is known to have neither regions nor attention

    @cached_property
    def _members(self) -> list[_Member]:
        total = sum(facts.weight for facts in self._manifest.members)
        return [
            _Member(
                load_method(self._folder, self._model, own).requires_grad_(False),
                facts.preprocess,
                facts.views,
                facts.zoom,
                facts.weight / total / facts.temperature,
            )
            for own, facts in zip(self._model.members, self._manifest.members, strict=True)
        ]

    def __call__(
        self, image: Image.Image, size: tuple[int, int], path: str | None, label: int, against: int
    ) -> PhotoEvidence:
        """Return the evidence for one class of the head, and for it against another one.

        Args:
            image: The upright photo, perhaps scaled down while it was decoded.
            size: Width and height of the original photo.
            path: The photo's path.
            label: Index of the winner.
            against: Index of the other class.
        """
        names = (self._manifest.classes[label], self._manifest.classes[against])
        if self._heads is not None:
            return self._by_heads(self._heads, (image, size, path), names, [label, against])
        looks = [
            (
                logit_evidence(member.method, look.images, (label, against)),
                look,
                member.share / all_views(member.views, member.zoom),
            )
            for member in self._members
            for look in self._looks(member, image, size)
        ]
        return self._evidence(looks, (image, size, path), names)

    def _by_heads(
        self,
        heads: LinearHeads,
        photo: tuple[Image.Image, tuple[int, int], str | None],
        names: tuple[str, str],
        classes: list[int],
    ) -> PhotoEvidence:
        """Return the evidence for a further question: its logits are linear in the embedding, which has no corners."""
        image, size, _ = photo
        found, constant = [], np.zeros(2)
        for member, weight, bias in zip(self._members, heads.weights, heads.biases, strict=True):
            looks = [look for look in self._looks(member, image, size) if not look.corner]
            rows = torch.from_numpy(weight[classes]).to(looks[0].images)
            share = member.share / len(looks)
            found += [(embedding_evidence(member.method, look.images, rows), look, share) for look in looks]
            constant += member.share * bias[classes]
        return self._evidence(found, photo, names, constant)

    def by_likeness(
        self,
        image: Image.Image,
        size: tuple[int, int],
        path: str | None,
        names: tuple[str, str],
        form_of: Callable[[Float64s], LinearForm],
    ) -> PhotoEvidence:
        """Return the evidence where a class was enrolled: what each place adds to the score of `likeness_form`.

        Args:
            image: As above.
            size: As above.
            path: As above.
            names: The winner and the other class.
            form_of: The embedding (D,) of the first member to a linear function of it, two scores.
        """
        member = self._members[0]
        looks = [look for look in self._looks(member, image, size) if not look.corner]
        with torch.no_grad():
            embeddings = [member.method(look.images).embedding[0].double().cpu().numpy() for look in looks]
        form = form_of(np.mean(embeddings, axis=0))
        weight = torch.from_numpy(form.weight).to(looks[0].images)
        found = [(embedding_evidence(member.method, look.images, weight), look, 1 / len(looks)) for look in looks]
        evidence = self._evidence(found, (image, size, path), names, form.offset)
        how = (
            f"likeness to the photos that are remembered of each class, the vector's length held fixed: {evidence.how}"
        )
        return replace(evidence, how=how)

    def _evidence(
        self,
        looks: Sequence[tuple[LocalEvidence, _Look, float]],
        photo: tuple[Image.Image, tuple[int, int], str | None],
        names: tuple[str, str],
        constant: Float64s | None = None,
    ) -> PhotoEvidence:
        """Add up all views, each with its share of the scores; `constant` (2,) is added to the scores."""
        image, size, path = photo
        patches = [look.on_photo(patch).scaled(share) for local, look, share in looks for patch in local.patches]
        frame = common_frame(patches)
        values = lay(patches, frame)
        scores = np.sum([local.scores * share for local, _, share in looks], axis=0)
        scores = scores if constant is None else scores + constant
        offsets = scores - np.sum([patch.values.sum((1, 2)) for patch in patches], axis=0)
        contrast = values[0] - values[1]
        sharp = _sharp(looks, frame)
        sharp = contrast if sharp is None else sharp
        box, peak = strongest(sharp, frame, size)
        own = self._own(image, size)
        return PhotoEvidence(
            path=path,
            label=names[0],
            against=names[1],
            map=values[0],
            contrast=contrast,
            fine=sharp,
            score=float(scores[0]),
            offset=float(offsets[0]),
            margin=float(scores[0] - scores[1]),
            margin_offset=float(offsets[0] - offsets[1]),
            size=size,
            frame=frame,
            box=box,
            peak=peak,
            how="; ".join(dict.fromkeys(local.how for local, _, _ in looks)),
            regions=own.regions,
            attention=None if own.attention is None else lay([own.attention], frame)[0],
            object_box=next((look.object_box for _, look, _ in looks if look.object_box is not None), None),
        )

    def _looks(self, member: _Member, image: Image.Image, size: tuple[int, int]) -> list[_Look]:
        """The views of a member."""
        preprocess, zoom, side = member.preprocess, member.zoom, member.preprocess.image_size
        on_photo = preprocess.box_on_photo(*size)
        normalize = Normalize(preprocess)
        looks: list[_Look] = []
        if zoom is None or zoom.joins:
            views = zip(photo_views(image, preprocess, member.views), _squares(side, member.views), strict=True)
            looks = [_Look(normalize(_batch(array)), *square, on_photo, side) for array, square in views]
        if zoom is None:
            return looks
        whole = whole_views(member.views)
        with torch.no_grad():
            if zoom.tiles:
                maps = tiled_maps(
                    lambda tiles: _activation(member.method, normalize(torch.from_numpy(tiles))),
                    [image],
                    preprocess,
                    zoom,
                )
            else:
                maps = np.stack([_activation(member.method, look.images) for look in looks[:whole]], 1)
        (box,) = find_objects(maps, [image], preprocess, zoom)
        region = zoom_region(box, image.size, zoom)
        place, found = _scaled(region, image.size, size), _scaled(box, image.size, size)
        zoomed = zip(zoomed_views(image, preprocess, member.views, region), _squares(side, whole), strict=True)
        return looks + [_Look(normalize(_batch(array)), *square, place, side, found) for array, square in zoomed]

    def _own(self, image: Image.Image, size: tuple[int, int]) -> _Own:
        """Regions and attention maps of the first member's first view."""
        if self._silent:
            return _Own((), None)
        member = self._members[0]
        side, on_photo = member.preprocess.image_size, member.preprocess.box_on_photo(*size)
        images = Normalize(member.preprocess)(torch.from_numpy(member.preprocess(image).copy())[None])
        with torch.no_grad():
            output = member.method(images)
        self._silent = output.regions is None and output.attention_maps is None
        regions: tuple[Box, ...] = ()
        if output.regions is not None:
            boxes = [box for box in output.regions[0].tolist() if box[2] > box[0] and box[3] > box[1]]
            nothing: NDArray[np.float64] = np.zeros((1, 1, 1))
            regions = tuple(Patch(nothing, (x1, y1, x2, y2)).moved(on_photo, side).box for x1, y1, x2, y2 in boxes)
        if output.attention_maps is None:
            return _Own(regions, None)
        return _Own(regions, Patch(output.attention_maps[0].mean(0)[None].double().numpy(), on_photo))


def _batch(array: Pixels) -> Tensor:
    """Return a view (S, S, 3) as a batch of one."""
    return torch.from_numpy(np.ascontiguousarray(array))[None]


def _activation(method: Method, images: Tensor) -> Float32s:
    """Return the activation (B, h * w) of normalised images."""
    found = method(images).activation
    assert isinstance(found, Tensor)  # only methods that return one are fitted with zoom
    return np.asarray(found.cpu().numpy())


def _scaled(box: Box, size: tuple[int, int], to: tuple[int, int]) -> Box:
    """Return a box of an image of some size in pixels of the same image at another size."""
    x_scale, y_scale = to[0] / size[0], to[1] / size[1]
    return (box[0] * x_scale, box[1] * y_scale, box[2] * x_scale, box[3] * y_scale)


def _sharp(looks: Sequence[tuple[LocalEvidence, _Look, float]], frame: Box) -> Float64s | None:
    """Return the contrast by earlier layers, (h, w): the mean of the finer and the late one, each at unit strength.

    The finer layer localises well but is noisy; the late one is reliable but coarse. The mean is scaled back to the
    strength of the finer one. None if no layer was watched.
    """
    maps: list[Float64s] = []
    for several in ([one.fine for one, _, _ in looks], [one.late for one, _, _ in looks]):
        patches = [
            look.on_photo(patch).scaled(share)
            for of_look, (_, look, share) in zip(several, looks, strict=True)
            for patch in of_look
        ]
        if patches:
            maps.append(lay(patches, frame)[0])
    if len(maps) < 2:
        return maps[0] if maps else None
    fine, late = maps[0], smooth(maps[1], (maps[0].shape[1], maps[0].shape[0]))
    strengths = [float(np.sqrt(np.square(one).mean())) for one in (fine, late)]
    if min(strengths) <= 0:
        return fine
    blended: Float64s = (fine + late * (strengths[0] / strengths[1])) / 2
    return blended


def _squares(side: int, views: int) -> list[tuple[Box, bool]]:
    """Return what part of the whole square each of `photo_views` shows, and whether it is mirrored."""
    inner = CORNER * side
    rest = side - inner
    whole = (0.0, 0.0, float(side), float(side))
    squares = [whole]
    if views > 2:
        squares += [(left, top, left + inner, top + inner) for top in (0.0, rest) for left in (0.0, rest)]
    flips = (False, True) if views % 2 == 0 else (False,)
    return [(square, mirrored) for square in squares for mirrored in flips]

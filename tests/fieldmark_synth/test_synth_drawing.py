"""Drawings match their ground truth: marks differ only in their boxes, scenes do not depend on the species."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark.structures import Box
from fieldmark_synth.backdrop import BACKDROPS
from fieldmark_synth.drawing import Drawing, draw_bird
from fieldmark_synth.genus import FACES, legible
from fieldmark_synth.marks import CATALOGUE, PARTS
from fieldmark_synth.species import Species, separating_parts, species_list

SIZE = 128
SPECIES = species_list(60, seed=2)
BLUR = 4
"""Pixels by which blur may spread a difference beyond the box of its part."""


def pixels(drawing: Drawing) -> NDArray[np.int64]:
    return np.asarray(drawing.image).astype(np.int64)


def drawn(species: Species, seed: int, size: int = SIZE) -> Drawing:
    return draw_bird(species, np.random.default_rng(seed), size)


def inside(boxes: list[Box], margin: int, size: int = SIZE) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), dtype=bool)
    for x1, y1, x2, y2 in boxes:
        mask[max(0, int(y1) - margin) : int(y2) + margin + 1, max(0, int(x1) - margin) : int(x2) + margin + 1] = True
    return mask


def test_the_same_random_state_gives_the_same_pixels() -> None:
    first, second = drawn(SPECIES[0], 1), drawn(SPECIES[0], 1)
    assert first.image.tobytes() == second.image.tobytes()
    assert (first.box, first.parts, first.part_boxes) == (second.box, second.parts, second.part_boxes)
    assert first.image.tobytes() != drawn(SPECIES[0], 2).image.tobytes()


@pytest.mark.parametrize("size", [64, 96, 250])
def test_any_size(size: int) -> None:
    drawing = drawn(SPECIES[0], 3, size)
    assert drawing.image.size == (size, size)
    assert drawing.image.mode == "RGB"


def test_parts_lie_in_their_boxes_and_boxes_in_the_picture() -> None:
    for seed in range(60):
        drawing = drawn(SPECIES[seed], seed)
        assert tuple(part.name for part in drawing.parts) == PARTS
        assert set(drawing.part_boxes) == {part.name for part in drawing.parts if part.visible}
        for part in drawing.parts:
            if not part.visible:
                assert (part.x, part.y) == (0.0, 0.0)
                continue
            x1, y1, x2, y2 = drawing.part_boxes[part.name]
            assert 0 <= x1 <= part.x <= x2 <= SIZE
            assert 0 <= y1 <= part.y <= y2 <= SIZE
            assert x2 - x1 >= 2
            assert y2 - y1 >= 2
        x1, y1, x2, y2 = drawing.box
        assert 0 <= x1 < x2 <= SIZE
        assert 0 <= y1 < y2 <= SIZE
        assert inside([drawing.box], 3)[inside(list(drawing.part_boxes.values()), 0)].mean() > 0.9


def test_most_parts_are_visible_and_some_are_hidden() -> None:
    seen = np.array([[part.visible for part in drawn(SPECIES[0], seed, 64).parts] for seed in range(120)])
    assert (seen.mean(axis=0) > 0.75).all()
    assert 0.005 < 1 - seen.mean() < 0.2


def other_values(part: str, count: int = 30) -> list[tuple[Species, Species]]:
    """Return pairs of species that differ in only one part, spread over species and values."""
    pairs = [
        (species, replace(species, marks={**species.marks, part: name}))
        for species in SPECIES
        for name, mark in CATALOGUE[part].items()
        if name != species.marks[part] and legible(mark, species.plumage)
    ]
    return pairs[:: len(pairs) // count]


@pytest.mark.parametrize("part", PARTS)
def test_a_mark_changes_the_pixels_of_its_part_and_no_others(part: str) -> None:
    clearly_changed = []
    for seed, (species, other) in enumerate(other_values(part)):
        assert separating_parts(species, other) == (part,)
        first, second = drawn(species, seed), drawn(other, seed)
        if part not in first.part_boxes or part not in second.part_boxes:
            continue
        difference = np.abs(pixels(first) - pixels(second)).sum(axis=2)
        region = inside([first.part_boxes[part], second.part_boxes[part]], BLUR)
        assert difference[region].sum() > 0
        assert difference[~region].sum() <= 0.01 * difference.sum(), (species.name, other.marks[part], seed)
        clearly_changed.append(int((difference > 40).sum()))
    assert len(clearly_changed) > 20
    assert np.median(clearly_changed) > 20


def test_the_scene_does_not_depend_on_the_species() -> None:
    for seed in range(12):
        first, second = drawn(SPECIES[seed], seed), drawn(SPECIES[-1 - seed], seed)
        assert SPECIES[seed].family != SPECIES[-1 - seed].family
        around = ~inside([first.box, second.box], BLUR)
        assert around.sum() > 0.1 * SIZE**2
        np.testing.assert_array_equal(pixels(first)[around], pixels(second)[around])


def test_scenes_vary_within_a_species() -> None:
    corners = {tuple(pixels(drawn(SPECIES[0], seed, 64))[0, 0].tolist()) for seed in range(20)}
    centres = {
        round((drawn(SPECIES[0], seed, 64).box[0] + drawn(SPECIES[0], seed, 64).box[2]) / 2) for seed in range(20)
    }
    assert len(corners) > 15
    assert len(centres) > 5


@pytest.mark.parametrize("kind", BACKDROPS)
def test_every_backdrop_varies(kind: str) -> None:
    image = np.asarray(BACKDROPS[kind](np.random.default_rng(0)), dtype=float)
    assert image.ndim == 3
    assert image.std() > 3


@pytest.mark.parametrize("face", FACES)
def test_every_face_except_the_plain_one_is_visible(face: str) -> None:
    plain = replace(SPECIES[0], plumage=replace(SPECIES[0].plumage, upper="olive", face="plain", face_colour="white"))
    other = replace(plain, plumage=replace(plain.plumage, face=face, face_colour=FACES[face][0]))
    difference = np.abs(pixels(drawn(plain, 4)) - pixels(drawn(other, 4))).sum(axis=2)
    assert (difference.sum() == 0) == (face == "plain")

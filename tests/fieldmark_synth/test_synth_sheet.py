"""Contact sheets: positions of the pictures, and outlines of only the parts that differ."""

from __future__ import annotations

import numpy as np

from fieldmark_synth.drawing import draw_bird
from fieldmark_synth.sheet import contact_sheet, look_alike_pair
from fieldmark_synth.species import separating_parts, species_list

SPECIES = species_list(2, seed=0)


def test_a_contact_sheet_holds_the_drawings_row_by_row() -> None:
    sheet = np.asarray(contact_sheet(SPECIES, columns=3, seed=1, size=64))
    assert sheet.shape == (2 * (64 + 16 + 4), 3 * (64 + 4) - 4, 3)
    drawing = draw_bird(SPECIES[1], np.random.default_rng([1, 1, 2]), 64)
    np.testing.assert_array_equal(sheet[84 + 16 : 84 + 80, 136:200], np.asarray(drawing.image))


def test_a_pair_shows_one_scene_with_its_separating_part_outlined() -> None:
    first, second = SPECIES
    sheet = np.asarray(look_alike_pair(first, second, seed=2, size=200)).astype(int)[22:]
    for column, one in enumerate(SPECIES):
        drawing = draw_bird(one, np.random.default_rng(2), 200)
        (part,) = separating_parts(first, second)
        x1, y1, x2, y2 = (int(corner) for corner in drawing.part_boxes[part])
        shown = sheet[:, column * 204 : column * 204 + 200]
        changed = np.abs(shown - np.asarray(drawing.image)).sum(axis=2) > 0
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        assert abs(rows[0] - y1) <= 1
        assert abs(rows[-1] - y2) <= 1
        assert abs(columns[0] - x1) <= 1
        assert abs(columns[-1] - x2) <= 1
        assert not changed[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3].any()

"""Part boxes out of points, the choice of a configuration, and the neighbours' prior, held against slow loops."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fieldmark.layers.regions.part_boxes import BIRD_PARTS, PartBoxes, mirror_boxes, part_groups, widen_boxes
from fieldmark.layers.regions.part_geometry import (
    MISSING,
    SPREAD,
    PartMemory,
    best_configuration,
    boxes_at,
    inside,
    relative_geometry,
)


def random_boxes(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = 60 * torch.rand(*shape, 2, generator=generator)
    return torch.cat([corner, corner + 5 + 35 * torch.rand(*shape, 2, generator=generator)], -1)


def test_the_best_configuration_is_the_best_of_all_combinations() -> None:
    roots, parts = random_boxes(2, 3), random_boxes(2, 2, 4, seed=1)
    generator = torch.Generator().manual_seed(2)
    root_scores, part_scores = torch.rand(2, 3, generator=generator), torch.rand(2, 2, 4, generator=generator)
    geometry = torch.rand(2, 3, 2, 4, generator=generator)
    found = best_configuration(roots, root_scores, parts, part_scores, geometry)
    for b in range(2):
        best, value = None, -1.0
        for root, first, second in itertools.product(range(3), range(4), range(4)):
            score = float(root_scores[b, root])
            for part, chosen in enumerate((first, second)):
                score *= max(MISSING, float(part_scores[b, part, chosen] * geometry[b, root, part, chosen]))
            if score > value:
                best, value = (root, first, second), score
        assert best is not None
        expected = torch.stack([roots[b, best[0]], parts[b, 0, best[1]], parts[b, 1, best[2]]])
        assert torch.equal(found.boxes[b], expected)
        assert found.present[b].all()


def test_a_part_without_a_good_candidate_is_missing_and_does_not_spoil_the_object() -> None:
    roots, parts = random_boxes(1, 2), random_boxes(1, 1, 3, seed=1)
    scores = torch.tensor([[0.3, 0.9]])
    found = best_configuration(roots, scores, parts, torch.ones(1, 1, 3), torch.zeros(1, 2, 1, 3))
    assert torch.equal(found.boxes[0, 0], roots[0, 1])
    assert found.present.tolist() == [[True, False]]
    assert torch.equal(found.boxes[0, 1], torch.zeros(4))


def test_the_box_constraint_by_loop() -> None:
    roots, parts = random_boxes(2, 3), random_boxes(2, 2, 4, seed=3)
    found = inside(roots, parts, slack=10)
    for b, n, p, m in itertools.product(range(2), range(3), range(2), range(4)):
        x1, y1, x2, y2 = roots[b, n].tolist()
        u1, v1, u2, v2 = parts[b, p, m].tolist()
        assert bool(found[b, n, p, m]) == (u1 >= x1 - 10 and v1 >= y1 - 10 and u2 <= x2 + 10 and v2 <= y2 + 10)
    assert 0 < found.float().mean() < 1


def test_geometry_does_not_change_when_a_photo_is_moved_or_scaled() -> None:
    roots, parts = random_boxes(5), random_boxes(5, seed=1)
    moved = [3 * boxes + torch.tensor([7.0, -2.0, 7.0, -2.0]) for boxes in (roots, parts)]
    torch.testing.assert_close(relative_geometry(*moved), relative_geometry(roots, parts))


@pytest.mark.parametrize("count", [3, 50])
def test_the_neighbours_by_loop(count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    memory = PartMemory(num_parts=2, dim=6, neighbours=4, alpha=0.1)
    features, truth = torch.randn(count, 6, generator=generator), random_boxes(count, 3, seed=4)
    truth[::2, 2] = torch.nan
    memory.remember(features, truth)
    asked, roots, parts = torch.randn(2, 6, generator=generator), random_boxes(2, 3, seed=5), random_boxes(2, 2, 4)
    term = memory(asked, roots, parts)
    assert term.shape == (2, 3, 2, 4)
    geometry = relative_geometry(truth[:, :1], truth[:, 1:])
    for b in range(2):
        near = torch.cosine_similarity(asked[b], features).argsort(descending=True)[:4]
        for p in range(2):
            seen = geometry[near, p][~geometry[near, p].isnan().any(1)]
            for n, m in itertools.product(range(3), range(4)):
                if not len(seen):
                    assert term[b, n, p, m] == 1
                    continue
                offset = relative_geometry(roots[b, n], parts[b, p, m]) - seen.mean(0)
                variance = seen.var(0, unbiased=False) + SPREAD**2
                expected = math.exp(-0.5 * float((offset**2 / variance).sum())) ** 0.1
                assert float(term[b, n, p, m]) == pytest.approx(expected, rel=1e-3)


def test_no_exponent_no_prior() -> None:
    memory = PartMemory(1, 3, alpha=0.0)
    memory.remember(torch.eye(3), random_boxes(3, 2))
    assert torch.equal(memory(torch.ones(1, 3), random_boxes(1, 2), random_boxes(1, 1, 5)), torch.ones(1, 2, 1, 5))


def test_the_memory_survives_saving(tmp_path: Path) -> None:
    memory = PartMemory(2, 6)
    memory.remember(torch.randn(9, 6), random_boxes(9, 3))
    save_file(memory.state_dict(), tmp_path / "memory.safetensors")
    loaded = PartMemory(2, 6)
    assert len(loaded) == 0
    loaded.load_state_dict(load_file(tmp_path / "memory.safetensors"))
    for name, tensor in memory.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])


def points_of(**places: tuple[float, float]) -> Tensor:
    names = PartBoxes(BIRD_PARTS).points
    nowhere = (math.nan, math.nan)
    return torch.tensor([[places.get(name.replace(" ", "_"), nowhere) for name in names]])


def test_head_and_body_are_the_boxes_around_their_points() -> None:
    boxes = torch.tensor([[10.0, 10.0, 90.0, 90.0]])
    points = points_of(beak=(12.0, 30.0), crown=(30.0, 20.0), nape=(40.0, 35.0), back=(60.0, 40.0), tail=(85.0, 60.0))
    object_box, head, body = PartBoxes(BIRD_PARTS)(boxes, points, (100, 100))[0]
    assert torch.equal(object_box, boxes[0])
    assert head.tolist() == [10, 12, 48, 43]  # a margin of 8, inside of the object
    assert body.tolist() == [52, 32, 90, 68]


def test_parts_that_are_hidden_or_cut_off_are_missing() -> None:
    boxes = torch.tensor([[10.0, 10.0, 90.0, 90.0]])
    one = points_of(beak=(12.0, 30.0), back=(60.0, 40.0), tail=(85.0, 60.0))
    assert PartBoxes(BIRD_PARTS)(boxes, one, (100, 100))[0].isnan().any(1).tolist() == [False, True, False]
    outside = points_of(beak=(12.0, 30.0), crown=(30.0, 20.0), back=(60.0, 40.0), tail=(85.0, 60.0))
    cut = PartBoxes(BIRD_PARTS)(boxes, outside, (55, 100))[0]  # what lies right of 55 pixels was cut off
    assert cut.isnan().any(1).tolist() == [False, False, True]
    assert cut[0].tolist() == [10, 10, 55, 90]
    nothing = torch.full((1, 4), torch.nan)
    assert PartBoxes(BIRD_PARTS)(nothing, outside, (100, 100)).isnan().all()


def test_a_part_of_one_point_is_a_square_around_it() -> None:
    boxes = torch.tensor([[0.0, 0.0, 40.0, 90.0]])
    found = PartBoxes({"wheel": ["wheel"]}, fraction=0.5)(boxes, torch.tensor([[[30.0, 50.0]]]), (100, 100))
    assert found[0, 1].tolist() == [15, 35, 45, 65]


def test_groups_follow_the_names_of_the_points() -> None:
    birds = part_groups([name for group in BIRD_PARTS.values() for name in group])
    assert birds == {part: tuple(group) for part, group in BIRD_PARTS.items()}
    assert part_groups(["door", "left wheel"]) == {"door": ("door",), "left wheel": ("left wheel",)}


def test_mirroring_twice_and_widening_back_change_nothing() -> None:
    boxes = random_boxes(4, 3)
    torch.testing.assert_close(mirror_boxes(mirror_boxes(boxes, 100), 100), boxes)
    torch.testing.assert_close(widen_boxes(widen_boxes(boxes, 1.25), 0.8), boxes)


def test_boxes_come_back_from_their_geometry() -> None:
    roots, parts = random_boxes(2, 3), random_boxes(2, 3, seed=1)
    torch.testing.assert_close(boxes_at(roots, relative_geometry(roots, parts)), parts)

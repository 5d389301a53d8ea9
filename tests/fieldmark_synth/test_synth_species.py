"""The taxonomy of invented birds: distinct, deterministic, named after the differences."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations

import pytest

from fieldmark.errors import SettingError
from fieldmark_synth.genus import legible
from fieldmark_synth.marks import CATALOGUE, PARTS
from fieldmark_synth.species import MAX_CLASSES, Species, separating_parts, species_list

SIZES = [2, 3, 8, 23, 60, MAX_CLASSES]


@pytest.fixture(scope="module", params=SIZES)
def species(request: pytest.FixtureRequest) -> list[Species]:
    return species_list(request.param, seed=5)


def test_names_and_marks_are_distinct(species: list[Species]) -> None:
    assert len({one.name for one in species}) == len(species)
    looks = {(one.family, one.plumage, *(one.marks[part] for part in PARTS)) for one in species}
    assert len(looks) == len(species)


def test_any_number_of_species_can_be_made() -> None:
    assert [len(species_list(number, seed=1)) for number in range(2, 40)] == list(range(2, 40))


def test_separating_parts_are_symmetric_and_never_empty(species: list[Species]) -> None:
    for first, second in combinations(species[:120], 2):
        parts = separating_parts(first, second)
        assert parts
        assert parts == separating_parts(second, first)
        assert list(parts) == [part for part in PARTS if first.marks[part] != second.marks[part]]
    assert separating_parts(species[0], species[0]) == ()


def test_look_alikes_differ_in_one_or_two_parts_and_genera_in_more(species: list[Species]) -> None:
    for first, second in combinations(species[:120], 2):
        if first.genus == second.genus:
            assert len(separating_parts(first, second)) in (1, 2)
            assert first.plumage == second.plumage
            assert first.silhouette == second.silhouette
        elif first.family == second.family:
            assert first.plumage != second.plumage
            assert first.silhouette == second.silhouette
        else:
            assert first.silhouette != second.silhouette


def test_every_species_has_a_look_alike(species: list[Species]) -> None:
    assert min(Counter(one.genus for one in species).values()) >= 2


def test_names_contain_the_mark_that_differs_from_the_common_species(species: list[Species]) -> None:
    genera: dict[str, list[Species]] = defaultdict(list)
    for one in species:
        genera[one.genus].append(one)
    for genus, members in genera.items():
        common = [one for one in members if one.name.startswith("Common ")]
        assert len(common) == 1, genus
        for one in members:
            if one is common[0]:
                continue
            (part,) = separating_parts(one, common[0])
            assert one.name.startswith(one.mark(part).epithet(common[0].mark(part)) + " ")


def test_every_mark_is_legible_on_its_plumage(species: list[Species]) -> None:
    for one in species:
        for part in PARTS:
            assert one.marks[part] in CATALOGUE[part]
            assert legible(one.mark(part), one.plumage), (one.name, part)


def test_the_seed_changes_the_species() -> None:
    assert species_list(40, seed=3) == species_list(40, seed=3)
    assert species_list(40, seed=3) != species_list(40, seed=4)


def test_small_sets_keep_more_than_one_family() -> None:
    for seed in range(5):
        assert len({one.family for one in species_list(8, seed)}) == 2


@pytest.mark.parametrize("number", [1, 0, -3, 401])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(SettingError) as refusal:
        species_list(number)
    assert str(refusal.value) == (f"expected 2 to 400 species, got {number}: choose a number of classes in that range")

"""An even sample of a stream."""

from __future__ import annotations

from fieldmark.methods.even_sample import EvenSample


def test_all_of_a_few_and_an_even_part_of_many() -> None:
    few, many = EvenSample[int](10), EvenSample[int](10)
    few.add(range(10))
    for start in range(0, 100, 7):
        many.add(range(start, min(100, start + 7)))
    assert few.kept == list(range(10))
    assert many.kept == list(range(0, 100, 16))

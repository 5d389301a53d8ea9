"""Sketches of bilinear descriptors: the law of their expectation, and Fourier transforms as the slow oracle."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.pooling.sketches import SKETCHES, RandomMaclaurin, TensorSketch, create_sketch


def point(values: Tensor) -> Tensor:
    """One local feature (C,) as a map (1, C, 1, 1)."""
    return values[None, :, None, None]


def test_tensor_sketch_is_the_fourier_form_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(2, 6, 3, 4, generator=generator, dtype=torch.float64)
    b = torch.randn(2, 9, 3, 4, generator=generator, dtype=torch.float64)
    sketch = TensorSketch(6, 9, 16, generator).double()

    def count_sketch(x: Tensor, hashes: Tensor, signs: Tensor) -> Tensor:
        counted = torch.zeros(16, dtype=torch.float64)
        for value, place, sign in zip(x, hashes, signs, strict=True):
            counted[place] += sign * value
        return torch.fft.fft(counted)

    slow = torch.zeros(2, 16, dtype=torch.float64)
    for photo in range(2):
        for i in range(3):
            for j in range(4):
                first = count_sketch(a[photo, :, i, j], sketch.hash_a, sketch.sign_a)
                second = count_sketch(b[photo, :, i, j], sketch.hash_b, sketch.sign_b)
                slow[photo] += torch.fft.ifft(first * second).real / 12
    torch.testing.assert_close(sketch(a, b), slow)


def test_random_maclaurin_is_a_mean_of_products() -> None:
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(2, 6, 3, 4, generator=generator, dtype=torch.float64)
    b = torch.randn(2, 9, 3, 4, generator=generator, dtype=torch.float64)
    sketch = RandomMaclaurin(6, 9, 5, generator)
    assert set(sketch.weight_a.unique().tolist()) == {-1, 1}
    slow = torch.zeros(2, 5, dtype=torch.float64)
    for photo in range(2):
        for k in range(5):
            for i in range(3):
                for j in range(4):
                    left = (sketch.weight_a[k] * a[photo, :, i, j]).sum()
                    right = (sketch.weight_b[k] * b[photo, :, i, j]).sum()
                    slow[photo, k] += left * right / 12 / 5**0.5
    torch.testing.assert_close(sketch(a, b), slow)


@pytest.mark.parametrize("name", SKETCHES)
def test_inner_products_are_the_squared_ones_on_average(name: str) -> None:
    """E[<s(x), s(y)>] = <x, y>^2, with a variance that falls as 1 / dim."""
    generator = torch.Generator().manual_seed(2)
    x, y = torch.randn(2, 8, generator=generator, dtype=torch.float64)
    variances = []
    for dim in (16, 64):
        draws = []
        for _ in range(1500):
            sketch = SKETCHES[name](8, 8, dim, generator).double()
            draws.append(float((sketch(point(x), point(x)) * sketch(point(y), point(y))).sum()))
        estimates = torch.tensor(draws, dtype=torch.float64)
        standard_error = estimates.std() / 1500**0.5
        assert (estimates.mean() - (x @ y) ** 2).abs() < 4 * standard_error
        variances.append(float(estimates.var()))
    assert 2.5 < variances[0] / variances[1] < 6.5  # 4 in expectation


@pytest.mark.parametrize("name", SKETCHES)
def test_sketch_gradients(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(2, 3, 2, 2, generator=generator, dtype=torch.float64).requires_grad_(True)
    b = torch.randn(2, 4, 2, 2, generator=generator, dtype=torch.float64).requires_grad_(True)
    assert torch.autograd.gradcheck(SKETCHES[name](3, 4, 6, generator).double(), (a, b))


@pytest.mark.parametrize("name", SKETCHES)
def test_random_hashes_are_saved(name: str) -> None:
    generator = torch.Generator().manual_seed(4)
    one, other = (SKETCHES[name](8, 8, 32, generator) for _ in range(2))
    a = torch.rand(1, 8, 2, 2, generator=generator)
    assert not torch.allclose(one(a, a), other(a, a))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(a, a), other(a, a))


def test_the_same_seed_draws_the_same_hashes() -> None:
    one, other = (TensorSketch(8, 8, 32, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one.hash_a, other.hash_a)
    assert torch.equal(one.sign_b, other.sign_b)


@pytest.mark.parametrize("name", SKETCHES)
def test_sketches_compute_in_float32_under_autocast(name: str) -> None:
    generator = torch.Generator().manual_seed(6)
    sketch, a = create_sketch(name, 8, 8, 32), torch.rand(2, 8, 3, 3, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = sketch(a, a)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, sketch(a, a))


def test_an_unknown_sketch() -> None:
    with pytest.raises(SettingError) as raised:
        create_sketch("tensor", 8, 8, 32)
    assert str(raised.value) == (
        "unknown sketch 'tensor': did you mean 'tensor_sketch'? (known: random_maclaurin, tensor_sketch)"
    )

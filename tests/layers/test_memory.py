"""What is remembered of each class, and the votes of it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fieldmark.layers.class_memory import ClassMemory, representatives


def drawn(count: int, seed: int = 0) -> Tensor:
    return normalize(torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_logits_are_a_soft_vote_of_the_stored_embeddings() -> None:
    memory, known, labels = ClassMemory(3, 4, 6, 0.1), drawn(5), torch.tensor([0, 0, 2, 2, 2])
    memory.fill(known, labels)
    asked = drawn(2, seed=1)
    logits = memory(asked)
    for i in range(2):
        for label in (0, 2):
            votes = [math.exp(float(asked[i] @ one) / 0.1) for one in known[labels == label]]
            assert float(logits[i, label]) == pytest.approx(math.log(sum(votes) / len(votes)), rel=1e-5)
        assert float(logits[i, 1]) == pytest.approx(-10)  # nothing is remembered of it


def test_one_place_is_the_nearest_mean() -> None:
    memory, known = ClassMemory(2, 1, 6, 1.0), drawn(8)
    labels = torch.arange(8) % 2
    memory.fill(known, labels)
    means = torch.stack([normalize(known[labels == label].mean(0), dim=0) for label in (0, 1)])
    torch.testing.assert_close(memory.embeddings[:, 0], means)
    torch.testing.assert_close(memory(known), known @ means.T)


def test_an_empty_memory_gives_the_lowest_logits() -> None:
    memory = ClassMemory(3, 2, 6, 0.05)
    torch.testing.assert_close(memory(drawn(2)), torch.full((2, 3), -20.0))


def test_the_newest_push_out_the_oldest_of_their_class() -> None:
    memory, known = ClassMemory(2, 3, 6, 0.1), drawn(6)
    memory.push(known[:4], torch.tensor([0, 0, 1, 0]))
    torch.testing.assert_close(memory.embeddings[0], known[[3, 1, 0]])
    torch.testing.assert_close(memory.embeddings[1, 0], known[2])
    assert not memory.embeddings[1, 1:].any()
    memory.push(known[4:], torch.tensor([0, 0]))
    torch.testing.assert_close(memory.embeddings[0], known[[5, 4, 3]])


def test_fill_replaces_what_was_stored() -> None:
    memory, known = ClassMemory(2, 3, 6, 0.1), drawn(4)
    memory.push(known, torch.tensor([0, 0, 1, 1]))
    memory.fill(known[:1], torch.tensor([1]))
    assert not memory.embeddings[0].any()
    torch.testing.assert_close(memory.embeddings[1, 0], known[0])
    assert not memory.embeddings[1, 1:].any()


def test_representatives_are_the_embeddings_or_their_cluster_centres() -> None:
    known = drawn(5)
    assert torch.equal(representatives(known, 5), known)
    corners = torch.eye(3)
    cloud = normalize(corners.repeat(10, 1) + 0.01 * torch.randn(30, 3, generator=torch.manual_seed(0)), dim=1)
    found = representatives(cloud, 3)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    assert float((found @ corners.T).max(1).values.min()) > 0.99
    assert torch.equal(found, representatives(cloud, 3))


def test_more_places_change_nothing_for_what_fits() -> None:
    known, labels, asked = drawn(6), torch.arange(6) % 3, drawn(4, seed=2)
    narrow, wide = ClassMemory(3, 2, 6, 0.1), ClassMemory(3, 20, 6, 0.1)
    for memory in (narrow, wide):
        memory.fill(known, labels)
    torch.testing.assert_close(narrow(asked), wide(asked))

"""Chains of names from the coarsest rank to the class, and what they have to obey to form a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Chain", "first_conflict", "qualify"]

Chain = tuple[str, ...]
"""Names from the coarsest rank to the finest."""


def first_conflict(chains: Iterable[Chain]) -> tuple[int, str, str, str] | None:
    """The first name that stands under two parents: (its level, the name, one parent, the other parent)."""
    parents: dict[tuple[int, str], str] = {}
    for chain in dict.fromkeys(chains):
        for level in range(1, len(chain)):
            known = parents.setdefault((level, chain[level]), chain[level - 1])
            if known != chain[level - 1]:
                return level, chain[level], known, chain[level - 1]
    return None


def qualify(chains: Sequence[Chain]) -> dict[Chain, Chain]:
    """Return names that are unique at their level, for things that are identified by their whole chain.

    A name keeps its plain form where it is unique; where two branches share it (an epithet such as
    ``major``), it takes along as many of its ancestors as it needs.

    >>> qualify([("Parus", "major"), ("Dendrocopos", "major"), ("Parus", "ater")])[("Parus", "major")]
    ('Parus', 'Parus/major')
    """
    names: dict[Chain, str] = {}
    for level in range(max(map(len, chains), default=0)):
        names |= _unique_names(sorted({chain[: level + 1] for chain in chains if len(chain) > level}))
    return {chain: tuple(names[chain[: level + 1]] for level in range(len(chain))) for chain in chains}


def _unique_names(prefixes: Sequence[Chain]) -> dict[Chain, str]:
    alike: dict[str, list[Chain]] = {}
    for prefix in prefixes:
        alike.setdefault(prefix[-1], []).append(prefix)
    named: dict[Chain, str] = {}
    for group in alike.values():
        length = 1
        while len({prefix[-length:] for prefix in group}) < len(group):
            length += 1
        named |= {prefix: "/".join(prefix[-length:]) for prefix in group}
    return named

"""The judged pairs of each group, and those that belong to none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kpsearch.dedup.records import Entry, Group, JudgedPair, Relation


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs by where they lie, each as they came."""

    within: tuple[tuple[JudgedPair, ...], ...]
    """For each group the pairs both of whose pictures are in it, holding it together or not."""
    outside: tuple[JudgedPair, ...]
    """Of two groups, or of a picture that is in none."""
    group_of: dict[int, int]
    """Place of the group that a picture is in, by its number."""


def places(groups: Sequence[Group]) -> dict[int, int]:
    """Place of the group that a picture is in, by its number."""
    return {member: place for place, group in enumerate(groups) for member in group.members}


def sort_by_group(groups: Sequence[Group], pairs: Iterable[JudgedPair]) -> Links:
    """One pass over the pairs."""
    group_of = places(groups)
    within: list[list[JudgedPair]] = [[] for _ in groups]
    outside: list[JudgedPair] = []
    for pair in pairs:
        place = group_of.get(pair.a)
        if place is not None and place == group_of.get(pair.b):
            within[place].append(pair)
        else:
            outside.append(pair)
    return Links(tuple(map(tuple, within)), tuple(outside), group_of)


def relations_to_keeper(
    group: Group, links: Iterable[JudgedPair], entries: Sequence[Entry]
) -> dict[int, Relation | None]:
    """What each other member is to the keeper; None where the two were not compared.

    Files of equal bytes are one picture here: what was found of one is true of the others.
    """
    found: dict[tuple[bytes, bytes], Relation] = {}
    for pair in links:
        a, b = entries[pair.a].content_hash, entries[pair.b].content_hash
        found[a, b] = pair.relation
        found[b, a] = pair.relation.reverse
    keeper = entries[group.keeper].content_hash
    return {
        member: Relation.EXACT
        if entries[member].content_hash == keeper
        else found.get((entries[member].content_hash, keeper))
        for member in group.members[1:]
    }

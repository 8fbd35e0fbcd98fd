"""What of a job is put on the page, and in which order: as much as a person may ever look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kpsearch.dedup.links import sort_by_group
from kpsearch.dedup.records import Entry, Group, JudgedPair

MOST_GROUPS = 20_000
MOST_PAIRS = 20_000
"""That are in no group."""
MOST_MEMBERS = 120
"""Of a group that are shown as pictures."""
MOST_LINKS = 120
"""Of a group that are shown as pairs."""


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A group as far as it is shown."""

    group: Group
    members: tuple[int, ...]
    """Numbers of the pictures shown, the one to keep first."""
    links: tuple[JudgedPair, ...]
    """Pairs shown, the one most in need of a decision first."""
    more_links: int
    """Pairs that are not shown."""

    @property
    def more_members(self) -> int:
        """Pictures that are not shown."""
        return len(self.group.members) - len(self.members)


@dataclass(frozen=True, slots=True)
class Single:
    """A pair that was not merged."""

    pair: JudgedPair
    left_out_of: tuple[int, ...]
    """Places of the groups that it would have joined; empty for one believed too little itself."""


@dataclass(frozen=True, slots=True)
class Selection:
    """All that is shown."""

    groups: tuple[GroupCard, ...]
    singles: tuple[Single, ...]
    more_groups: int
    more_pairs: int
    """What there was no room for: groups, and pairs in none."""


def select(
    groups: Sequence[Group], pairs: Sequence[JudgedPair], entries: Sequence[Entry]
) -> Selection:
    """Groups as they come; then pairs that were not merged, those in need of a decision first.

    In need, most of all, is a link that grouping left out although it was believed by itself; then
    the pair whose odds are nearest to even. What a person has decided already comes last.
    """
    links = sort_by_group(groups, pairs)
    cards = zip(groups[:MOST_GROUPS], links.within, strict=False)
    left_out = {ends for group in groups for ends in group.left_out}
    waiting = sorted(
        links.outside,
        key=lambda pair: (pair.verdict is not None, pair.ends not in left_out, *_need(pair)),
    )
    return Selection(
        tuple(_card(group, within, entries) for group, within in cards),
        tuple(
            Single(pair, _groups_of(pair, links.group_of) if pair.ends in left_out else ())
            for pair in waiting[:MOST_PAIRS]
        ),
        max(0, len(groups) - MOST_GROUPS),
        max(0, len(waiting) - MOST_PAIRS),
    )


def same_bytes(pair: JudgedPair, entries: Sequence[Entry]) -> bool:
    """Whether there is nothing to decide: both files are one."""
    return entries[pair.a].content_hash == entries[pair.b].content_hash


def _card(group: Group, links: Sequence[JudgedPair], entries: Sequence[Entry]) -> GroupCard:
    ordered = sorted(
        links,
        key=lambda pair: (same_bytes(pair, entries), pair.verdict is not None, *_need(pair)),
    )
    return GroupCard(
        group,
        group.members[:MOST_MEMBERS],
        tuple(ordered[:MOST_LINKS]),
        max(0, len(links) - MOST_LINKS),
    )


def _need(pair: JudgedPair) -> tuple[float, int, int]:
    return abs(pair.log_odds), pair.a, pair.b


def _groups_of(pair: JudgedPair, group_of: dict[int, int]) -> tuple[int, ...]:
    return tuple(sorted(group_of[end] for end in pair.ends if end in group_of))

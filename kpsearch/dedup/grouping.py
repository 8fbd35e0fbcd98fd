"""Groups of pictures of which one is enough: no chains, and no picture in two of them.

1. Pictures of equal bytes are one node from the start.
2. *Cores*: nodes that show the same as a whole join while most of the pairs across are links,
   the surest link first (`kpsearch.dedup.linkage`).
3. Cores of which one is a part of the other join only where each core of a group is linked with
   each. Of what contains two things that have nothing in common neither joins: nothing tells a
   collage of two pictures from a picture with two crops.

What a person decided comes before all that: the same joins, and anything else keeps apart. A pair
that was judged a variant, or to share a part only, keeps its pictures apart as well, but where
decisions join them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.keeping import POLICIES, Policy, choose_keeper
from kpsearch.dedup.linkage import all_of, most
from kpsearch.dedup.pair_facts import PairFacts
from kpsearch.dedup.records import Group
from kpsearch.images import escape_path

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.records import Entry, JudgedPair


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a catalogue, and what about them a person should know."""

    groups: tuple[Group, ...]
    """Largest first, then by lowest number of a member."""
    warnings: tuple[str, ...] = ()
    """Of decisions that contradict one another; a line each, fit to print."""


def group_pairs(
    pairs: Sequence[JudgedPair],
    accepted: npt.NDArray[np.bool_],
    entries: Sequence[Entry],
    *,
    cut: npt.NDArray[np.bool_],
    keep: str,
) -> Grouping:
    """What ``pairs``, each there once, in any order, make of the pictures ``entries``, by number.

    ``accepted`` (pairs,) says which are believed; ``cut`` (pictures,) of which pictures there were
    more candidates than were looked at; ``keep`` names a policy of `POLICIES`. Pictures of equal
    bytes come as pairs of each with the first of them, and are always believed. Fixed pictures
    alone are no group. Near-linear in pictures and pairs. Raises `UnknownName` for the policy.
    """
    policy: Policy = POLICIES.resolve(keep)
    facts = PairFacts.of(pairs, accepted, entries)
    nodes = facts.nodes(len(entries))
    cores = facts.graph(nodes, facts.linked & facts.whole, cut=cut).joined(most)
    believed = facts.linked & ~_of_collages(facts, cores[nodes])
    links_of_cores = facts.graph(nodes, believed, cut=cut).contracted(cores, most)
    joined = links_of_cores.joined(all_of)[cores][nodes]
    links = _Links.of(facts, joined)
    groups = []
    for label, members in _members(joined, entries):
        known = [pairs[row] for row in facts.row[links.inside[label]].tolist()]
        keeper = choose_keeper(members, known, policy=policy)
        groups.append(links.group(label, members, facts, keeper))
    groups.sort(key=lambda group: (-len(group.members), min(group.members)))
    return Grouping(tuple(groups), tuple(_contradictions(joined, facts, entries)))


def _of_collages(facts: PairFacts, core: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """(pairs,) links of a part to what contains it and another part that it has no link with.

    ``core`` (pictures,) is of each picture. What contains two things is a collage, or a picture of
    which both are crops: nothing in the pairs tells which, and a collage is neither of the two.
    """
    ends = core[facts.ends]
    linked = {tuple(sorted(two)) for two in ends[facts.linked].tolist()}
    rows = np.flatnonzero(facts.linked & (facts.container >= 0) & (ends[:, 0] != ends[:, 1]))
    whole = core[facts.container[rows]]
    part = np.where(ends[rows, 0] == whole, ends[rows, 1], ends[rows, 0])
    parts: defaultdict[int, set[int]] = defaultdict(set)
    for container, one in zip(whole.tolist(), part.tolist(), strict=True):
        parts[container].add(one)
    strangers = {
        (container, one)
        for container, several in parts.items()
        for one in several
        if any(other != one and tuple(sorted((one, other))) not in linked for other in several)
    }
    dropped = np.zeros(len(facts.ends), np.bool_)
    found = zip(rows.tolist(), whole.tolist(), part.tolist(), strict=True)
    dropped[[row for row, container, one in found if (container, one) in strangers]] = True
    return dropped


def _members(
    joined: npt.NDArray[np.intp], entries: Sequence[Entry]
) -> Iterator[tuple[int, list[Entry]]]:
    """The label of each group, and its pictures by number."""
    order = np.argsort(joined, kind="stable")
    starts = np.flatnonzero(np.diff(joined[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if len(members) > 1:
            pictures = [entries[number] for number in members.tolist()]
            if not all(picture.fixed for picture in pictures):
                yield int(joined[members[0]]), pictures


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """Rows of `PairFacts` that are links, rising, by label of the group they touch."""

    inside: Mapping[int, list[int]]
    outgoing: Mapping[int, list[int]]
    weakest: Mapping[int, int]

    @classmethod
    def of(cls, facts: PairFacts, joined: npt.NDArray[np.intp]) -> _Links:
        inside: defaultdict[int, list[int]] = defaultdict(list)
        outgoing: defaultdict[int, list[int]] = defaultdict(list)
        rows = np.flatnonzero(facts.linked)
        labels = joined[facts.ends[rows]]
        for row, (a, b) in zip(rows.tolist(), labels.tolist(), strict=True):
            if a == b:
                inside[a].append(row)
            else:
                outgoing[a].append(row)
                outgoing[b].append(row)
        within = rows[labels[:, 0] == labels[:, 1]]
        return cls(inside, outgoing, _weakest(facts.ends, within, joined))

    def group(self, label: int, members: Sequence[Entry], facts: PairFacts, keeper: Entry) -> Group:
        """The group of that label."""
        others = (picture.number for picture in members if picture is not keeper)
        return Group(
            members=(keeper.number, *others),
            pairs=facts.pairs_at(self.inside[label]),
            weakest=facts.pairs_at([self.weakest[label]])[0],
            left_out=facts.pairs_at(self.outgoing.get(label, [])),
        )


def _weakest(
    ends: npt.NDArray[np.intp], rows: npt.NDArray[np.intp], joined: npt.NDArray[np.intp]
) -> dict[int, int]:
    """By label, the last row that a spanning tree of its group needs where the surest come first.

    ``rows`` are those within the groups, rising; a row is the less sure the greater its number.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    shape = (len(joined), len(joined))
    tree = minimum_spanning_tree(coo_array((rows + 1.0, ends[rows].T), shape).tocsr())
    needed = np.sort(tree.data.astype(np.intp)) - 1
    return dict(zip(joined[ends[needed, 0]].tolist(), needed.tolist(), strict=True))


def _contradictions(
    joined: npt.NDArray[np.intp], facts: PairFacts, entries: Sequence[Entry]
) -> Iterator[str]:
    """What was decided to be the same, and is not joined because of another decision."""
    ends = facts.ends[facts.same]
    refused = ends[joined[ends[:, 0]] != joined[ends[:, 1]]]
    for a, b in sorted(refused.tolist()):
        names = " and ".join(escape_path(entries[number].path) for number in (a, b))
        yield (
            f"{names} were decided to be the same, but other decisions keep apart what they were "
            "decided to be the same as; they are not in one group: decide one of these pairs anew"
        )

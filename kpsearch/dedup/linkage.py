"""Clusters that links hold together on every side: agglomeration without chaining.

Single linkage makes one group of all that a chain of links leads through: a collage joins every
product it shows. Complete linkage breaks a group at each pair that was missed. Between the two,
two clusters join only where enough of the pairs *across* are links, counted among those that could
be known. The surest links come first, and a join that was refused is never right later: the share
of links across two unions is between the shares across their parts. So each link is looked at
once, and what is counted across two clusters is added up when one of them is merged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Enough = Callable[[int, int], bool]
"""Whether so many links suffice of so many pairs that could be known."""


def most(links: int, knowable: int) -> bool:
    """More than half of the pairs are links.

    A half would not do: a collage of two pictures, joined by one of them, has a link to the other,
    which is half of the pairs across.
    """
    return 2 * links > knowable


def all_of(links: int, knowable: int) -> bool:
    """Every pair that could be known is a link."""
    return links >= knowable


@dataclass(frozen=True, slots=True, eq=False)
class LinkGraph:
    """What is known of n nodes two by two: p pairs, each once; of the other pairs nothing is."""

    cut: npt.NDArray[np.bool_]
    """(n,): more candidates than were looked at. Two such nodes may be linked unseen."""
    ends: npt.NDArray[np.intp]
    """(p, 2), the lower node first."""
    rank: npt.NDArray[np.intp]
    """(p,) place of a link among the links, the surest 0; no rank twice."""
    linked: npt.NDArray[np.bool_]
    """(p,)"""
    known: npt.NDArray[np.bool_]
    """(p,): whether the pair is a link or could have been. Of the others one cannot tell."""
    opposed: npt.NDArray[np.bool_]
    """(p,): no cluster has both, if nothing forces it."""
    forced: npt.NDArray[np.bool_]
    """(p,): a link that joins whatever else is known, except where that is forbidden."""
    forbidden: npt.NDArray[np.bool_]
    """(p,): no cluster has both."""

    def unforeseen(self) -> npt.NDArray[np.intp]:
        """(p,): 1 for a pair known between two cut nodes, -1 for one unknown between others."""
        hidden = self.cut[self.ends].all(axis=1)
        return np.asarray(self.known.astype(np.intp) - ~hidden)

    def joined(self, enough: Enough) -> npt.NDArray[np.intp]:
        """(n,) cluster of each node, from 0: the same for any order of the pairs, near-linear."""
        clusters = _Clusters(self.cut)
        facts = (self.linked.astype(np.intp), self.unforeseen(), self.opposed, self.forbidden)
        for rows in _by_component(self):
            ends = self.ends[rows].tolist()
            counts = zip(*(fact[rows].tolist() for fact in facts), strict=True)
            clusters.learn(ends, [_Across(*counted) for counted in counts])
            links = rows[self.linked[rows]]  # which come first
            for (a, b), forced in zip(ends, self.forced[links].tolist(), strict=False):
                clusters.consider(a, b, forced=forced, enough=enough)
        labels = [clusters.find(node) for node in range(len(self.cut))]
        return np.asarray(np.unique(np.array(labels, np.intp), return_inverse=True)[1])

    def contracted(self, clusters: npt.NDArray[np.intp], enough: Enough) -> LinkGraph:
        """The same of clusters: linked where ``enough`` pairs across are, known where any could be.

        What opposes a pair opposes its clusters; pairs within a cluster are gone.
        """
        ends = np.sort(clusters[self.ends], axis=1)
        across = np.flatnonzero(ends[:, 0] != ends[:, 1])
        pairs, place = unique_pairs(ends[across])

        def count(values: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
            sums = np.bincount(place, values[across].astype(np.float64), minlength=len(pairs))
            return sums.astype(np.intp)

        size, hidden = np.bincount(clusters), np.bincount(clusters, self.cut).astype(np.intp)
        knowable = size[pairs].prod(axis=1) - hidden[pairs].prod(axis=1) + count(self.unforeseen())
        counts = zip(count(self.linked).tolist(), knowable.tolist(), strict=True)
        return LinkGraph(
            cut=hidden == size,
            ends=pairs,
            rank=least(place, self.rank[across], among=self.linked[across], count=len(pairs)),
            linked=np.fromiter((links > 0 and enough(links, all_) for links, all_ in counts), bool),
            known=knowable > 0,
            opposed=count(self.opposed) > 0,
            forced=count(self.forced) > 0,
            forbidden=count(self.forbidden) > 0,
        )


def least(
    place: npt.NDArray[np.intp],
    values: npt.NDArray[np.intp],
    *,
    among: npt.NDArray[np.bool_],
    count: int,
) -> npt.NDArray[np.intp]:
    """(count,) the least of the values ``among`` those at each place; a great number for none."""
    found = np.full(count, np.iinfo(np.intp).max)
    np.minimum.at(found, place[among], values[among])
    return found


def unique_pairs(
    ends: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Each pair of numbers in (p, 2) once, in order, and (p,) the place of each row among them."""
    base = int(ends.max(initial=0)) + 1
    codes, place = np.unique(ends[:, 0] * base + ends[:, 1], return_inverse=True)
    return np.column_stack(np.divmod(codes, base)), np.asarray(place)


def _by_component(graph: LinkGraph) -> Iterator[npt.NDArray[np.intp]]:
    """The pairs within each set of nodes that links lead through: links first, by rank."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(graph.cut)
    linked = graph.ends[graph.linked]
    ones = np.ones(len(linked), np.int8)
    _, component = connected_components(coo_array((ones, linked.T), (n, n)), directed=False)
    inside = component[graph.ends]
    rows = np.flatnonzero(inside[:, 0] == inside[:, 1])
    rows = rows[np.lexsort((graph.rank[rows], ~graph.linked[rows], inside[rows, 0]))]
    starts = np.flatnonzero(np.diff(inside[rows, 0], prepend=-1))
    return (rows[start:end] for start, end in pairwise([*starts.tolist(), len(rows)]))


@dataclass(slots=True)
class _Across:
    """What is counted across two clusters."""

    links: int = 0
    unforeseen: int = 0
    opposed: bool = False
    forbidden: bool = False

    def add(self, other: _Across) -> None:
        self.links += other.links
        self.unforeseen += other.unforeseen
        self.opposed |= other.opposed
        self.forbidden |= other.forbidden


class _Clusters:
    """Clusters as they grow; one is called by one of its nodes."""

    def __init__(self, cut: npt.NDArray[np.bool_]) -> None:
        self._above = list(range(len(cut)))
        self._size = [1] * len(cut)
        self._cut = cut.astype(np.intp).tolist()
        self._across: defaultdict[int, dict[int, _Across]] = defaultdict(dict)

    def learn(self, ends: list[list[int]], known: list[_Across]) -> None:
        """Forget the pairs known so far, and know those of nodes that were in none of them."""
        self._across.clear()
        for (a, b), across in zip(ends, known, strict=True):
            self._across[a][b] = self._across[b][a] = across

    def find(self, node: int) -> int:
        """The cluster of a node."""
        above = self._above
        while above[node] != node:
            above[node] = node = above[above[node]]
        return node

    def consider(self, a: int, b: int, *, forced: bool, enough: Enough) -> None:
        """Join the clusters of two nodes that are linked, where that is allowed."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        across = self._across[a][b]
        if forced:
            allowed = not across.forbidden
        else:
            knowable = self._size[a] * self._size[b] - self._cut[a] * self._cut[b]
            knowable += across.unforeseen
            allowed = not across.opposed and enough(across.links, knowable)
        if allowed:
            self._join(a, b)

    def _join(self, a: int, b: int) -> None:
        if len(self._across[a]) < len(self._across[b]):
            a, b = b, a
        self._above[b] = a
        self._size[a] += self._size[b]
        self._cut[a] += self._cut[b]
        of_a, of_b = self._across[a], self._across.pop(b)
        del of_a[b], of_b[a]
        for other, across in of_b.items():
            of_other = self._across[other]
            del of_other[b]
            if other in of_a:
                of_a[other].add(across)
            else:
                of_a[other] = of_other[a] = across

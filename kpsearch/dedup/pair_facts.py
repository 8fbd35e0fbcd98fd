"""What of judged pairs counts for groups, as arrays, and the graph of links they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.linkage import LinkGraph, least, unique_pairs
from kpsearch.dedup.records import JudgedPair, Relation, Verdict

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.records import Entry

    Mask = npt.NDArray[np.bool_]

_APART = frozenset({Relation.VARIANT, Relation.SHARED_PART})


@dataclass(frozen=True, slots=True, eq=False)
class PairFacts:
    """Of m pairs, the surest first: decided and equal ones, then by log-odds, then by content."""

    row: npt.NDArray[np.intp]
    """(m,) place in the sequence that was given."""
    ends: npt.NDArray[np.intp]
    """(m, 2) numbers of the pictures, the lower first."""
    equal: Mask
    """(m,), as all below: the same bytes."""
    linked: Mask
    """Equal, decided to be the same, or accepted."""
    whole: Mask
    """Neither shows a part of the other only, or so it was decided."""
    container: npt.NDArray[np.intp]
    """Number of the picture that the other is a part of; -1 where none is."""
    same: Mask
    """Decided to be the same."""
    apart: Mask
    """Decided to be something else."""
    opposed: Mask
    """Judged to be something else, and not decided."""
    unsure: Mask
    """Too little to go by, and not decided."""

    @classmethod
    def of(cls, pairs: Sequence[JudgedPair], accepted: Mask, entries: Sequence[Entry]) -> PairFacts:
        """Of pairs in any order; ``accepted`` (m,) belongs to them."""
        ends = np.array([(pair.a, pair.b) for pair in pairs], np.intp).reshape(-1, 2)
        contents = np.sort(_places_of_contents(entries)[ends], axis=1)
        verdicts = [pair.verdict for pair in pairs]
        relations = [pair.relation for pair in pairs]
        same = _mask(verdict is Verdict.SAME for verdict in verdicts)
        open_ = _mask(verdict is None for verdict in verdicts)
        equal = (contents[:, 0] == contents[:, 1]) & (same | open_)
        merges = _mask(relation.merges for relation in relations)
        strength = np.array([pair.log_odds for pair in pairs], np.float64)
        strength[equal | same] = inf
        containers = np.array([-1 if p.container is None else p.container for p in pairs], np.intp)
        order = np.lexsort((*ends.T[::-1], *contents.T[::-1], -strength))
        return cls(
            row=order,
            ends=ends[order],
            equal=equal[order],
            linked=(equal | same | (accepted & merges & open_))[order],
            whole=(same | (containers < 0))[order],
            container=np.where(same, -1, containers)[order],
            same=same[order],
            apart=~(same | open_)[order],
            opposed=(open_ & _mask(relation in _APART for relation in relations))[order],
            unsure=(open_ & _mask(r is Relation.INSUFFICIENT for r in relations))[order],
        )

    def pairs_at(self, rows: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """The numbers of the pictures of some rows, rising."""
        return tuple(sorted(map(tuple, self.ends[rows].tolist())))

    def nodes(self, pictures: int) -> npt.NDArray[np.intp]:
        """(pictures,) number of each picture's node: pictures of equal bytes are one."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends = self.ends[self.equal]
        equal = coo_array((np.ones(len(ends), np.int8), ends.T), (pictures, pictures))
        return np.asarray(connected_components(equal, directed=False)[1]).astype(np.intp)

    def graph(self, nodes: npt.NDArray[np.intp], links: Mask, *, cut: Mask) -> LinkGraph:
        """The nodes two by two, ``links`` (m,) linking them: what holds of one copy holds of all.

        ``cut`` (pictures,) is of the candidates of each picture; copies have one list of them.
        """
        ends = np.sort(nodes[self.ends], axis=1)
        across = np.flatnonzero(ends[:, 0] != ends[:, 1])
        pairs, place = unique_pairs(ends[across])

        def any_of(mask: Mask) -> Mask:
            return np.bincount(place, mask[across], minlength=len(pairs)) > 0

        return LinkGraph(
            cut=np.bincount(nodes, cut) > 0,
            ends=pairs,
            rank=least(place, across, among=links[across], count=len(pairs)),
            linked=any_of(links),
            known=any_of(~self.unsure),
            opposed=any_of(self.opposed | self.apart),
            forced=any_of(self.same),
            forbidden=any_of(self.apart),
        )


def _mask(values: Iterable[bool]) -> Mask:
    return np.fromiter(values, bool)


def _places_of_contents(entries: Sequence[Entry]) -> npt.NDArray[np.intp]:
    """(n,) place of each picture's hash among all: the order of pictures must not decide ties."""
    halves = np.frombuffer(b"".join(entry.content_hash for entry in entries), ">u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    differs = (np.diff(halves[order].astype(np.uint64), axis=0) != 0).any(axis=1)
    places = np.zeros(len(entries), np.intp)
    places[order[1:]] = np.cumsum(differs)
    return places

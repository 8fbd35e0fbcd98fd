"""Retrieval metrics, from the positions at which the relevant items were retrieved.

Positions count from 0 in the ranking as it is scored: where the query's own picture is in the
gallery it has been taken out of the ranking, and out of the relevant items, before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError

Convention = Literal["rectangle", "trapezoid"]
"""How the area under the precision-recall curve is summed; see `average_precision`."""

Positions = Sequence[int] | npt.NDArray[np.integer]
"""Positions in a ranking, from 0, strictly increasing."""


def average_precision(positions: Positions, n_relevant: int, *, convention: Convention) -> float:
    """Average precision of one ranking, in [0, 1].

    ``positions`` are those of the relevant items that were retrieved; the others of the
    ``n_relevant`` count as never found. The precision at each step of recall is, by convention,

    - ``"rectangle"``: that at the relevant item. The mean over the relevant items, as in TREC
      (Buckley & Voorhees 2000) and INRIA Holidays without its interpolation;
    - ``"trapezoid"``: the mean of those at the relevant item and just before it, the latter being
      1 at the top of the ranking. The area Philbin et al. 2007 compute for Oxford Buildings.

    Raises `UsageError` for no relevant item, positions that do not increase, or more of them
    than relevant items.
    """
    ranked = _checked(positions, n_relevant)
    try:
        precision = _PRECISION[convention]
    except KeyError:
        known = ", ".join(_PRECISION)
        raise UsageError(f"unknown AP convention {convention!r}; known: {known}") from None
    return float(precision(ranked).sum() / n_relevant)


def recall_at(positions: Positions, n_relevant: int, *, k: int) -> float:
    """1.0 when a relevant item is among the first ``k``, else 0.0.

    This is recall@k of instance retrieval (success at k, hit rate), not the share of the relevant
    items found: with several relevant items one of them suffices. Raises as `average_precision`.
    """
    if k < 1:
        raise UsageError(f"recall at {k}: k must be at least 1")
    ranked = _checked(positions, n_relevant)
    return float(len(ranked) > 0 and ranked[0] < k)


def ns_score(positions: Positions, *, query_left_out: bool) -> int:
    """Pictures of the query's group of four in the top four (Nistér & Stewénius 2006), up to 4.

    The original protocol queries with a picture of the gallery, which counts like the other three.
    With ``query_left_out`` of the ranking it counts as found at rank one: 1 + the relevant items
    in the top three, so at least 1. Otherwise ``positions`` include the query's own.
    """
    if query_left_out:
        return 1 + int((_checked(positions, 3) < 3).sum())
    return int((_checked(positions, 4) < 4).sum())


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What one query retrieved, as far as the metrics need it."""

    query: str
    source: str
    relevant_positions: tuple[int, ...]
    """Of the relevant items retrieved, increasing, the query itself left out of the ranking."""
    n_relevant: int
    """Relevant items in the catalogue, the query itself left out; 0: the item is not in it."""
    group_of_four: bool
    """The query and its relevant items are four pictures that are their own gallery."""
    answered: bool
    """False when the engine said "no match". What it ranked all the same is scored as given."""


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """The metrics of the queries of one source.

    Means are over the queries that have a relevant item in the catalogue, None without any.
    """

    queries: int
    without_answer: int
    """Queries with no relevant item in the catalogue: in no mean."""
    no_match: int
    """Queries answered "no match", rightly or wrongly, with a relevant item or without."""
    map: float | None
    recall_at_1: float | None
    recall_at_5: float | None
    ns: float | None
    """Mean over the queries from groups of four; None when the source has none."""


def summarise(outcomes: Iterable[QueryOutcome], convention: Convention) -> dict[str, SourceSummary]:
    """A summary for each source, in the order in which the sources first appear."""
    by_source: dict[str, list[QueryOutcome]] = {}
    for outcome in outcomes:
        by_source.setdefault(outcome.source, []).append(outcome)
    return {source: _summary(group, convention) for source, group in by_source.items()}


def _summary(outcomes: Sequence[QueryOutcome], convention: Convention) -> SourceSummary:
    scored = [o for o in outcomes if o.n_relevant]
    ranked = [(o.relevant_positions, o.n_relevant) for o in scored]
    fours = [o.relevant_positions for o in scored if o.group_of_four]
    return SourceSummary(
        queries=len(outcomes),
        without_answer=len(outcomes) - len(scored),
        no_match=sum(not o.answered for o in outcomes),
        map=_mean([average_precision(p, n, convention=convention) for p, n in ranked]),
        recall_at_1=_mean([recall_at(p, n, k=1) for p, n in ranked]),
        recall_at_5=_mean([recall_at(p, n, k=5) for p, n in ranked]),
        ns=_mean([ns_score(p, query_left_out=True) for p in fours]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _checked(positions: Positions, n_relevant: int) -> npt.NDArray[np.int64]:
    ranked = np.asarray(positions, dtype=np.int64)
    if n_relevant < 1:
        raise UsageError("a query without relevant items has no score: leave it out")
    if len(ranked) > n_relevant:
        raise UsageError(f"{len(ranked)} relevant items retrieved, of only {n_relevant}")
    if (np.diff(ranked, prepend=-1) < 1).any():
        raise UsageError("positions must increase strictly and start at 0 or later")
    return ranked


def _precision_at_relevant(ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.arange(1, len(ranked) + 1) / (ranked + 1)


def _precision_around_relevant(ranked: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    before = np.ones(len(ranked))
    np.divide(np.arange(len(ranked)), ranked, out=before, where=ranked > 0)
    return (before + _precision_at_relevant(ranked)) / 2


_PRECISION: dict[Convention, Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]] = {
    "rectangle": _precision_at_relevant,
    "trapezoid": _precision_around_relevant,
}

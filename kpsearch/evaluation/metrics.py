"""Metrics of one ranking, from the positions at which the relevant items were retrieved.

Positions count from 0 in the ranking as it is scored: what is to be overlooked (junk; the query's
own picture, by most protocols) has been taken out of it before, see `relevant_positions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from kpsearch.errors import UsageError

Convention = Literal["rectangle", "trapezoid"]
"""How the area under the precision-recall curve is summed; see `average_precision`."""

Positions = Sequence[int] | npt.NDArray[np.integer]
"""Positions in a ranking, from 0, strictly increasing."""


def relevant_positions(
    ranking: Iterable[str], relevant: Collection[str], *, ignored: Collection[str] = ()
) -> tuple[int, ...]:
    """Where the relevant items are in a ranking, counted from 0 without the ``ignored`` ones.

    Overlooking junk is what Oxford Buildings (Philbin et al. 2007, "junk") and revisitop
    (Radenović et al. 2018) do: a junk image costs nothing and gains nothing, as if it had never
    been in the gallery.
    """
    counted = (item for item in ranking if item not in ignored)
    return tuple(position for position, item in enumerate(counted) if item in relevant)


def average_precision(positions: Positions, n_relevant: int, *, convention: Convention) -> float:
    """Average precision of one ranking, in [0, 1].

    ``positions`` are those of the relevant items that were retrieved; the others of the
    ``n_relevant`` count as never found. The precision at each step of recall is, by convention,

    - ``"rectangle"``: that at the relevant item. The mean over the relevant items, as in TREC
      (Buckley & Voorhees 2000);
    - ``"trapezoid"``: the mean of those at the relevant item and just before it, the latter being
      1 at the top of the ranking. The area that the programs of Oxford Buildings (Philbin et al.
      2007, ``compute_ap.cpp``), INRIA Holidays (Jégou et al. 2008, ``holidays_map.py``) and
      revisitop (Radenović et al. 2018, ``compute_map``) sum.

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
    ranked = _checked(positions, n_relevant, k)
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


def precision_at(positions: Positions, n_relevant: int, *, k: int) -> float:
    """Precision at ``k`` as in revisitop (Radenović et al. 2018), in [0, 1].

    Where the last of the ``n_relevant`` items is ranked above ``k``, precision is taken there and
    not at ``k``: a query with three relevant items, all found at once, has precision 1 at 10. An
    item never retrieved counts as ranked below ``k``. The mean over the queries is mP@k. Raises
    as `average_precision`.
    """
    ranked = _checked(positions, n_relevant, k)
    complete = len(ranked) == n_relevant
    depth = min(k, int(ranked[-1]) + 1) if complete else k
    return float((ranked < depth).sum() / depth)


def average_precision_at(positions: Positions, n_relevant: int, *, k: int) -> float:
    """Average precision by rectangles of the first ``k``, in [0, 1]: its mean is mAP@k.

    The sum is divided by min(``n_relevant``, ``k``), the most that can be found there, as in the
    Google Landmarks v2 retrieval task with k = 100 (Weyand et al. 2020). With ``k``
    the number of relevant items it is the MAP@R of Musgrave et al. 2020. Raises as
    `average_precision`.
    """
    ranked = _checked(positions, n_relevant, k)
    found = ranked[ranked < k]
    return float(_precision_at_relevant(found).sum() / min(n_relevant, k))


def r_precision(positions: Positions, n_relevant: int) -> float:
    """Share of relevant items among the first R, R being the number there are, in [0, 1].

    As in TREC (Buckley & Voorhees 2000) and metric learning (Musgrave et al. 2020). Raises as
    `average_precision`.
    """
    return float((_checked(positions, n_relevant) < n_relevant).sum() / n_relevant)


def _checked(positions: Positions, n_relevant: int, k: int = 1) -> npt.NDArray[np.int64]:
    ranked = np.asarray(positions, dtype=np.int64)
    if k < 1:
        raise UsageError(f"a metric at {k}: k must be at least 1")
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

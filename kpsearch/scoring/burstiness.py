"""How the votes of an image are summed, so that a repeated pattern does not outvote the rest.

A window in a façade matches every other window: one thing seen, many matches. Jégou, Douze &
Schmid, On the burstiness of visual elements, 2009, have three remedies: multiple match removal
(§4.1), a discount for the matches that a query keypoint has within an image (§4.2) and one for
those it has in all images, between them (§4.3). A match of weight w in a group whose weights sum
to t is worth w · √(w / t): g equal matches count as √g.

All sums go in an order that neither the segments nor the order of arrival can change: ranks must
not hang on the last bit of a sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.registry import Registry

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.scoring.scorer import Votes

BURSTINESS = Registry(
    "burstiness",
    {
        "none": "kpsearch.scoring.burstiness:sum_all",
        "removal": "kpsearch.scoring.burstiness:sum_heaviest",
        "within": "kpsearch.scoring.burstiness:sum_within",
        "between": "kpsearch.scoring.burstiness:sum_between",
        "both": "kpsearch.scoring.burstiness:sum_both",
    },
)

Total = Callable[["Votes", int], "npt.NDArray[np.float64]"]
"""(slots,) score of each image, from the votes and the number of slots."""


def sum_all(votes: Votes, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) for each image, all its votes, summed."""
    # One by one in their order, which within an image is that of the query, then of the image.
    total = np.bincount(votes.slot, weights=votes.weight, minlength=slots)
    return total.astype(np.float64)


def sum_heaviest(votes: Votes, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) for each image, the heaviest vote of each query keypoint, summed."""
    if len(votes) == 0:
        return np.zeros(slots)
    key = votes.query.astype(np.int64) * slots + votes.slot
    order = np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    heaviest = np.maximum.reduceat(votes.weight[order], first)
    return np.bincount(key[first] % slots, weights=heaviest, minlength=slots).astype(np.float64)


def sum_within(votes: Votes, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) votes discounted by those of the same query keypoint within the image."""
    return sum_all(_discounted_within(votes, slots), slots)


def sum_between(votes: Votes, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) votes discounted by those of the same query keypoint in all images."""
    return sum_all(_discounted_between(votes), slots)


def sum_both(votes: Votes, slots: int) -> npt.NDArray[np.float64]:
    """(slots,) votes discounted within the image, then between images."""
    return sum_all(_discounted_between(_discounted_within(votes, slots)), slots)


def _discounted_within(votes: Votes, slots: int) -> Votes:
    key = votes.query.astype(np.int64) * slots + votes.slot
    _, group = np.unique(key, return_inverse=True)
    return replace(votes, weight=discounted(votes.weight, group))


def _discounted_between(votes: Votes) -> Votes:
    # Lightest first: the images of a group have no order but that of their arrival.
    order = np.argsort(votes.weight)
    weight = np.empty_like(votes.weight)
    weight[order] = discounted(votes.weight[order], votes.query[order])
    return replace(votes, weight=weight)


def discounted(
    weights: npt.NDArray[np.float64], groups: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """(m,) w · √(w / t), with t the sum of the weights of the group, one after the other."""
    total = np.bincount(groups, weights=weights)[groups] if len(groups) else weights
    share = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return np.asarray(weights * np.sqrt(share))

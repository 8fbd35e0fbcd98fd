"""Early burst detection: which keypoints of a query picture are one thing, repeated.

After Shi, Avrithis & Jégou, Early burst detection for memory-efficient image retrieval, 2015:
bursts are found within a picture, before any matching. Two keypoints are repeats when they have
the same nearest word and signatures nearer than chance explains: among the r keypoints of the
picture in that word, a keypoint has by chance

    E = (r − 1) · P(H ≤ h)

others as near as distance h. Repeats are asked to have E below ε, and a group is a connected
component. In a random graph of mean degree below one components stay small, so that with ε
well below one keypoints that are merely many, in a coarse word, do not run together.

The paper merges the keypoints of an indexed image, by likeness and geometry, and stores fewer.
Here the groups are of the query, and a group votes as one keypoint. The index keeps every keypoint
of an image, as which of ten windows is the one in the query is for geometry to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kpsearch.scoring.kernels import hamming_matches

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Words

CHANCE_REPEATS = 0.1
"""ε: what chance may explain of a keypoint's repeats."""


def group_repeats(words: Words, chance: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """(n,) number of each keypoint's group; groups are numbered by their first keypoint.

    ``chance`` is (65,) P(H ≤ h) of two unrelated descriptors of one word.
    """
    nearest = words.ids[:, 0]
    order = np.argsort(nearest, kind="stable")
    start, stop = np.searchsorted(nearest[order], [nearest[order], nearest[order] + 1])
    signatures = words.signatures[order, 0]
    farthest = int(np.searchsorted(chance, CHANCE_REPEATS, side="right")) - 1
    found = hamming_matches(signatures, start, stop, signatures, farthest)
    others = (stop - start - 1)[found.lists]
    unlikely = np.flatnonzero(others * chance[found.distances] <= CHANCE_REPEATS)
    return _components(order[found.lists[unlikely]], order[found.postings[unlikely]], len(words))


def _components(
    one: npt.NDArray[np.intp], other: npt.NDArray[np.intp], count: int
) -> npt.NDArray[np.intp]:
    """(count,) number of the connected component of each node, by lowest node.

    An edge is given both ways, from ``one`` to ``other``.
    """
    lowest = np.arange(count)
    while True:
        before = lowest.copy()
        np.minimum.at(lowest, one, before[other])
        lowest = lowest[lowest]
        if (lowest == before).all():
            break
    groups: npt.NDArray[np.intp] = np.unique(lowest, return_inverse=True)[1]
    return groups

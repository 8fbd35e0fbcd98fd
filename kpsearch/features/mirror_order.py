"""The order that a mirror puts the numbers of a descriptor of 4 × 4 cells in.

A keypoint keeps its place in what is shown, and its orientation θ becomes π - θ. In the keypoint's
own frame, whose first axis is the orientation, the picture is then turned over across that axis:
rows of cells change places, and what points to one side points to the other. An upright keypoint
keeps angle 0, so its frame is turned over along its first axis instead: columns change places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

CELLS = 4


def cells_mirrored(within: Sequence[int], *, upright: bool) -> npt.NDArray[np.intp]:
    """(16·p,) for cells row by row of p numbers each: number i of the mirror's is this one.

    ``within`` says the same of the numbers of a cell.
    """
    numbers = np.arange(CELLS**2 * len(within)).reshape(CELLS, CELLS, len(within))
    turned = numbers[:, ::-1] if upright else numbers[::-1]
    return turned[:, :, np.asarray(within)].ravel()

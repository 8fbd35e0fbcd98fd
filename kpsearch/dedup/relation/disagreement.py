"""What overlaid pictures disagree about, cell by cell, and what kind of disagreement it is.

A variant *replaces*: text by other text on the same ground, a motif by another, a colour by a
colour with the same drawing on it. What is laid over a picture *covers*: its own ground and its own
colour come along, and what it hides goes on around it. What stands around the thing in a photo is
neither: it lies outside the *core*, the hull of what agrees.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.relation.colour import Colour
    from kpsearch.dedup.relation.structure import Structure

    Mask = npt.NDArray[np.bool_]
    Plane = npt.NDArray[np.float32]

AGREES = 0.6
"""Correlation from which two drawings are one."""
CONTRADICTS = 0.4
"""Correlation below which they are two."""
SHORT = 0.22
"""Correlation below what is usual in a pair, from which a cell is doubtful."""
SHINING = 0.7
"""Share of the fainter drawing that shows in the other, from which a cell is not doubtful."""
DRAWN = 0.5
"""Weight from which a cell has a drawing."""
ONE_SIDED = 4.0
"""Ratio of contrasts from which one picture has nothing where the other has a drawing."""
THROUGH = 0.5
"""Share of the fainter drawing that shows in the other, from which it is only written upon."""
RECOLOURED = 0.16
"""Distance of chromas, in logarithms of ratios of channels."""
LEAST_REGION = 2
"""Cells of a connected disagreement that counts."""
SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Disagreement:
    """Masks over the cells (r, c) of a frame; all within the overlap."""

    drawn: Mask
    """One or both have a drawing."""
    agreeing: Mask
    """The same drawing."""
    core: Mask
    """Within the hull of what agrees."""
    replaced: Mask
    """Both have a drawing, each another one."""
    overwritten: Mask
    """Both have a drawing, one has more on top of it."""
    one_sided: Mask
    """Only one has a drawing."""
    recoloured: Mask
    """Another colour, beyond what light and editors do."""

    def without(self, cells: Mask) -> Disagreement:
        """The same where ``cells`` do not count: neither as agreeing nor as not."""
        masks = {f.name: getattr(self, f.name) & ~cells for f in fields(self)}
        return Disagreement(**(masks | {"core": self.core}))

    @property
    def redrawn(self) -> Mask:
        """Another drawing, on one side or on both."""
        return self.replaced | self.one_sided

    @property
    def any(self) -> Mask:
        """All cells that disagree."""
        return self.redrawn | self.recoloured


def agreeing_cells(structure: Structure) -> Mask:
    """(r, c) where both have the same drawing."""
    return _in_company((structure.weight > DRAWN) & (structure.correlation > AGREES), least=3)


def replaced_cells(structure: Structure) -> Mask:
    """(r, c) where both have a drawing, each another one."""
    contrary = _contrary(structure) & (structure.through <= THROUGH)
    return _in_company(contrary & ~_one_sided(structure), least=LEAST_REGION)


def doubtful_cells(structure: Structure, *, usual: float) -> Mask:
    """(r, c) that correlate worse than is ``usual`` where the two agree, with nothing laid over.

    Other letters of one face and size correlate a little by themselves: in a sharp pair that is
    far too little, in a blurred one it may be all that there can be.
    """
    worse = (structure.weight > DRAWN) & (structure.correlation < max(usual - SHORT, CONTRADICTS))
    return _in_company(worse, least=LEAST_REGION) & (structure.through <= SHINING)


def core_of(structure: Structure, *, of_files: bool) -> Mask:
    """(r, c) the hull of what agrees, without its rim, where what lies outside shines in.

    In files that an editor made of each other, what is drawn on both counts wherever it is: there
    is no thing with a background.
    """
    drawn = agreeing_cells(structure)
    if of_files:
        drawn = drawn | replaced_cells(structure)
    whole = hull(drawn) & structure.valid
    inner = cv2.erode(whole.astype(np.uint8), SQUARE, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(inner > 0)


def disagreement(structure: Structure, colour: Colour, core: Mask) -> Disagreement:
    """From both comparisons, of the same cells."""
    contrary = _contrary(structure)
    through = contrary & (structure.through > THROUGH)
    one_sided = contrary & ~through & _one_sided(structure)
    return Disagreement(
        drawn=structure.weight > DRAWN,
        agreeing=agreeing_cells(structure),
        core=core,
        replaced=replaced_cells(structure),
        overwritten=_in_company(through, least=LEAST_REGION),
        one_sided=_in_company(one_sided, least=LEAST_REGION),
        recoloured=_in_company(structure.valid & (colour.residual > RECOLOURED), least=3),
    )


def _contrary(structure: Structure) -> Mask:
    return np.asarray((structure.weight > DRAWN) & (structure.correlation < CONTRADICTS))


def _one_sided(structure: Structure) -> Mask:
    ratio = (structure.texture_a + 2) / (structure.texture_b + 2)
    return np.asarray(np.maximum(ratio, 1 / ratio) > ONE_SIDED)


def hull(cells: Mask) -> Mask:
    """The convex hull of some cells."""
    filled = np.zeros(cells.shape, np.uint8)
    points = cv2.findNonZero(cells.astype(np.uint8))
    if points is not None:
        cv2.fillConvexPoly(filled, cv2.convexHull(points), 1)
    return np.asarray(filled > 0)


def regions(cells: Mask) -> list[Mask]:
    """Connected parts, corners touching, the largest first (then from the top left)."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        cells.astype(np.uint8), connectivity=8
    )
    order = np.argsort(-stats[1:count, cv2.CC_STAT_AREA], kind="stable") + 1
    return [np.asarray(labels == number) for number in order.tolist()]


def _in_company(cells: Mask, *, least: int) -> Mask:
    """Those with ``least`` of their kind among the nine of which they are the middle."""
    count = cv2.filter2D(cells.astype(np.uint8), cv2.CV_8U, SQUARE, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cells & (count >= least))

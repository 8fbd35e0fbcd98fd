"""The views of a query: its pictures, or a region of one, as they are and mirrored.

Keypoints are matched in the frame of their view. ``Placement.matrix`` leads from a pixel of the
picture as it was given to that frame, so that what geometry finds is told in the picture's terms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import inverse, project
from kpsearch.images import mirror
from kpsearch.search.region import Region, crop
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Features, Image


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """How a view's frame lies in the picture it is of."""

    picture: int
    """Its number among the query's pictures."""
    size: ImageSize
    """Of the picture."""
    region: Region
    """Of the picture that is asked about."""
    mirrored: bool = False

    @property
    def matrix(self) -> npt.NDArray[np.float64]:
        """(3, 3) from pixels of the picture to the view's frame; a mirror is its own inverse."""
        if not self.mirrored:
            return np.eye(3)
        return np.array([[-1.0, 0.0, self.size.width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    @property
    def framed(self) -> Region:
        """The region, in the view's frame."""
        if not self.mirrored:
            return self.region
        left = self.size.width - self.region.x - self.region.width
        return self.region._replace(x=left)

    def in_picture(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(n, 2) points of the view, in pixels of the picture."""
        return project(inverse(self.matrix), points)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The keypoints of a view, in its frame."""

    features: Features
    placement: Placement

    @classmethod
    def whole(cls, features: Features) -> View:
        """The keypoints of a query of one picture, as it is."""
        size = features.image_size
        return cls(features, Placement(0, size, Region(0, 0, *size)))


def seen(picture: Image, region: Region, *, mirrored: bool) -> Image:
    """What is asked about, cut out of a picture, and turned over if ``mirrored``."""
    whole = region == Region(0, 0, *picture.size)
    part = picture if whole else crop(picture, region)
    return mirror(part) if mirrored else part


def placed(features: Features, placement: Placement) -> View:
    """Keypoints of what `seen` gives, moved to the frame of their view."""
    offset = np.array([placement.framed.x, placement.framed.y], np.float32)
    moved = replace(features, xy=features.xy + offset, image_size=placement.size)
    return View(moved, placement)

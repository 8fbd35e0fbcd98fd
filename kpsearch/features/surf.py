"""SURF: fast-Hessian blobs, described by sums of Haar wavelet responses.

Bay, Ess, Tuytelaars & Van Gool, "Speeded-Up Robust Features (SURF)", CVIU 110 (2008). The method
was patented (US 8,165,401 and US 8,670,619, filed 2007) and the patents may still be in force
where you are: SURF is never the default, and whether you may use it is yours to find out.

Departures from the paper, each measured (docs/benchmarks.md):

- A Haar wavelet is taken as a difference of means, placed in the keypoint's own frame and
  interpolated between pixels, instead of in the picture's frame at whole pixels and turned
  afterwards. The means are over upright boxes, of a pyramid's level on which they are 1 to 4 px.
- Thumbnails are doubled first.
- A sample counts for the nearest cells by bilinear weights, as in SIFT, instead of for one.
- Sums of positive and of negative responses are kept instead of Σd and Σ|d|: a rotation of the
  same numbers, so distances are the same, but none is negative. Then, as in RootSIFT, the
  square root of each one's share is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.features.box_means import BoxMeans, Frames, square_grid
from kpsearch.features.encoding import root_shares
from kpsearch.features.extractor import to_original_pixels
from kpsearch.features.fast_hessian import fast_hessian
from kpsearch.features.mirror_order import cells_mirrored
from kpsearch.features.select import candidates_for
from kpsearch.types import Features, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions

THUMBNAIL_PX = 256
"""Pictures of at most this longest side are doubled, as SIFT doubles every picture: much of what
they show is smaller than the smallest filter."""

SCALE_A_SIZE = 1.2 / 9
"""s: the 9 × 9 filter approximates Gaussian derivatives of 1.2 px, larger ones in proportion."""

ORIENTATION_RADIUS = 6
"""Wavelets of 4 s within 6 s of the keypoint vote for its orientation (§4.1)."""
ORIENTATION_SIGMA = 2.0
"""In units of s."""
ORIENTATION_BINS = 72
WINDOW_BINS = ORIENTATION_BINS // 6
"""The sliding window: a sixth of the circle."""

TURN = np.nextafter(np.float32(2 * np.pi), np.float32(0))
"""The last float below 2π, which angles wrap at."""

SAMPLES = 20
CELLS = 4
"""The descriptor's window: 20 × 20 wavelets of 2 s, pooled in 4 × 4 cells (§4.2)."""
DESCRIPTOR_SIGMA = 3.3
"""In units of s."""
SIGN_BYTE = 255
LEAST_DETERMINANT = 5.0
"""Of a blob's Hessian, in grey levels squared."""


class Surf:
    """SURF (Bay, Ess, Tuytelaars & Van Gool 2008); may be patented where you are.

    64 numbers and a byte for the sign of the Laplacian.
    """

    binary = False
    descriptor_size = 65
    default_threshold = LEAST_DETERMINANT
    mirrored_sums: tuple[Sequence[int], Sequence[int]] = ((0, 1, 3, 2), (1, 0, 2, 3))
    """Which sum of a cell is each of those in the mirror: of turned keypoints, of upright ones."""

    def extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        """Strongest blobs of a grey (h, w) picture, in its own pixels."""
        height, width = pixels.shape
        if max(height, width) > THUMBNAIL_PX:
            return self._extract(pixels, options)
        doubled = cv2.resize(pixels, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
        features = self._extract(np.asarray(doubled, np.uint8), options)
        return to_original_pixels(features, ImageSize(width, height))

    def mirror_order(self, *, upright: bool) -> npt.NDArray[np.intp]:
        """(d,) which byte of a descriptor is each byte of the one that a mirror shows.

        What points across changes its sign, of upright keypoints what points along; the last byte
        stays.
        """
        order = cells_mirrored(self.mirrored_sums[upright], upright=upright)
        return np.append(order, len(order))

    def _extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        wanted = candidates_for(options.max_keypoints)
        integral = np.asarray(cv2.integral(pixels), np.int32)
        blobs = fast_hessian(integral, options.threshold or 0.0, wanted)
        boxes = BoxMeans(pixels)
        unit = blobs.size * np.float32(SCALE_A_SIZE)
        frames = Frames(blobs.xy, unit, np.zeros_like(unit))
        if not options.upright:
            frames = frames._replace(angle_rad=orientations(boxes, frames))
        sums = self.pool(*wavelets(boxes, frames))
        return Features(
            xy=blobs.xy,
            scale=blobs.size,
            angle_rad=frames.angle_rad,
            response=blobs.response,
            descriptors=np.hstack([root_shares(sums), sign_bytes(blobs.bright)]),
            image_size=ImageSize(pixels.shape[1], pixels.shape[0]),
        )

    def pool(
        self, dx: npt.NDArray[np.float32], dy: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """(n, 400) responses along and across -> (n, 64): sums over the cells, by sign."""
        zero = np.float32(0)
        parts = [np.maximum(d, zero) @ POOLING for d in (dx, -dx, dy, -dy)]
        return np.stack(parts, axis=2).reshape(len(dx), CELLS**2 * len(parts))


class Surf128(Surf):
    """SURF with 128 numbers, each sum split by the sign of the other response; patented as surf."""

    descriptor_size = 129
    mirrored_sums = ((2, 3, 0, 1, 5, 4, 7, 6), (1, 0, 3, 2, 6, 7, 4, 5))

    def pool(
        self, dx: npt.NDArray[np.float32], dy: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """(n, 400) responses along and across -> (n, 128)."""
        parts = []
        for one, other in ((dx, dy), (dy, dx)):
            for side in (other >= 0, other < 0):
                parts += [(np.maximum(d, 0) * side) @ POOLING for d in (one, -one)]
        return np.stack(parts, axis=2).reshape(len(dx), CELLS**2 * len(parts))


def sign_bytes(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """(n, 1) the last byte of each descriptor, by the sign of the Laplacian.

    It puts bright and dark blobs farther apart than any two alike (§4.3): as far as there is more
    than a handful of words, they share none.
    """
    return np.where(bright, SIGN_BYTE, 0).astype(np.uint8)[:, None]


def _pooling() -> npt.NDArray[np.float32]:
    """(400, 16): what each sample counts for in each cell, under the Gaussian."""
    at = (np.arange(SAMPLES) + 0.5) / SAMPLES * CELLS - 0.5
    share = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(CELLS)))
    fall = np.exp(-(square_grid(SAMPLES) ** 2).sum(axis=1) / (2 * DESCRIPTOR_SIGMA**2))
    cells = np.einsum("ya,xb->yxab", share, share).reshape(SAMPLES**2, CELLS**2)
    return np.asarray(cells * fall[:, None], np.float32)


POOLING = _pooling()


def wavelets(
    boxes: BoxMeans, frames: Frames
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Haar responses along and across each frame at its 20 × 20 points: (n, 400) each.

    A wavelet 2 s wide is the difference of neighbouring box means of side s.
    """
    side = SAMPLES + 1
    means = boxes.sample(frames, square_grid(side), 1.0).reshape(-1, side, side)
    return _differences(means, apart=1)


def _differences(
    means: npt.NDArray[np.float32], *, apart: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Right less left and lower less upper of each square of four means, a row a frame."""
    falling = means[:, apart:, apart:] - means[:, :-apart, :-apart]
    rising = means[:, :-apart, apart:] - means[:, apart:, :-apart]
    shape = (len(means), falling.shape[1] * falling.shape[2])
    return (falling + rising).reshape(shape), (falling - rising).reshape(shape)


def orientations(boxes: BoxMeans, frames: Frames) -> npt.NDArray[np.float32]:
    """(n,) the direction in which the responses within a sixth of a turn sum to most (§4.1)."""
    side = 2 * ORIENTATION_RADIUS + 3
    means = boxes.sample(frames, square_grid(side), 2.0).reshape(-1, side, side)
    distance = (square_grid(side - 2) ** 2).sum(axis=1)
    near = distance < ORIENTATION_RADIUS**2
    fall = np.exp(-distance[near] / (2 * ORIENTATION_SIGMA**2)).astype(np.float32)
    dx, dy = (d[:, near] * fall for d in _differences(means, apart=2))
    turn = np.arctan2(dy, dx) * np.float32(ORIENTATION_BINS / (2 * np.pi))
    fan = np.floor(turn).astype(np.int64) % ORIENTATION_BINS
    x, y = (_sliding_sums(d, fan) for d in (dx, dy))
    strongest = (x * x + y * y).argmax(axis=1)[:, None]
    x, y = (np.take_along_axis(d, strongest, axis=1)[:, 0] for d in (x, y))
    angle_rad = np.arctan2(y, x).astype(np.float32)
    return np.asarray(np.where(angle_rad < 0, angle_rad + 2 * np.pi, angle_rad) % TURN, np.float32)


def _sliding_sums(
    values: npt.NDArray[np.float32], fan: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """(n, 72): sums of the values that lie in the window from each bin of the circle on."""
    n = len(values)
    bins = (fan + np.arange(n)[:, None] * ORIENTATION_BINS).ravel()
    sums = np.bincount(bins, values.ravel(), n * ORIENTATION_BINS).reshape(n, ORIENTATION_BINS)
    round_again = np.concatenate([np.zeros((n, 1)), sums, sums[:, : WINDOW_BINS - 1]], axis=1)
    running = round_again.cumsum(axis=1)
    return np.asarray(running[:, WINDOW_BINS:] - running[:, :-WINDOW_BINS])

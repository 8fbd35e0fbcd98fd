"""A homography between two images by RANSAC, and what makes one believable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

MIN_PAIRS = 4
MAX_AREA_RATIO = 400.0
"""Between a picture and its projection: a zoom of 20."""
MAX_ANISOTROPY = 8.0
"""Ratio of the longest to the shortest stretch at the centre: a view at 83 degrees."""
MAX_FORESHORTENING = 10.0
"""Ratio of the projective scale between the nearest and the farthest corner."""


def find_homography(
    query_xy: npt.NDArray[np.float32], hit_xy: npt.NDArray[np.float32], tolerance_px: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]] | None:
    """A homography query -> hit and its (m,) inliers, by OpenCV's MAGSAC++; None without one.

    ``tolerance_px`` is the reprojection error in the hit at which a pair stops counting. The
    result is deterministic: USAC draws from its own generator with a fixed state.
    """
    if len(query_xy) < MIN_PAIRS:
        return None
    params = cv2.UsacParams()
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.sampler = cv2.SAMPLING_UNIFORM
    params.loMethod = cv2.LOCAL_OPTIM_SIGMA
    params.threshold = tolerance_px
    params.maxIterations = 1000
    params.confidence = 0.99
    params.randomGeneratorState = 0
    try:
        matrix, mask = cv2.findHomography(query_xy, hit_xy, params)
    except cv2.error:
        return None
    if matrix is None or mask is None or not np.isfinite(matrix).all():
        return None
    return matrix.astype(np.float64), mask.ravel().astype(np.bool_)


def is_plausible(matrix: npt.NDArray[np.float64], points: npt.NDArray[np.float32]) -> bool:
    """Whether a camera could have done this to the query's (m, 2) matched ``points``.

    Refused: mirrored or folded pictures (a Jacobian or depth that changes sign), a change of
    area beyond ``MAX_AREA_RATIO``, a stretch beyond ``MAX_ANISOTROPY``, a horizon too near.
    """
    depth = points @ matrix[2, :2] + matrix[2, 2]
    if depth.min() * depth.max() <= 0:
        return False
    if np.abs(depth).max() > MAX_FORESHORTENING * np.abs(depth).min():
        return False
    stretch = np.linalg.svd(jacobian(matrix, points.mean(axis=0)), compute_uv=False)
    if stretch[1] <= 0 or stretch[0] > MAX_ANISOTROPY * stretch[1]:
        return False
    area = float(stretch.prod())
    if not 1 / MAX_AREA_RATIO <= area <= MAX_AREA_RATIO:
        return False
    return float(np.linalg.det(matrix)) / float(depth.mean()) ** 3 > 0


def jacobian(
    matrix: npt.NDArray[np.float64], point: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(2, 2) derivative of the projection at a point."""
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    projected = np.array([[x / w], [y / w]])
    return np.asarray((matrix[:2, :2] - projected @ matrix[2:, :2]) / w)


def inverse(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The homography the other way."""
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def project(
    matrix: npt.NDArray[np.float64], points: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(n, 2) points through a (3, 3) homography."""
    homogeneous = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])

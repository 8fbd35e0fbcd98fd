"""The answers the report tests show: a seeded picture, its warp, and the hit that joins them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.types import Answer, Hit, ImageSize, Stage

SIZE = ImageSize(320, 240)
HOMOGRAPHY = np.array([[0.55, -0.12, 90.0], [0.1, 0.6, 40.0], [0.0001, 0.0, 1.0]])
"""From pixels of the item to pixels of the photo, where the item lies wholly inside."""


def item_pixels(seed: int = 0) -> npt.NDArray[np.uint8]:
    """(240, 320, 3) BGR blobs of colour."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def photo_pixels(seed: int = 0) -> npt.NDArray[np.uint8]:
    """The item, warped onto grey."""
    warped = cv2.warpPerspective(item_pixels(seed), HOMOGRAPHY, SIZE, borderValue=(90, 90, 90))
    return np.asarray(warped, np.uint8)


def project(xy: npt.NDArray[np.float32], transform: npt.NDArray[np.float64]):
    return cv2.perspectiveTransform(xy[None], transform)[0].astype(np.float32)


def planted_hit(path: str, *, rank: int = 1, inliers: int = 150, verified: bool = True) -> Hit:
    """The hit a perfect search would return for the photo."""
    if not verified:
        return Hit(rank, rank, path, "", 0.25, -4.0, False, inliers, None, None, None)
    points = np.random.default_rng(rank).uniform(5, 230, (inliers, 2)).astype(np.float32)
    frame = np.array([[0, 0], [319, 0], [319, 239], [0, 239]], np.float32)
    inverse = np.linalg.inv(HOMOGRAPHY)
    matches = np.hstack([project(points, HOMOGRAPHY), points])
    regions = project(frame, inverse), project(frame, HOMOGRAPHY)
    return Hit(rank, rank, path, "toys", 42.5, 6.0, True, inliers, inverse, *regions, matches)


def answer_of(query: str, *hits: Hit, milliseconds: float = 10.0) -> Answer:
    stages = (
        Stage("features", milliseconds, "900 keypoints"),
        Stage("geometry", 2 * milliseconds, "20 checked"),
    )
    verified = sum(hit.verified for hit in hits)
    return Answer(query, (query,), SIZE, 900, hits, stages, verified_images=verified)


def test_the_matches_of_a_planted_hit_agree_with_its_transform():
    hit = planted_hit("item.jpg")
    np.testing.assert_allclose(
        project(hit.matches[:, :2], hit.transform), hit.matches[:, 2:], atol=1e-2
    )


def test_the_item_lies_wholly_inside_the_photo():
    region = planted_hit("item.jpg").query_region
    assert (region >= 0).all()
    assert (region <= np.array(SIZE) - 1).all()

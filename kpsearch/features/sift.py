"""SIFT keypoints with RootSIFT descriptors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from kpsearch.types import Features, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions

CANDIDATES_A_KEYPOINT = 1.15
"""Keypoints described for each one kept: what the choice by spatial spread draws on."""

QUANTISATION = 512.0
"""RootSIFT components lie in [0, 1] and seldom above ½: 512 steps to the unit fill a byte."""


class Sift:
    """SIFT (Lowe 2004) as RootSIFT (Arandjelović & Zisserman 2012), quantised to bytes."""

    descriptor_size = 128

    def extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        """Strongest keypoints of a grey (h, w) picture, in its own pixels."""
        sift = cv2.SIFT_create(  # type: ignore[attr-defined]  # 5.x stubs leave it out
            nfeatures=int(options.max_keypoints * CANDIDATES_A_KEYPOINT),
            contrastThreshold=options.contrast_threshold,
            enable_precise_upscale=True,
        )
        keypoints, descriptors = sift.detectAndCompute(pixels, None)
        size = ImageSize(pixels.shape[1], pixels.shape[0])
        return features_from_keypoints(keypoints, root_sift(descriptors), size)


def root_sift(descriptors: npt.NDArray[np.float32] | None) -> npt.NDArray[np.uint8]:
    """SIFT histograms (n, 128) as RootSIFT: √(d / ‖d‖₁), ×512, in a byte each.

    Euclidean distance between the results is the Hellinger kernel of the histograms.
    """
    if descriptors is None or len(descriptors) == 0:
        return np.empty((0, Sift.descriptor_size), np.uint8)
    mass = descriptors.sum(axis=1, keepdims=True)
    root = np.sqrt(descriptors / np.maximum(mass, np.finfo(np.float32).tiny))
    return np.asarray(np.minimum(np.rint(root * QUANTISATION), 255), dtype=np.uint8)


def features_from_keypoints(
    keypoints: tuple[cv2.KeyPoint, ...] | list[cv2.KeyPoint],
    descriptors: npt.NDArray[np.uint8],
    size: ImageSize,
) -> Features:
    """OpenCV's keypoints, strongest first, as arrays. OpenCV's degrees become radians."""
    table = np.array(
        [(*point.pt, point.size, point.angle, point.response) for point in keypoints],
        dtype=np.float32,
    ).reshape(-1, 5)
    # Equal responses are ordered by position, so that the order never depends on OpenCV's sort.
    order = np.lexsort((table[:, 3], table[:, 1], table[:, 0], -table[:, 4]))
    table = table[order]
    return Features(
        xy=table[:, :2].copy(),
        scale=table[:, 2].copy(),
        angle_rad=np.deg2rad(table[:, 3] % 360),
        response=table[:, 4].copy(),
        descriptors=descriptors[order],
        image_size=size,
    )

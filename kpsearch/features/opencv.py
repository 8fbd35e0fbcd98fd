"""OpenCV's detectors and descriptors as extractors.

Names are looked up in ``cv2``, then in ``cv2.xfeatures2d``, where OpenCV 5 moved most of them, then
in ``cv2.img_hash``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from kpsearch.errors import NotInstalled
from kpsearch.features.select import candidates_for
from kpsearch.types import Features, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions

Detector = Callable[["FeatureOptions"], Any]
"""Makes OpenCV's Feature2D for some options."""


def factory(name: str, how_to_get_it: str = "install opencv-contrib-python-headless") -> Any:
    """A function or constant of OpenCV; raises `NotInstalled` with what to do about it."""
    for module in (cv2, *(getattr(cv2, part, None) for part in ("xfeatures2d", "img_hash"))):
        if hasattr(module, name):
            return getattr(module, name)
    raise NotInstalled(f"OpenCV {cv2.__version__} as installed has no {name}: {how_to_get_it}")


def grey_levels(threshold: float | None) -> int:
    """A threshold of FAST or AGAST, 1 to 255: OpenCV takes it modulo 256."""
    return min(max(round(threshold or 0), 1), 255)


LEAST_SIDE_PX = 8
"""Narrower pictures have no keypoints: OpenCV's pyramids fail on sides of a few pixels."""


@dataclass(frozen=True, slots=True)
class OpenCvExtractor:
    """A detector of OpenCV, and the descriptor it comes with or another one."""

    descriptor_size: int
    binary: bool
    default_threshold: float
    detector: Detector
    describer: Callable[[], Any] | None = None
    """None where the detector describes too."""
    encode: Callable[[Any, npt.NDArray[Any]], npt.NDArray[np.uint8]] = lambda _, bits: bits
    """OpenCV's keypoints and their descriptors to descriptors in bytes."""
    multiple_px: int = 1
    """Sides are padded to multiples of it: OpenCV's pyramids take sides to divide by their steps,
    and have keypoints up to 2 px beside where they do not."""
    place: Callable[[Any, ImageSize], Any] = lambda keypoints, _: keypoints
    """Moves OpenCV's keypoints to where they are in a picture of that size."""
    mirror: Callable[[bool], npt.NDArray[np.intp]] | None = None
    """`Extractor.mirror_order`, given whether keypoints are upright; None where there is none."""

    def extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        """Strongest keypoints of a grey (h, w) picture, in its own pixels."""
        size = ImageSize(pixels.shape[1], pixels.shape[0])
        if min(size) < LEAST_SIDE_PX:
            return _no_features(self.descriptor_size, size)
        keypoints, descriptors = self._described(self._padded(pixels), options)
        if descriptors is None:
            return _no_features(self.descriptor_size, size)
        features = features_from_keypoints(keypoints, self.encode(keypoints, descriptors), size)
        if options.upright:
            features = replace(features, angle_rad=np.zeros_like(features.angle_rad))
        inside = (features.xy <= np.array(size, np.float32) - 0.5).all(axis=1)
        return features.take(np.flatnonzero(inside)[: candidates_for(options.max_keypoints)])

    def mirror_order(self, *, upright: bool) -> npt.NDArray[np.intp] | None:
        """(d,) which byte of a descriptor is each byte of the one that a mirror shows."""
        return None if self.mirror is None else self.mirror(upright)

    def _padded(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """With the border repeated to the right and below; contiguous, as BRISK believes it is."""
        below, right = (-side % self.multiple_px for side in pixels.shape)
        padded = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
        return np.ascontiguousarray(padded, np.uint8)

    def _described(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> tuple[Any, Any]:
        """OpenCV's keypoints and descriptors, both or neither."""
        detector, size = self.detector(options), ImageSize(pixels.shape[1], pixels.shape[0])
        if self.describer is None and not options.upright:
            keypoints, descriptors = detector.detectAndCompute(pixels, None)
            return self.place(keypoints, size), descriptors
        keypoints = detector.detect(pixels, None)
        if options.upright:
            keypoints = _upright(keypoints)
        if self.describer is not None:
            return self.describer().compute(pixels, self.place(keypoints, size))  # type: ignore[no-any-return]
        keypoints, descriptors = detector.compute(pixels, keypoints)
        return self.place(keypoints, size), descriptors


def _upright(keypoints: Any) -> list[Any]:
    """Keypoints at angle 0, one where SIFT has one for each of several orientations."""
    once = {(keypoint.pt, keypoint.size): keypoint for keypoint in keypoints}
    for keypoint in once.values():
        keypoint.angle = 0.0
    return list(once.values())


def _no_features(descriptor_size: int, size: ImageSize) -> Features:
    nothing = np.empty(0, np.float32)
    return Features(
        xy=np.empty((0, 2), np.float32),
        scale=nothing,
        angle_rad=nothing,
        response=nothing,
        descriptors=np.empty((0, descriptor_size), np.uint8),
        image_size=size,
    )


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

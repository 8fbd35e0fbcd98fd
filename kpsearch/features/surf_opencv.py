"""OpenCV's SURF, for builds of OpenCV that have it; `kpsearch.features.surf` needs none.

The patents that `kpsearch.features.surf` names hold for it just as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from kpsearch.errors import NotInstalled
from kpsearch.features.encoding import surf_cells
from kpsearch.features.opencv import OpenCvExtractor, factory
from kpsearch.features.surf import sign_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_DETERMINANT = 100.0
"""OpenCV's own default. Its determinants are about 25 times those of `kpsearch.features.surf`."""
REMEDY = (
    "build OpenCV with OPENCV_ENABLE_NONFREE and opencv_contrib, or use the extractor surf, "
    "which needs no such build"
)


def surf_opencv() -> OpenCvExtractor:
    """OpenCV's own SURF, 64 numbers and the sign of the Laplacian; in no wheel.

    Raises `NotInstalled` where OpenCV was built without it, as all its wheels are.
    """
    create = factory("SURF_create", REMEDY)
    try:
        create()
    except cv2.error as error:
        raise NotInstalled(f"OpenCV {cv2.__version__} was built without SURF: {REMEDY}") from error
    return OpenCvExtractor(
        descriptor_size=65,
        binary=False,
        default_threshold=LEAST_DETERMINANT,
        detector=lambda options: create(options.threshold, upright=options.upright),
        encode=_encode,
    )


def _encode(keypoints: Any, descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The roots of shares, and a byte for the sign of the Laplacian."""
    # OpenCV keeps the sign of the Laplacian itself, which is negative on bright blobs.
    bright = np.array([keypoint.class_id < 0 for keypoint in keypoints])
    return np.hstack([surf_cells(descriptors), sign_bytes(bright)])

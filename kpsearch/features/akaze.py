"""AKAZE and KAZE: blobs in a non-linear scale space, which blurs noise and keeps edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpsearch.features.encoding import by_sign, root_shares
from kpsearch.features.opencv import OpenCvExtractor, factory

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HESSIAN_THRESHOLD = 0.0003
"""Of the determinant of the Hessian, of a picture from 0 to 1. OpenCV's own default is 0.001."""


def akaze() -> OpenCvExtractor:
    """AKAZE (Alcantarilla, Nuevo & Bartoli 2013), with its 486-bit M-LDB descriptor."""
    create = factory("AKAZE_create")
    turned, upright = (factory(f"AKAZE_DESCRIPTOR_MLDB{suffix}") for suffix in ("", "_UPRIGHT"))
    return OpenCvExtractor(
        descriptor_size=61,
        binary=True,
        default_threshold=HESSIAN_THRESHOLD,
        detector=lambda options: create(
            descriptor_type=upright if options.upright else turned, threshold=options.threshold
        ),
    )


def kaze() -> OpenCvExtractor:
    """KAZE (Alcantarilla, Bartoli & Davison 2012), with its M-SURF descriptor of 64 numbers."""
    create = factory("KAZE_create")
    return OpenCvExtractor(
        descriptor_size=64,
        binary=False,
        default_threshold=HESSIAN_THRESHOLD,
        detector=lambda options: create(upright=options.upright, threshold=options.threshold),
        encode=lambda _, sums: _encode_m_surf(sums),
    )


def _encode_m_surf(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Each cell's Σdx, Σdy, Σ|dx|, Σ|dy| as root shares of the sums by sign."""
    cells = descriptors.reshape(-1, 16, 2, 2)
    sums, magnitudes = cells[:, :, 0].reshape(-1, 32), cells[:, :, 1].reshape(-1, 32)
    return root_shares(by_sign(sums, magnitudes))

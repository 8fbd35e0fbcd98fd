"""AKAZE and KAZE: blobs in a non-linear scale space, which blurs noise and keeps edges."""

from kpsearch.features.encoding import surf_cells
from kpsearch.features.opencv import OpenCvExtractor, factory

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
        multiple_px=8,
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
        encode=lambda _, sums: surf_cells(sums),
    )

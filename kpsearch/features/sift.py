"""SIFT keypoints with RootSIFT descriptors."""

from kpsearch.features.encoding import root_shares
from kpsearch.features.opencv import OpenCvExtractor, factory
from kpsearch.features.select import candidates_for


def sift() -> OpenCvExtractor:
    """SIFT (Lowe 2004) as RootSIFT, quantised to bytes.

    The threshold is that of contrast (Lowe's §4). OpenCV's own default is 0.04.
    """
    create = factory("SIFT_create")
    return OpenCvExtractor(
        descriptor_size=128,
        binary=False,
        default_threshold=0.025,
        detector=lambda options: create(
            nfeatures=candidates_for(options.max_keypoints),
            contrastThreshold=options.threshold,
            enable_precise_upscale=True,
        ),
        encode=lambda _, histograms: root_shares(histograms),
    )

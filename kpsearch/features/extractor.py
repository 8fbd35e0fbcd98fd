"""What an extractor is, and the road from a decoded picture to its features."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from kpsearch.errors import NotInstalled, UsageError
from kpsearch.features.select import candidates_for, spread_keypoints
from kpsearch.registry import Registry
from kpsearch.types import Features, ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.options import FeatureOptions
    from kpsearch.types import Image

EXTRACTORS = Registry(
    "extractor",
    {
        "akaze": "kpsearch.features.akaze:akaze",
        "brisk": "kpsearch.features.brisk:brisk",
        "kaze": "kpsearch.features.akaze:kaze",
        "orb": "kpsearch.features.orb:orb",
        "orb-teblid": "kpsearch.features.orb:orb_teblid",
        "sift": "kpsearch.features.sift:sift",
        "surf": "kpsearch.features.surf:Surf",
        "surf-128": "kpsearch.features.surf:Surf128",
        "surf-opencv": "kpsearch.features.surf_opencv:surf_opencv",
    },
)


BLANK = np.zeros((32, 32), np.uint8)


class Extractor(Protocol):
    """Finds and describes keypoints. Instances hold no state that a call changes."""

    @property
    def descriptor_size(self) -> int:
        """Bytes in a descriptor."""
        ...

    @property
    def binary(self) -> bool:
        """Whether a descriptor is a string of bits, compared by Hamming distance."""
        ...

    @property
    def default_threshold(self) -> float:
        """Of the detector, where `FeatureOptions.threshold` is None."""
        ...

    def extract(self, pixels: npt.NDArray[np.uint8], options: FeatureOptions) -> Features:
        """Keypoints of a grey (h, w) picture, in its own pixel coordinates.

        About ``options.max_keypoints`` or somewhat more, so that a choice is left; none for a flat
        picture.
        """
        ...

    def mirror_order(self, *, upright: bool) -> npt.NDArray[np.intp] | None:
        """(d,) which byte of a descriptor is each byte of the one that a mirror shows.

        None where it is not a matter of order.
        """
        ...


def make_extractor(name: str) -> Extractor:
    """The extractor registered under ``name``."""
    extractor: Extractor = EXTRACTORS.resolve(name)()
    return extractor


def installed_extractors() -> list[str]:
    """Names of the registered extractors that this OpenCV has all parts of."""
    return [name for name in EXTRACTORS.names() if _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        make_extractor(name)
    except NotInstalled:
        return False
    return True


def settled(options: FeatureOptions) -> FeatureOptions:
    """The options with the extractor's own threshold where none is given.

    Raises `UnknownName`, or `NotInstalled` for an extractor that this OpenCV does not have.
    """
    extractor = make_extractor(options.extractor)
    if options.threshold is not None:
        return options
    return replace(options, threshold=extractor.default_threshold)


def require_extractable(options: FeatureOptions) -> None:
    """Raise what extraction with these options would, such as `UsageError` for no upright mode."""
    make_extractor(options.extractor).extract(BLANK, settled(options))


def extract_features(
    image: Image, options: FeatureOptions, *, mask: npt.NDArray[np.bool_] | None = None
) -> Features:
    """At most ``options.max_keypoints`` keypoints of a grey picture, in original pixels.

    The picture is shrunk to ``options.max_side_px`` first, never enlarged. Where there is a
    ``mask``, of the shape of ``image.pixels``, keypoints lie where it is True; what surrounds
    them is seen all the same. Raises `UsageError` for a mask of another shape.
    """
    if mask is not None and mask.shape != image.pixels.shape:
        raise UsageError(f"{image.path}: a mask of {mask.shape}, not of {image.pixels.shape}")
    options = settled(options)
    extractor = make_extractor(options.extractor)
    pixels = shrink(image.pixels, options.max_side_px)
    if mask is None or mask.all():
        found = extractor.extract(pixels, options)
    else:
        found = _extract_within(extractor, pixels, options, shrink_mask(mask, pixels.shape))
    chosen = spread_keypoints(found.xy, found.response, found.image_size, options.max_keypoints)
    return to_original_pixels(found.take(chosen), image.size)


def _extract_within(
    extractor: Extractor,
    pixels: npt.NDArray[np.uint8],
    options: FeatureOptions,
    mask: npt.NDArray[np.bool_],
) -> Features:
    """The strongest keypoints within a mask of the picture's shape.

    The detector is asked for all it finds: the strongest may all lie outside.
    """
    found = extractor.extract(pixels, replace(options, max_keypoints=pixels.size))
    column, row = np.rint(found.xy).astype(np.intp).T
    inside = mask[row.clip(0, mask.shape[0] - 1), column.clip(0, mask.shape[1] - 1)]
    return found.take(np.flatnonzero(inside)[: candidates_for(options.max_keypoints)])


def shrink(pixels: npt.NDArray[np.uint8], max_side_px: int) -> npt.NDArray[np.uint8]:
    """The picture with its longest side at most ``max_side_px``, averaged over areas."""
    height, width = pixels.shape[:2]
    factor = max_side_px / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shrink_mask(mask: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The mask at another size: True where most of a pixel was."""
    if mask.shape == shape:
        return mask
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share > 0.5)


def to_original_pixels(features: Features, size: ImageSize) -> Features:
    """The features of a resized picture, moved to the coordinates of its original.

    Pixel centres are whole numbers, so (x + ½) is what scales.
    """
    worked = features.image_size
    factors = np.array([size.width / worked.width, size.height / worked.height], np.float32)
    return Features(
        xy=(features.xy + 0.5) * factors - 0.5,
        scale=features.scale * np.sqrt(factors.prod()),
        angle_rad=features.angle_rad,
        response=features.response,
        descriptors=features.descriptors,
        image_size=size,
    )

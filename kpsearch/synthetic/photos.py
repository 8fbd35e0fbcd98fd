"""A photograph of a pack: aim, scene, pack, occluder, light, lens, sensor, JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.camera import Aim, CameraOptions, Homography, aim
from kpsearch.synthetic.design import pack_size
from kpsearch.synthetic.light import add_noise, blur_lens, relight
from kpsearch.synthetic.packs import render_item
from kpsearch.synthetic.spec import CatalogueSpec, Stream, random_stream, stranger_number
from kpsearch.synthetic.surroundings import Pixels, lay_over, set_scene

NEIGHBOUR_SIDE_PX = 320
"""Packs beside the one photographed are drawn smaller, for speed."""
_DEFAULT = CameraOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photograph and its truth."""

    pixels: npt.NDArray[np.uint8]
    """(h, w, 3) BGR, as decoded from ``jpeg``."""
    homography: Homography
    """(3, 3) catalogue pixels -> photo pixels."""
    visible: float
    """Share of the pack's face in the frame and not covered."""
    occluded: float
    """Share of the pack's face in the frame but covered."""
    jpeg: bytes = field(repr=False)
    """The file, so that saving the photo does not compress it twice."""


def photograph(
    pack: Pixels,
    rng: np.random.Generator,
    options: CameraOptions = _DEFAULT,
    *,
    others: Sequence[Pixels] = (),
) -> Photo:
    """Take a photo of ``pack`` (h, w, 3) BGR; ``others`` stand beside it on a shelf."""
    height, width = pack.shape[:2]
    view = aim((height, width), rng, options)
    frame = (view.height_px, view.width_px)
    canvas = set_scene(frame, view.homography, (height, width), others=others, rng=rng)
    canvas.pixels = lay_over(canvas.pixels, pack, view.homography)
    if view.occluder is not None:
        view.occluder.paint(canvas)
    jpeg = _develop(canvas.pixels, rng, options)
    pixels = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return Photo(
        pixels=np.asarray(pixels, dtype=np.uint8),
        homography=view.homography,
        visible=view.visible,
        occluded=view.occluded,
        jpeg=jpeg,
    )


def _develop(pixels: Pixels, rng: np.random.Generator, options: CameraOptions) -> bytes:
    """Light, lens, sensor and compression, in the order in which they happen."""
    severity = options.severity
    lit = relight(pixels, severity * options.light, rng)
    seen = blur_lens(lit, severity * options.blur, rng)
    noisy = add_noise(seen, severity * options.noise, rng)
    worst = 95 - severity * (95 - options.worst_jpeg_quality)
    return encode_jpeg(noisy, round(rng.uniform(worst, 95)))


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """The bytes of a JPEG file."""
    done, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return coded.tobytes()


def render_photo(
    spec: CatalogueSpec, i: int, number: int, options: CameraOptions = _DEFAULT
) -> Photo:
    """Photo ``number`` of item ``i``. One in two stands among strangers' packs on a shelf."""
    rng = random_stream(spec.seed, Stream.PHOTO, i, number)
    return photograph(render_item(spec, i), rng, options, others=_neighbours(spec, i, number))


def photo_truth(spec: CatalogueSpec, i: int, number: int, options: CameraOptions = _DEFAULT) -> Aim:
    """The homography and the shares of `render_photo`, without painting it."""
    return aim(pack_size(spec, i), random_stream(spec.seed, Stream.PHOTO, i, number), options)


def _neighbours(spec: CatalogueSpec, i: int, number: int) -> list[Pixels]:
    """Packs that are in no catalogue, so that the photo shows one known item only."""
    rng = random_stream(spec.seed, Stream.PHOTO, i, number, 1)
    if rng.random() < 0.5:
        return []
    small = replace(spec, side_px=min(NEIGHBOUR_SIDE_PX, spec.side_px))
    numbers = (stranger_number(spec, int(n)) for n in rng.integers(2**20, 2**28, 2))
    return [render_item(small, n) for n in numbers]

"""Packs, as pictures and as files, for tests of what pairs of pictures are to each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.dedup.records import Entry, VerifiedPair
from kpsearch.images import read_image
from kpsearch.synthetic import CatalogueSpec, render_item
from kpsearch.types import FileFacts, Image, ImageSize

Pixels = npt.NDArray[np.uint8]
SPEC = CatalogueSpec(items=60, seed=7, side_px=480)


def pack(number: int) -> Pixels:
    """(h, w, 3) BGR; numbers of three in a row are variants of one line."""
    return render_item(SPEC, number)


def recoloured(pixels: Pixels) -> Pixels:
    """The pack in another colour: hues turned by 120 degrees, greys and drawing kept."""
    hls = cv2.cvtColor(pixels, cv2.COLOR_BGR2HLS)
    hls[:, :, 0] = (hls[:, :, 0].astype(np.int16) + 60) % 180
    return np.asarray(cv2.cvtColor(hls, cv2.COLOR_HLS2BGR), np.uint8)


def labelled(pixels: Pixels) -> Pixels:
    """With a price tag stuck on it."""
    height, width = pixels.shape[:2]
    over = pixels.copy()
    corner = (round(width * 0.55), round(height * 0.7))
    cv2.rectangle(
        over, corner, (corner[0] + width // 3, corner[1] + height // 8), (30, 220, 250), -1
    )
    at = (corner[0] + 8, corner[1] + height // 11)
    cv2.putText(over, "2.99", at, cv2.FONT_HERSHEY_SIMPLEX, 1.0, (20, 20, 160), 3)
    return over


def as_image(pixels: Pixels, path: str = "pack.png") -> Image:
    """As if it had been read from a file."""
    size = ImageSize(pixels.shape[1], pixels.shape[0])
    return Image(path, pixels, size, FileFacts(0, 0, b""), "PNG")


def verified(
    transform: npt.NDArray[np.float64] | None = None, *, mirrored: bool = False
) -> VerifiedPair:
    """A pair that geometry is sure of."""
    return VerifiedPair(
        a=0,
        b=1,
        score=100.0,
        background=(5.0, 5.0),
        inliers=200,
        effective_inliers=60.0,
        log10_false_alarms=-200.0,
        transform=np.eye(3) if transform is None else transform,
        mirrored=mirrored,
    )


def entry_of(folder: Path, name: str, pixels: Pixels, *, number: int) -> Entry:
    """The picture as a file of a catalogue."""
    path = folder / name
    done, coded = cv2.imencode(path.suffix, pixels)
    assert done
    path.write_bytes(coded.tobytes())
    image = read_image(path, colour=True)
    facts = image.facts
    return Entry(
        number, str(path), image.size, facts.size_bytes, facts.mtime_ns, facts.content_hash
    )

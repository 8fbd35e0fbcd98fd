"""Decoded pixels brought to the one form the engine works on: 8 bits, on white, upright."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def to_8_bits(pixels: npt.NDArray[np.uint8 | np.uint16]) -> Pixels:
    """16-bit samples divided by 257 and rounded, so that white stays white; 8-bit ones as is."""
    if pixels.dtype == np.uint16:
        return cast(Pixels, cv2.convertScaleAbs(pixels, alpha=1 / 257))
    return cast(Pixels, pixels)


def flatten(pixels: Pixels, *, colour: bool) -> Pixels:
    """Grey (h, w), BGR or BGRA pixels as (h, w) grey or (h, w, 3) BGR ones, on white."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _on_white(pixels)
    if colour == (pixels.ndim == 3):
        return pixels
    code = cv2.COLOR_GRAY2BGR if colour else cv2.COLOR_BGR2GRAY
    return cast(Pixels, cv2.cvtColor(pixels, code))


def _on_white(bgra: Pixels) -> Pixels:
    """(h, w, 3): c·a + 255·(1 - a), as 255 - (255 - c)·a, which needs no wider type."""
    darkness = cv2.bitwise_not(cv2.cvtColor(bgra, cv2.COLOR_BGRA2BGR))
    alpha = cv2.cvtColor(cv2.extractChannel(bgra, 3), cv2.COLOR_GRAY2BGR)
    return cast(Pixels, cv2.bitwise_not(cv2.multiply(darkness, alpha, scale=1 / 255)))


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation, 1 to 8 (CIPA DC-008, 4.6.4); 2, 4, 5 and 7 are mirrored."""
    if orientation == 1:
        return pixels
    if orientation >= 5:  # rows and columns change places
        pixels = cast(Pixels, cv2.transpose(pixels))
    flip = _FLIPS[orientation]
    return pixels if flip is None else cast(Pixels, cv2.flip(pixels, flip))


_ABOUT_X, _ABOUT_Y, _BOTH = 0, 1, -1
_FLIPS = {2: _ABOUT_Y, 3: _BOTH, 4: _ABOUT_X, 5: None, 6: _ABOUT_Y, 7: _BOTH, 8: _ABOUT_X}
"""What is left to do for each orientation, for 5 to 8 after a transposition."""

"""Pictures as bytes, and as files."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import cv2

from kpsearch.errors import UsageError
from kpsearch.replacing import replace_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Path = str | os.PathLike[str]

_JPEG_QUALITY = 88
_SETTINGS = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 6],
}


def write_picture(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    """Write (h, w, 3) BGR or (h, w) grey ``pixels`` as JPEG or PNG, as the name's end says.

    A file already there is replaced whole. Raises `UsageError` for another ending and
    `KpsearchError` when the file cannot be written.
    """
    ending = os.path.splitext(os.fspath(path))[1].lower()
    replace_file(path, encode_picture(pixels, ending))


def encode_picture(pixels: npt.NDArray[np.uint8], ending: str = ".jpg") -> bytes:
    """``pixels`` as the bytes of a ``.jpg``, ``.jpeg`` or ``.png`` file."""
    if ending not in _SETTINGS:
        raise UsageError(f"pictures are written as .jpg, .jpeg or .png, not as {ending!r}")
    done, encoded = cv2.imencode(ending, pixels, _SETTINGS[ending])
    assert done, "OpenCV writes any 8-bit picture"
    return encoded.tobytes()


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """``pixels`` as a JPEG inside an address, for a page without files beside it."""
    return "data:image/jpeg;base64," + base64.b64encode(encode_picture(pixels)).decode("ascii")

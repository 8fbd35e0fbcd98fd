"""The formats that Pillow decodes better than OpenCV; see the table in ``decode.py``."""

from __future__ import annotations

import importlib
import io
import warnings
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from kpsearch.images.container import Container, Flaw, corrupt
from kpsearch.images.pixels import Pixels, flatten, to_8_bits

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

# ``Image.open`` would load and ask dozens of plugins; these are the ones we let in.
_PLUGINS = {
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def decode_by_pillow(
    data: bytes, container: Container, *, colour: bool
) -> tuple[Pixels, tuple[str, ...]]:
    """Pixels of the first frame, on white, and Pillow's warnings in the order they came.

    TIFF comes out upright; the orientation of the others is still to be applied. Raises ``Flaw``.
    Not safe beside other threads that catch warnings: the caller holds the decoders' lock.
    """
    from PIL.Image import DecompressionBombError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pixels = flatten(_pixels_of(_load(data, container.format)), colour=colour)
        except DecompressionBombError as error:
            raise Flaw("too_many_pixels", str(error)) from error
        except (OSError, EOFError) as error:
            raise corrupt(f"the picture is broken or cut off ({error})") from error
        except (SyntaxError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise Flaw("decode_failed", f"Pillow cannot decode this ({error})") from error
    return pixels, tuple(dict.fromkeys(str(warning.message) for warning in caught))


def _load(data: bytes, format: str) -> Image:
    """The first frame, loaded in full: Pillow raises where data is missing."""
    module, name = _PLUGINS[format]
    plugin = getattr(importlib.import_module(module), name)
    picture: ImageFile = plugin(io.BytesIO(data))
    picture.load()
    return _tiff_as_seen(picture) if format == "TIFF" else picture


def _tiff_as_seen(picture: ImageFile) -> Image:
    """A TIFF upright and, if 16-bit, with white at the top: Pillow does the rest by itself."""
    from PIL import Image, ImageOps

    inverted = picture.mode.startswith("I;16") and picture.getexif().get(_PHOTOMETRIC) == 0
    # A no-op where Pillow has turned the picture as it loaded it: then the tag is gone.
    upright = ImageOps.exif_transpose(picture)
    if inverted:
        return Image.fromarray(np.uint16(65535) - np.asarray(upright).astype(np.uint16))
    return upright


def _pixels_of(picture: Image) -> Pixels:
    """Grey (h, w), BGR or BGRA pixels of any mode that Pillow can convert."""
    transparent = picture.info.get("transparency")
    if picture.mode.startswith("I;16"):
        deep = np.asarray(picture).astype(np.uint16)
        if isinstance(transparent, int):
            deep[deep == transparent] = 65535
        return to_8_bits(deep)
    if picture.mode in ("LA", "PA", "La", "RGBA", "RGBa") or transparent is not None:
        rgba = np.asarray(picture.convert("RGBA"))
        return cast(Pixels, cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    return cast(Pixels, cv2.cvtColor(np.asarray(picture.convert("RGB")), cv2.COLOR_RGB2BGR))

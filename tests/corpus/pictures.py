"""Good pictures of every kind that is read, made by seeded code."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]

ORIENTATION = 274


def picture(seed: int = 0, *, width: int = 64, height: int = 48) -> Array:
    """(height, width, 3) RGB: smooth blobs of colour, different in every corner."""
    rng = np.random.default_rng(seed)
    blobs = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(blobs, (width, height), interpolation=cv2.INTER_LINEAR))


def alpha_ramp(*, width: int = 64, height: int = 48) -> Array:
    """(height, width): clear on the left, opaque on the right."""
    return np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))


def rgba(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.dstack([picture(seed), alpha_ramp()]))


def rgb(seed: int = 0) -> Image.Image:
    return Image.fromarray(picture(seed))


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


def png_chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png(
    samples: npt.NDArray[np.uint8 | np.uint16], colour_type: int, *, extra: bytes = b""
) -> bytes:
    """A PNG of 8 or 16-bit samples, (h, w) or (h, w, c); ``extra`` chunks go before the pixels."""
    depth = samples.dtype.itemsize * 8
    rows = samples.astype(samples.dtype.newbyteorder(">"))
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(
        ">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour_type, 0, 0, 0
    )
    return png_of(header, extra + png_chunk(b"IDAT", packed))


def png_of(header: bytes, chunks: bytes) -> bytes:
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + chunks + png_chunk(b"IEND", b"")


def tiff(
    samples: npt.NDArray[np.generic], *, photometric: int = 1, sample_format: int = 1
) -> bytes:
    """A little-endian, uncompressed TIFF of (h, w) or (h, w, 3) samples, of any type."""
    body = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    rows = [
        (256, 4, 1, samples.shape[1]),
        (257, 4, 1, samples.shape[0]),
        (258, 3, 1, samples.dtype.itemsize * 8),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 4, 1, samples.shape[0]),
        (279, 4, 1, len(body)),
        (339, 3, 1, sample_format),
    ]
    tags = b"".join(struct.pack("<HHII", *row) for row in rows)
    start = b"II*\0" + struct.pack("<I", 8 + len(body))
    return start + body + struct.pack("<H", len(rows)) + tags + struct.pack("<I", 0)


def with_restart_markers() -> bytes:
    bgr = cv2.cvtColor(picture(), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()


def with_thumbnail() -> bytes:
    """A JPEG with a whole JPEG inside its EXIF block: the first end marker is not its own."""
    inner = encode(rgb(1).resize((16, 16)), "JPEG")
    block = exif(1).tobytes() + inner
    return encode(rgb(), "JPEG", exif=block)


def app14_cut(jpeg: bytes) -> bytes:
    """``jpeg`` without Adobe's marker."""
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]


def ycck() -> bytes:
    """A CMYK JPEG whose Adobe marker says YCCK, which gives other, but well-defined colours."""
    data = bytearray(encode(rgb().convert("CMYK"), "JPEG", quality=95))
    at = data.index(b"Adobe")
    data[at + 11] = 2
    return bytes(data)


@cache
def good_files() -> dict[str, bytes]:
    """A file of every kind that is read, by name; all 64 by 48 pixels."""
    two = {"save_all": True, "append_images": [rgb(1)]}
    grey16 = picture()[:, :, 0].astype(np.uint16) * 257
    return {
        "jpeg": encode(rgb(), "JPEG"),
        "jpeg-grey": encode(rgb().convert("L"), "JPEG"),
        "jpeg-progressive": encode(rgb(), "JPEG", progressive=True),
        "jpeg-restarts": with_restart_markers(),
        "jpeg-thumbnail": with_thumbnail(),
        "jpeg-cmyk": encode(rgb().convert("CMYK"), "JPEG"),
        "jpeg-cmyk-unmarked": app14_cut(encode(rgb().convert("CMYK"), "JPEG")),
        "jpeg-ycck": ycck(),
        "png": encode(rgb(), "PNG"),
        "png-1-bit": encode(rgb().convert("1"), "PNG"),
        "png-palette": encode(rgb().quantize(16), "PNG"),
        "png-palette-clear": encode(rgb().quantize(16), "PNG", transparency=3),
        "png-grey-clear": encode(rgb().convert("L"), "PNG", transparency=120),
        "png-la": encode(rgba().convert("LA"), "PNG"),
        "png-rgba": encode(rgba(), "PNG"),
        "png-16-grey": png(grey16, 0),
        "png-16-rgb": png(picture().astype(np.uint16) * 257, 2),
        "png-animated": encode(rgb(), "PNG", **two),
        "webp": encode(rgb(), "WEBP"),
        "webp-lossless": encode(rgb(), "WEBP", lossless=True),
        "webp-rgba": encode(rgba(), "WEBP"),
        "webp-animated": encode(rgb(), "WEBP", **two),
        "gif": encode(rgb(), "GIF"),
        "gif-animated": encode(rgb(), "GIF", **two),
        "bmp": encode(rgb(), "BMP"),
        "bmp-1-bit": encode(rgb().convert("1"), "BMP"),
        "tiff": encode(rgb(), "TIFF"),
        "tiff-lzw": encode(rgb(), "TIFF", compression="tiff_lzw"),
        "tiff-jpeg": encode(rgb(), "TIFF", compression="jpeg"),
        "tiff-fax": encode(rgb().convert("1"), "TIFF", compression="group4"),
        "tiff-cmyk": encode(rgb().convert("CMYK"), "TIFF"),
        "tiff-rgba": encode(rgba(), "TIFF"),
        "tiff-16-grey": encode(Image.fromarray(grey16), "TIFF"),
        "tiff-16-rgb": cv2.imencode(".tiff", picture()[:, :, ::-1].astype(np.uint16) * 257)[
            1
        ].tobytes(),
        "tiff-pages": encode(rgb(), "TIFF", **two),
    }


def mpo() -> bytes:
    return encode(rgb(), "MPO", save_all=True, append_images=[rgb(1)])

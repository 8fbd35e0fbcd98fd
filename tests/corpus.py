"""Pictures, good and bad, made by seeded code: the rows of "what a bad input gets", as files."""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]

ORIENTATION = 274


@dataclass(frozen=True)
class BadFile:
    """A path and the code that ``read_image`` must reject it with."""

    path: str
    code: str


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


def _bombs() -> dict[str, bytes]:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    zeros = zlib.compress(bytes(1_000_000), 9)
    jpeg = bytearray(good_files()["jpeg"])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    bmp = bytearray(good_files()["bmp"])
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, -(2**31))
    gif = bytearray(good_files()["gif"])
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    wide = tiff(picture()[:, :, 0]).replace(
        struct.pack("<HHII", 256, 4, 1, 64), struct.pack("<HHII", 256, 4, 1, 2**32 - 1)
    )
    webp = bytearray(encode(rgba(), "WEBP", exif=exif(1)))
    webp[24:30] = b"\xff" * 6
    return {
        "bomb.png": png_of(header, png_chunk(b"IDAT", zeros)),
        "bomb.jpg": bytes(jpeg),
        "bomb.bmp": bytes(bmp),
        "bomb.gif": bytes(gif),
        "bomb.tif": wide,
        "bomb.webp": bytes(webp),
        "line.png": png(np.zeros((16, 30_001), np.uint8), 0),
    }


def _no_images() -> dict[str, bytes]:
    return {
        "text.jpg": b"BMW 2002, second hand\n" * 20,
        "page.png": b"<!DOCTYPE html>\n<html><body>404</body></html>",
        "drawing.jpg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        "paper.pdf.jpg": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100),
        "figure.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "noise.jpg": b"\x01" + np.random.default_rng(5).bytes(2_000),
    }


def _unsupported() -> dict[str, bytes]:
    return {
        "phone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50),
        "phone.jpg": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(50),
        "web.avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(50),
        "scan.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50),
        "sky.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
        "layers.psd": b"8BPS\0\1" + bytes(50),
    }


def _corrupt() -> dict[str, bytes]:
    good = good_files()
    bad_crc = bytearray(good["png"])
    bad_crc[29] ^= 1
    cut = {f"cut-{name}": data[: len(data) * 2 // 3] for name, data in good.items()}
    floats = picture()[:, :, 0].astype(np.float32)
    lie = struct.pack(">IIBBBBB", 9_000, 9_000, 8, 2, 0, 0, 0)
    return cut | {
        "checksum.png": bytes(bad_crc),
        "float.tif": tiff(floats, sample_format=3),
        "lie.png": png_of(lie, png_chunk(b"IDAT", zlib.compress(bytes(100)))),
    }


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Content and code of each bad file that is a regular file, by file name."""
    rows = {"empty.jpg": (b"", "empty_file")}
    rows |= {"tiny.png": (encode(rgb().resize((15, 40)), "PNG"), "too_small")}
    for build, code in (
        (_bombs, "too_many_pixels"),
        (_no_images, "not_an_image"),
        (_unsupported, "unsupported_format"),
        (_corrupt, "corrupt_data"),
    ):
        rows |= {name: (data, code) for name, data in build().items()}
    return rows


def write_bad_corpus(folder: str | os.PathLike[str]) -> list[BadFile]:
    """Fill ``folder`` with every bad input of a single file; returns what each must get."""
    root = Path(folder)
    rows = []
    for name, (data, code) in bad_files().items():
        (root / name).write_bytes(data)
        rows.append(BadFile(str(root / name), code))
    with open(root / "huge.jpg", "wb") as file:
        file.truncate(64 * 2**20 + 1)
    rows.append(BadFile(str(root / "huge.jpg"), "file_too_large"))
    return rows + write_special_files(root)


def write_special_files(root: Path) -> list[BadFile]:
    """What is in a folder and no regular file: a FIFO, a socket, links that lead nowhere."""
    (root / "folder.jpg").mkdir()
    os.mkfifo(root / "fifo.jpg")
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    rows = {
        "folder.jpg": "not_a_regular_file",
        "fifo.jpg": "not_a_regular_file",
        "dangling.jpg": "unreadable",
        "loop.jpg": "unreadable",
        "missing.jpg": "unreadable",
    }
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(root)  # a socket's path may have 107 bytes, fewer than a folder's for tests
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
    finally:
        os.fchdir(here)
        os.close(here)
    rows["socket.jpg"] = "not_a_regular_file"
    return [BadFile(str(root / name), code) for name, code in rows.items()]

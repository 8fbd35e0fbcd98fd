"""A bad file of every kind: the rows of "what a bad input gets"."""

from __future__ import annotations

import os
import socket
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.corpus.pictures import (
    encode,
    exif,
    good_files,
    picture,
    png,
    png_chunk,
    png_of,
    rgb,
    rgba,
    tiff,
)


@dataclass(frozen=True)
class BadFile:
    """A path and the code that ``read_image`` must reject it with."""

    path: str
    code: str


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

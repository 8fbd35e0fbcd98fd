"""Files with something odd about them that are pictures all the same."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus.case import Made, good
from tests.corpus.pictures import encode, exif, good_files, mpo, rgb, rgba

EXTENSIONS = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "gif": "gif",
    "bmp": "bmp",
    "tiff": "tif",
}
ODD_NAMES = (
    b"new\nline.jpg",
    b"tab\tand\rreturn.jpg",
    b"quote'\".jpg",
    b"-x.jpg",
    b"--help.jpg",
    b"caf\xe9\xff.jpg",
    b"\xfe.jpg",
    b"\x1b[31mred.jpg",
    b"back\\slash.jpg",
    b"%s%n{0}$HOME.jpg",
    b" spaces  .jpg",
    "right-to-left\u202e.jpg".encode(),
    "日本語 é.jpg".encode(),
    b"UPPER.JPG",
    b"x" * 251 + b".jpg",
)


def extension_of(name: str) -> str:
    """The extension for a name of ``good_files``."""
    return EXTENSIONS[name.split("-")[0]]


def accepted_files() -> Iterator[Made]:
    """Of 64 by 48 pixels as stored."""
    good_ones = good_files()
    for name, data in good_ones.items():
        frames = 2 if name.endswith(("-animated", "-pages")) else 1
        yield good(f"{name}.{extension_of(name)}", data, frames=frames)
    yield from _turned()
    yield from _with_more_frames()
    yield from _after_the_end()
    yield from _with_bad_exif()
    for name in EXTENSIONS:
        for extension in ("jpg", "png", "heic"):
            if extension != EXTENSIONS[name]:
                yield good(f"really-{name}.{extension}", good_ones[name])
        yield good(f"without-extension-{name}", good_ones[name])
    for odd in ODD_NAMES:
        yield good(odd, good_ones["jpeg"])


def _turned() -> Iterator[Made]:
    for orientation in range(1, 9):
        size = (64, 48) if orientation < 5 else (48, 64)
        block = exif(orientation)
        for format in ("JPEG", "PNG", "WEBP", "TIFF"):
            data = encode(rgb(), format, exif=block)
            name = f"turned-{orientation}.{extension_of(format.lower())}"
            yield good(name, data, size=size)
        data = encode(rgba(), "PNG", exif=block)
        yield good(f"turned-alpha-{orientation}.png", data, size=size)


def _with_more_frames() -> Iterator[Made]:
    for frames in (3, 5):
        more = [rgb(seed) for seed in range(1, frames)]
        for format in ("GIF", "PNG", "WEBP", "TIFF"):
            data = encode(rgb(), format, save_all=True, append_images=more)
            yield good(f"{frames}-frames.{extension_of(format.lower())}", data, frames=frames)
    yield good("two-pictures.jpg", mpo(), frames=2)


def _after_the_end() -> Iterator[Made]:
    for name in ("jpeg", "jpeg-progressive", "png", "png-rgba", "webp", "gif", "bmp"):
        for count in (1, 9, 5000):
            data = good_files()[name] + b"\x07" * count
            yield good(f"{name}-and-{count}.{extension_of(name)}", data, warned=True)


def _with_bad_exif() -> Iterator[Made]:
    blocks = {
        "nonsense": b"Exif\0\0nonsense",
        "endless": b"Exif\0\0II*\0\xff\xff\xff\xff",
        "no-orientation": exif(9).tobytes(),
        "cut": exif(6).tobytes()[:20],
    }
    for name, block in blocks.items():
        for format in ("JPEG", "PNG", "WEBP"):
            data = encode(rgb(), format, exif=block)
            yield good(f"exif-{name}.{extension_of(format.lower())}", data, warned=True)

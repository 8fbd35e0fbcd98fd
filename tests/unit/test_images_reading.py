"""What comes out of the door: upright pixels on white, and what is said about them."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from kpsearch.images import content_hash, read_image, stat_facts
from tests import corpus

DEEP_OR_ODD = ("jpeg-ycck", "png-16-grey", "png-16-rgb", "tiff-16-grey", "tiff-16-rgb")


@pytest.fixture
def save(tmp_path: Path):
    def save(data: bytes, name: str = "picture") -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return save


def on_white(image: Image.Image) -> npt.NDArray[np.uint8]:
    """(h, w, 3) RGB by Pillow's own compositing, the oracle."""
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return np.asarray(ground.convert("RGB"))


def difference(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("name", [n for n in corpus.good_files() if n not in DEEP_OR_ODD])
def test_colour_is_what_pillow_composites_on_white(save, name):
    data = corpus.good_files()[name]
    with Image.open(io.BytesIO(data)) as image:
        expected = on_white(image)
    got = read_image(save(data), colour=True)
    assert got.pixels.shape == (48, 64, 3)
    assert got.pixels.dtype == np.uint8
    assert got.size == (64, 48)
    assert got.warnings == ()
    assert difference(got.pixels[:, :, ::-1], expected) <= (16 if "webp" in name else 2)


@pytest.mark.parametrize("name", corpus.good_files())
def test_grey_is_the_luma_of_the_colour(save, name):
    path = save(corpus.good_files()[name])
    grey, colour = read_image(path), read_image(path, colour=True)
    assert grey.pixels.shape == (48, 64)
    luma = cv2.cvtColor(colour.pixels, cv2.COLOR_BGR2GRAY)
    # A JPEG's luma is taken as stored: saturated colours were clipped on the way to BGR.
    stored = name.startswith("jpeg") and "cmyk" not in name
    mean = np.abs(grey.pixels.astype(int) - luma.astype(int)).mean()
    assert mean < (6 if stored else 1)


@pytest.mark.parametrize("name", ["png-16-grey", "tiff-16-grey"])
def test_sixteen_bit_grey_is_scaled_down(save, name):
    got = read_image(save(corpus.good_files()[name]))
    assert difference(got.pixels, corpus.picture()[:, :, 0]) == 0


@pytest.mark.parametrize("name", ["png-16-rgb", "tiff-16-rgb"])
def test_sixteen_bit_colour_is_scaled_down(save, name):
    got = read_image(save(corpus.good_files()[name]), colour=True)
    assert difference(got.pixels[:, :, ::-1], corpus.picture()) == 0


def test_sixteen_bit_alpha_is_composited_on_white(save):
    deep = np.dstack([corpus.picture(), corpus.alpha_ramp()]).astype(np.uint16) * 257
    got = read_image(save(corpus.png(deep, 6)), colour=True)
    assert difference(got.pixels[:, :, ::-1], on_white(corpus.rgba())) <= 1


def test_a_sixteen_bit_grey_key_colour_is_white(save):
    deep = corpus.picture()[:, :, 0].astype(np.uint16) * 257
    deep[:10] = 300
    key = corpus.png_chunk(b"tRNS", struct.pack(">H", 300))
    got = read_image(save(corpus.png(deep, 0, extra=key)))
    assert (got.pixels[:10] == 255).all()
    assert difference(got.pixels[10:], corpus.picture()[10:, :, 0]) == 0


def test_sixteen_bit_tiff_with_white_as_zero_is_not_a_negative(save):
    deep = corpus.picture()[:, :, 0].astype(np.uint16) * 257
    got = read_image(save(corpus.tiff(65535 - deep, photometric=0)))
    assert difference(got.pixels, corpus.picture()[:, :, 0]) == 0


def test_clear_pixels_are_white_in_grey_too(save):
    clear = np.zeros((32, 32, 4), np.uint8)
    for format in ("PNG", "WEBP", "TIFF"):
        data = corpus.encode(Image.fromarray(clear), format)
        assert (read_image(save(data)).pixels == 255).all(), format


def test_cmyk_reads_alike_with_and_without_adobes_marker(save):
    good = corpus.good_files()
    marked = read_image(save(good["jpeg-cmyk"]), colour=True)
    unmarked = read_image(save(good["jpeg-cmyk-unmarked"]), colour=True)
    assert difference(marked.pixels, unmarked.pixels) == 0
    assert np.abs(marked.pixels[:, :, ::-1].astype(int) - corpus.picture()).mean() < 3


def test_ycck_is_converted(save):
    data = corpus.good_files()["jpeg-ycck"]
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(image.convert("RGB"))
    assert difference(read_image(save(data), colour=True).pixels[:, :, ::-1], expected) <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_orientation_is_undone(save, format, orientation, mode):
    options = {"lossless": True} if format == "WEBP" else {}
    data = corpus.encode(
        corpus.rgb().convert(mode), format, exif=corpus.exif(orientation), **options
    )
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    got = read_image(save(data), colour=True)
    assert got.size == (expected.shape[1], expected.shape[0])
    assert difference(got.pixels[:, :, ::-1], expected) <= 2
    assert got.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_transparent_and_deep_pictures_are_turned_too(save, orientation):
    block = corpus.exif(orientation)
    upright = read_image(save(corpus.encode(corpus.rgba(), "PNG")), colour=True)
    turned = read_image(save(corpus.encode(corpus.rgba(), "PNG", exif=block)), colour=True)
    expected = Image.fromarray(upright.pixels)
    expected.getexif()[corpus.ORIENTATION] = orientation
    assert difference(turned.pixels, np.asarray(ImageOps.exif_transpose(expected))) == 0
    deep = Image.fromarray(corpus.picture()[:, :, 0].astype(np.uint16) * 257)
    tiff = read_image(save(corpus.encode(deep, "TIFF", exif=block)))
    plain = Image.fromarray(corpus.picture()[:, :, 0])
    plain.getexif()[corpus.ORIENTATION] = orientation
    assert difference(tiff.pixels, np.asarray(ImageOps.exif_transpose(plain))) == 0


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(
    ("at_least_px", "factor"), [(None, 1), (401, 1), (200, 2), (101, 2), (100, 4), (50, 8), (1, 8)]
)
def test_a_reduced_jpeg_keeps_its_original_size(save, orientation, colour, at_least_px, factor):
    picture = Image.fromarray(corpus.picture(width=400, height=301))
    path = save(corpus.encode(picture, "JPEG", exif=corpus.exif(orientation)))
    got = read_image(path, colour=colour, at_least_px=at_least_px)
    size = (400, 301) if orientation < 5 else (301, 400)
    assert got.size == size
    assert got.pixels.shape[:2] == (-(-size[1] // factor), -(-size[0] // factor))
    assert got.pixels.ndim == (3 if colour else 2)


def test_only_jpeg_is_reduced(save):
    got = read_image(save(corpus.good_files()["png"]), at_least_px=16)
    assert got.pixels.shape == (48, 64)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_three_frames_is_read_and_all_are_counted(save, format):
    more = [corpus.rgb(1), corpus.rgb(2)]
    data = corpus.encode(corpus.rgb(), format, save_all=True, append_images=more)
    got = read_image(save(data), colour=True)
    assert got.frames == 3
    assert got.warnings == ()
    assert np.abs(got.pixels[:, :, ::-1].astype(int) - corpus.picture()).mean() < 8


def test_the_extension_is_not_believed(save):
    assert read_image(save(corpus.good_files()["png"], "really.jpg")).format == "PNG"


def test_facts_are_those_of_the_file(save):
    data = corpus.good_files()["jpeg"]
    path = save(data)
    facts = read_image(path).facts
    assert (facts.size_bytes, facts.mtime_ns) == stat_facts(path)
    assert facts.size_bytes == len(data)
    assert facts.content_hash == content_hash(data)
    assert len(facts.content_hash) == 16


@pytest.mark.parametrize("name", [b"new\nline.jpg", b"quote'\".jpg", b"-x.jpg", b"caf\xe9\xff.jpg"])
def test_odd_names_are_kept_byte_for_byte(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(corpus.good_files()["jpeg"])
    assert os.fsencode(read_image(path).path) == path
    assert os.fsencode(read_image(os.fsdecode(path)).path) == path


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "bmp"])
def test_bytes_after_the_end_are_a_warning(save, name):
    data = corpus.good_files()[name]
    got = read_image(save(data + b"left over"))
    assert got.warnings == ("9 bytes after the end of the picture",)
    assert (got.pixels == read_image(save(data)).pixels).all()


def test_a_decoders_complaint_is_kept_off_the_terminal_and_recorded(save, capfd):
    data = corpus.good_files()["jpeg"]
    middle = data.index(b"\xff\xda") + 80
    got = read_image(save(data[:middle] + b"\xff\xd9"))
    assert got.warnings == ("Corrupt JPEG data: premature end of data segment",)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "block",
    [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\0\0", corpus.exif(9).tobytes()],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_bad_exif_is_a_warning_and_the_picture_stays_as_it_is(save, format, block):
    got = read_image(save(corpus.encode(corpus.rgb(), format, exif=block)))
    assert got.warnings[0].startswith("bad EXIF: ")
    assert got.size == (64, 48)


def test_the_pictures_of_an_mpo_are_counted_and_the_first_is_read(save):
    got = read_image(save(corpus.mpo()))
    assert (got.format, got.frames, got.warnings) == ("JPEG", 2, ())
    assert (got.pixels == read_image(save(corpus.good_files()["jpeg"])).pixels).all()


def test_a_stripped_second_picture_does_not_spoil_the_first(save):
    data = corpus.mpo()
    alone = data[: data.index(b"\xff\xd9\xff\xd8") + 2]
    assert (read_image(save(alone)).pixels == read_image(save(data)).pixels).all()

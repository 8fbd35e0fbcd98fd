"""What a bad file gets: a code, never a crash, never a hang, nothing on the terminal."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from kpsearch.errors import ImageRejected
from kpsearch.images import read_image, stat_facts
from tests import corpus

many = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def code_of(path: str) -> str:
    with pytest.raises(ImageRejected) as caught:
        read_image(path)
    assert caught.value.path == path
    assert caught.value.text
    return caught.value.code


def outcome_of(path: str) -> str:
    try:
        read_image(path)
    except ImageRejected as rejected:
        return rejected.code
    return "read"


def write(folder: Path, data: bytes) -> str:
    (folder / "file").write_bytes(data)
    return str(folder / "file")


@pytest.mark.parametrize("name", corpus.bad_files())
def test_a_bad_file_gets_its_code(tmp_path, capfd, name):
    data, code = corpus.bad_files()[name]
    assert code_of(write(tmp_path, data)) == code
    assert capfd.readouterr() == ("", "")


def test_the_whole_corpus_gets_its_codes_without_a_hang(tmp_path):
    rows = corpus.write_bad_corpus(tmp_path)
    start = time.monotonic()
    got = {row.path: code_of(row.path) for row in rows}
    assert got == {row.path: row.code for row in rows}
    assert time.monotonic() - start < 10


def test_an_unsupported_format_is_named_with_a_way_out(tmp_path):
    for name, said in {"phone.heic": "HEIC", "web.avif": "AVIF", "scan.jp2": "JPEG 2000"}.items():
        with pytest.raises(ImageRejected, match=f"{said} .*convert it to JPEG or PNG"):
            read_image(write(tmp_path, corpus.bad_files()[name][0]))


def test_a_device_is_not_a_file():
    assert code_of("/dev/zero") == "not_a_regular_file"


def test_a_name_no_file_can_have_is_unreadable():
    assert code_of("null\0byte.jpg") == "unreadable"
    assert code_of("\ud800.jpg") == "unreadable"
    assert code_of("") == "unreadable"
    assert code_of("x" * 5_000) == "unreadable"


def test_a_file_without_permission_is_unreadable(tmp_path, monkeypatch):
    path = write(tmp_path, corpus.good_files()["jpeg"])
    os.chmod(path, 0)
    if os.geteuid() == 0:  # root may read it all the same

        def refuse(*_: object) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageRejected, match="unreadable: Permission denied"):
        read_image(path)


def test_stat_facts_rejects_what_is_no_file(tmp_path):
    for name in ("missing.jpg", "."):
        with pytest.raises(ImageRejected):
            stat_facts(tmp_path / name)


@pytest.mark.parametrize("change", ["append", "rewrite", "truncate"])
def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path, monkeypatch, change):
    data = corpus.good_files()["jpeg"]
    path = write(tmp_path, data)
    os.utime(path, ns=(0, 0))
    real_read = os.read

    def read_and_change(handle: int, count: int) -> bytes:
        monkeypatch.setattr(os, "read", real_read)
        part = real_read(handle, count)
        with open(path, "ab" if change == "append" else "r+b") as file:
            _ = file.truncate(10) if change == "truncate" else file.write(b"new")
        return part

    monkeypatch.setattr(os, "read", read_and_change)
    assert code_of(path) == "changed_while_reading"


@pytest.mark.parametrize("name", corpus.good_files())
def test_a_file_cut_at_any_byte_is_rejected(tmp_path, name):
    data = corpus.good_files()[name]
    padding = len(data) - len(data.rstrip(b"\0")) if name == "tiff-pages" else 0
    whole = len(data) - padding  # a writer's padding after the last value belongs to no picture
    near_ends = {*range(1, 40), *range(whole - 40, whole)}
    for length in sorted(near_ends | set(range(1, whole, max(1, whole // 60)))):
        code = code_of(write(tmp_path, data[:length]))
        assert code == "corrupt_data" or (code == "not_an_image" and length < 18), length


@many
@given(data=st.binary(max_size=400))
def test_random_bytes_without_a_signature_are_not_an_image(tmp_path, data):
    assert code_of(write(tmp_path, b"\x01" + data)) in {"not_an_image", "unsupported_format"}


@many
@given(
    start=st.sampled_from([data[:30] for data in corpus.good_files().values()]),
    data=st.binary(max_size=400),
)
def test_random_bytes_after_a_good_start_are_rejected_or_read(tmp_path, start, data):
    codes = {"corrupt_data", "decode_failed", "too_many_pixels", "too_small", "not_an_image"}
    assert outcome_of(write(tmp_path, start + data)) in {*codes, "unsupported_format", "read"}


@many
@given(
    name=st.sampled_from(sorted(corpus.good_files())),
    seed=st.integers(0, 2**32 - 1),
    head=st.booleans(),
    colour=st.booleans(),
)
def test_flipped_bytes_never_crash(tmp_path, name, seed, head, colour):
    rng = np.random.default_rng(seed)
    data = np.frombuffer(corpus.good_files()[name], np.uint8).copy()
    reach = min(len(data), 120) if head else len(data)
    data[rng.integers(0, reach, 3)] = rng.integers(0, 256, 3)
    try:
        image = read_image(write(tmp_path, data.tobytes()), colour=colour)
    except ImageRejected:
        return
    assert image.pixels.shape == (image.size.height, image.size.width, 3)[: 2 + colour]


def test_bombs_cost_neither_time_nor_memory(tmp_path):
    bombs = [data for data, code in corpus.bad_files().values() if code == "too_many_pixels"]
    read_nothing = write(tmp_path, b"x")
    code_of(read_nothing)  # what is imported on first use is not the bombs' fault
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        for data in bombs:
            start = time.monotonic()
            assert code_of(write(tmp_path, data)) == "too_many_pixels"
            assert time.monotonic() - start < 2
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 * 2**20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 2**10


def test_a_jpeg_that_claims_more_than_it_holds_is_not_decoded(tmp_path):
    data = bytearray(corpus.good_files()["jpeg"])
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = (9_000).to_bytes(2, "big") * 2
    assert code_of(write(tmp_path, bytes(data))) == "corrupt_data"


def test_a_want_of_memory_is_said(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(corpus.png(np.zeros((8_000, 8_000), np.uint8), 0))
    program = (
        "import resource, sys\n"
        "from kpsearch.errors import ImageRejected\n"
        "from kpsearch.images import read_image\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "limit = pages * resource.getpagesize() + 30 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "try:\n"
        "    read_image(sys.argv[1])\n"
        "except ImageRejected as rejected:\n"
        "    print(rejected.code)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, path], cwd=root, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("out_of_memory\n", "")


def test_a_decoder_error_is_no_traceback(tmp_path):
    data = bytearray(corpus.good_files()["jpeg"])
    data[data.index(b"\xff\xc0") + 4] = 12  # bits a sample, which the decoder does not do
    assert code_of(write(tmp_path, bytes(data))) == "decode_failed"


def test_a_size_with_a_wrong_checksum_is_not_believed(tmp_path):
    data = bytearray(corpus.good_files()["png"])
    data[16] ^= 0x40  # a billion pixels wide
    assert code_of(write(tmp_path, bytes(data))) == "corrupt_data"


def test_a_png_with_too_few_rows_is_corrupt(tmp_path):
    data = corpus.good_files()["png"]
    taller = corpus.png_chunk(b"IHDR", data[16:20] + (500).to_bytes(4, "big") + data[24:29])
    assert code_of(write(tmp_path, data[:8] + taller + data[33:])) == "corrupt_data"


@pytest.mark.parametrize("height", [49, 100, 9_000])
def test_a_tiff_with_too_few_strips_is_corrupt(tmp_path, height):
    data = corpus.tiff(corpus.picture()[:, :, 0])
    row = b"\1\1\4\0\1\0\0\0"
    data = data.replace(row + (48).to_bytes(4, "little"), row + height.to_bytes(4, "little"))
    assert code_of(write(tmp_path, data)) == "corrupt_data"


def grey_tiff(extra: dict[int, int], pieces: int, *, piece_bytes: int) -> bytes:
    """A grey TIFF of 64 by 48 pixels in pieces, at most one value a tag but where they lie."""
    places, lengths = (324, 325) if 322 in extra else (273, 279)
    tags = {256: 64, 257: 48, 258: 8, 259: 1, 262: 1, 277: 1, **extra}
    body = b"\x80" * (pieces * piece_bytes)
    at = 8 + len(body)
    lists = struct.pack(f"<{pieces}I", *(8 + number * piece_bytes for number in range(pieces)))
    lists += struct.pack(f"<{pieces}I", *[piece_bytes] * pieces)
    rows = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()}
    rows[places] = struct.pack("<HHII", places, 4, pieces, at)
    rows[lengths] = struct.pack("<HHII", lengths, 4, pieces, at + 4 * pieces)
    table = b"".join(rows[tag] for tag in sorted(rows))
    start = b"II*\0" + struct.pack("<I", at + len(lists)) + body + lists
    return start + struct.pack("<H", len(rows)) + table + bytes(4)


@pytest.mark.parametrize(
    ("tags", "pieces", "piece_bytes"),
    [
        ({322: 32, 323: 32}, 4, 1024),  # tiles, the lower ones padded
        ({278: 16}, 3, 1024),
        ({278: 48, 277: 3, 262: 2, 284: 2}, 3, 3072),  # a plane for each colour
    ],
    ids=["tiles", "strips", "planes"],
)
def test_a_tiff_with_a_piece_missing_is_corrupt(tmp_path, tags, pieces, piece_bytes):
    whole = grey_tiff(tags, pieces, piece_bytes=piece_bytes)
    assert outcome_of(write(tmp_path, whole)) == "read"
    less = grey_tiff(tags, pieces - 1, piece_bytes=piece_bytes)
    assert code_of(write(tmp_path, less)) == "corrupt_data"


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "tiff_deflate"])
def test_a_tiff_of_many_strips_is_read(tmp_path, compression):
    picture = Image.fromarray(corpus.picture(width=300, height=900))
    data = corpus.encode(picture, "TIFF", compression=compression, strip_size=4096)
    assert outcome_of(write(tmp_path, data)) == "read"

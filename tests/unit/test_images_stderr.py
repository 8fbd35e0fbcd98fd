"""Descriptor 2 while a decoder runs: its lines are kept, others pass, and it is restored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from kpsearch.images.stderr import captured_stderr
from tests import corpus
from tests.textures import textured


def test_lines_of_a_decoder_are_kept_once_and_others_pass(capfd):
    with captured_stderr() as lines:
        os.write(2, b"Corrupt JPEG data: bad Huffman code\nfrom another thread\n")
        os.write(2, b"Corrupt JPEG data: bad Huffman code\n")
        os.write(2, b"[ WARN:0@0.034] global grfmt_png.cpp:123 readData CRC\n")
    assert lines == ["Corrupt JPEG data: bad Huffman code", "readData CRC"]
    assert capfd.readouterr().err == "from another thread\n"


def test_every_line_is_kept_when_asked(capfd):
    with captured_stderr(keep_all=True) as lines:
        os.write(2, b"More samples per pixel than can be decoded: 114\n")
    assert lines == ["More samples per pixel than can be decoded: 114"]
    assert capfd.readouterr().err == ""


def test_stderr_is_restored_after_an_error(capfd):
    with pytest.raises(ValueError, match="inside"), captured_stderr():
        raise ValueError("inside")
    os.write(2, b"visible\n")
    assert capfd.readouterr().err == "visible\n"


def test_no_descriptor_is_leaked():
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        with captured_stderr():
            pass
    assert os.listdir("/proc/self/fd") == before


def test_a_process_without_stderr_can_read_pictures(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(corpus.good_files()["jpeg"])
    program = (
        "import os, sys\n"
        "from kpsearch.images import read_image\n"
        "os.close(2)\n"
        "print(read_image(sys.argv[1]).pixels.shape)\n"
    )
    command = [sys.executable, "-c", program, path]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "(48, 64)\n"


READ_IN_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from kpsearch.images import read_image

with ThreadPoolExecutor(4) as pool:
    print(len(list(pool.map(read_image, sys.argv[1:] * 40))))
"""


@pytest.mark.parametrize("stderr", ["pipe", "file"])
def test_threads_may_read_at_once_whatever_stderr_is(tmp_path, stderr):
    path = tmp_path / "picture.png"
    path.write_bytes(cv2.imencode(".png", textured(1, 64, 64))[1].tobytes())
    command = [sys.executable, "-c", READ_IN_THREADS, *[path] * 4]
    with open(tmp_path / "log", "wb") as log:
        target = subprocess.PIPE if stderr == "pipe" else log
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=target, check=False)
    said = (done.stderr or b"") + (tmp_path / "log").read_bytes()
    assert (done.returncode, done.stdout, said) == (0, b"160\n", b"")

"""HDF5 files from anywhere: refused by name, and nothing they point to is ever read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from kpsearch.errors import IndexDamaged, KpsearchError
from kpsearch.index import Snapshot
from kpsearch.vocabulary import load_vocabulary
from tests import hostile
from tests.indexes import random_images, small_vocabulary, write_index
from tests.vocabularies import TINY, assert_same

WHOLE = hostile.hostile_contents()


@pytest.fixture
def without_libhdf5(monkeypatch):
    """A call makes every later attempt to open a file by h5py fail the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("libhdf5 was given the file")

    return lambda: monkeypatch.setattr(h5py, "File", refuse)


def refusal(path: Path) -> str:
    with pytest.raises(KpsearchError) as caught:
        load_vocabulary(path)
    assert str(caught.value).startswith(f"{path}: not a kpsearch vocabulary (")
    return str(caught.value)


def test_the_file_that_the_hostile_ones_are_made_from_is_good(tmp_path):
    path = tmp_path / "good.h5"
    path.write_bytes(hostile.good_content())
    assert_same(load_vocabulary(path), TINY)


@pytest.mark.parametrize("libver", ["latest", "earliest"])
@pytest.mark.parametrize("name", hostile.SPOILT)
def test_a_hostile_file_is_refused_for_what_it_is(tmp_path, name, libver):
    spoil, reason = hostile.SPOILT[name]
    path = tmp_path / "hostile.h5"
    hostile.write_spoilt(path, spoil, libver=libver)
    assert reason in refusal(path)


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_is_hostile_as_a_whole_is_refused(tmp_path, name):
    path = tmp_path / "hostile.h5"
    path.write_bytes(WHOLE[name])
    refusal(path)


def test_a_user_block_is_refused(tmp_path):
    path = tmp_path / "block.h5"
    leaves = hostile.LEAVES
    hostile.write_spoilt(path, lambda file: file.create_dataset("leaves", data=leaves))
    assert_same(load_vocabulary(path), TINY)
    path.unlink()
    add = {"userblock_size": 512}
    hostile.write_spoilt(path, lambda file: file.create_dataset("leaves", data=leaves), **add)
    assert "a user block" in refusal(path)


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo.h5")
    for path in (tmp_path / "fifo.h5", tmp_path, Path("/dev/zero")):
        assert "it is no regular file" in refusal(path)


def test_a_file_larger_than_any_vocabulary_is_refused_unread(tmp_path):
    path = tmp_path / "sparse.h5"
    path.write_bytes(hostile.good_content())
    os.truncate(path, 1 << 40)
    assert "no vocabulary has more than" in refusal(path)


FLIPS = 400
READ_FLIPPED = """
import sys
from pathlib import Path
import numpy as np
from kpsearch.errors import KpsearchError
from kpsearch.vocabulary import load_vocabulary

path, flips = Path(sys.argv[1]), int(sys.argv[2])
good, rng = path.read_bytes(), np.random.default_rng(6)
for seed in range(flips):
    content = bytearray(good)
    for place in rng.integers(0, len(good), 1 + seed % 3):
        content[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    try:
        load_vocabulary(path)
        print("read")
    except KpsearchError:
        print("refused")
"""


def test_flipped_bits_are_refused_or_read_but_never_crash(tmp_path):
    path = tmp_path / "flipped.h5"
    path.write_bytes(hostile.good_content())
    command = [sys.executable, "-c", READ_FLIPPED, path, str(FLIPS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    outcomes = Counter(done.stdout.split())
    assert outcomes.total() == FLIPS
    assert outcomes["refused"] > FLIPS // 10


def test_a_flipped_bit_of_a_vocabulary_named_by_its_hash_is_refused(tmp_path, index):
    path = stored(index, "vocabulary")
    content = bytearray(path.read_bytes())
    assert_same(load_vocabulary(path), small_vocabulary())
    rng = np.random.default_rng(7)
    for place in rng.integers(0, len(content), 50).tolist():
        changed = bytearray(content)
        changed[place] ^= 8
        copy = tmp_path / path.name
        copy.write_bytes(changed)
        refusal(copy)


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good") / "index"
    write_index(folder, [random_images([30, 40])])
    return folder


def stored(index: Path, kind: str) -> Path:
    (path,) = index.glob(f"{kind}-*.h5")
    return path


@pytest.mark.parametrize("kind", ["vocabulary", "segment"])
@pytest.mark.parametrize("name", [*hostile.SPOILT, *WHOLE])
def test_in_an_index_a_hostile_file_is_damage(tmp_path, index, without_libhdf5, kind, name):
    folder = Path(shutil.copytree(index, tmp_path / "index"))
    path = stored(folder, kind)
    size = path.stat().st_size
    if name in WHOLE:
        path.write_bytes(WHOLE[name])
    else:
        path.unlink()
        hostile.write_spoilt(path, hostile.SPOILT[name][0])
    without_libhdf5()
    for length in (path.stat().st_size, size):  # as it is, and of the length that is expected
        os.truncate(path, length)
        with pytest.raises(IndexDamaged, match=path.name):
            Snapshot.open(folder)

"""What the two hashes of a file of the index see."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash

from kpsearch.errors import IndexDamaged
from kpsearch.index import Storage
from kpsearch.index.container import MappedFile
from kpsearch.index.packing import Stream, pack
from tests.indexes import written

RNG = np.random.default_rng(0)
ARRAYS = {
    "small": np.arange(60, dtype=np.uint16),
    "bulk": RNG.integers(0, 256, 70_000, dtype=np.uint8),
    "nested/small": np.arange(9, dtype=np.float32).reshape(3, 3),
}
CONTENT, ENTRY = written(pack(ARRAYS, {"kind": "test", "format_version": 1}))
BULK = ENTRY.arrays["bulk"]


def _changed(position: int) -> bytes:
    content = bytearray(CONTENT)
    content[position] ^= 1
    return bytes(content)


def test_a_changed_byte_outside_the_bulk_is_seen_at_opening():
    outside = [
        *range(BULK.offset),
        *range(BULK.offset + BULK.size_bytes, len(CONTENT)),
    ]
    assert len(outside) > 100
    for position in outside:
        with pytest.raises(IndexDamaged, match=r"file\.h5"):
            MappedFile(ENTRY, _changed(position))


@pytest.mark.parametrize("place", [0, 35_000, 69_999])
def test_a_changed_byte_of_the_bulk_is_left_to_the_whole_hash(place):
    content = _changed(BULK.offset + place)
    assert MappedFile(ENTRY, content).array("bulk")[place] != ARRAYS["bulk"][place]
    assert xxhash.xxh3_128_hexdigest(CONTENT) == ENTRY.whole_hash
    assert xxhash.xxh3_128_hexdigest(content) != ENTRY.whole_hash


def test_a_file_of_another_length_is_damaged():
    for content in (CONTENT[:-1], CONTENT + b"\0", CONTENT[:10]):
        with pytest.raises(IndexDamaged, match=r"file\.h5: \d+ bytes long"):
            MappedFile(ENTRY, content)


def test_an_array_that_is_not_there_is_damage():
    with pytest.raises(IndexDamaged, match="holds no array 'other'"):
        MappedFile(ENTRY, CONTENT).array("other")


def test_mapped_arrays_cannot_be_written_to(tmp_path):
    storage = Storage(tmp_path)
    storage.write_new("file.h5", [CONTENT])
    array = MappedFile(ENTRY, storage.map("file.h5")).array("bulk")
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_any_range_of_rows_may_be_announced(tmp_path):
    storage = Storage(tmp_path)
    storage.write_new("file.h5", [CONTENT])
    file = MappedFile(ENTRY, storage.map("file.h5"))
    starts = np.array([60_000, 0, 0, 69_000, 20_000], np.uint32)
    stops = np.array([70_000, 1, 30_000, 69_001, 20_001], np.uint32)
    file.will_need("bulk", starts, stops)
    file.will_need("bulk", starts[:0], stops[:0])
    assert np.array_equal(file.array("bulk"), ARRAYS["bulk"])


def test_other_tools_can_open_the_file(tmp_path):
    import h5py

    (tmp_path / "file.h5").write_bytes(CONTENT)
    with h5py.File(tmp_path / "file.h5") as file:
        assert file.attrs["kind"] == "test"
        for name, array in ARRAYS.items():
            assert np.array_equal(file[name][()], array)


def test_a_streamed_array_is_as_one_written_at_once():
    arrays = dict(ARRAYS)
    chunks = np.array_split(ARRAYS["bulk"], [1, 1, 30_000])
    arrays["bulk"] = Stream(np.dtype(np.uint8), (70_000,), chunks)
    assert written(pack(arrays, {"kind": "test", "format_version": 1})) == (CONTENT, ENTRY)


def test_memory_does_not_grow_with_a_file_that_is_only_laid_out():
    gigabytes = Stream(np.dtype(np.uint64), (1 << 37,), [])
    packing = pack({"huge": gigabytes, "small": np.arange(3)}, {})
    assert packing.size_bytes > 1 << 40


def test_what_a_file_is_like_is_known_once_it_is_written():
    packing = pack(ARRAYS, {})
    with pytest.raises(RuntimeError, match="not been written"):
        packing.entry("file.h5")

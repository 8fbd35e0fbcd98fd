"""What holds for any arrays, keypoints, manifests and histories of an index."""

from __future__ import annotations

import contextlib
import json
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kpsearch.errors import IndexDamaged
from kpsearch.index import (
    ImageRecord,
    IndexWriter,
    Snapshot,
    pack_segment,
    quantise_keypoints,
)
from kpsearch.index.container import MappedFile
from kpsearch.index.manifest import Manifest, SegmentEntry, parse, sealed
from kpsearch.index.packing import pack
from kpsearch.index.rejects import pack_rejects, read_rejects
from kpsearch.options import FeatureOptions
from kpsearch.types import ImageSize, Reject
from tests.indexes import (
    WORDS,
    open_segment,
    random_images,
    random_keypoints,
    record,
    write_index,
    written,
)

few = settings(deadline=None, max_examples=12)
some = settings(deadline=None, max_examples=40)

DTYPES = ["u1", "<u2", "<u4", "<u8", "i1", "<i8", "<f4", "<f8"]
any_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0))
)
names = st.sampled_from(["a", "b", "group/c", "group/d", "é"])


@some
@given(st.dictionaries(names, any_array))
def test_arrays_come_back_as_they_were_packed(arrays):
    content, entry = written(pack(arrays, {"kind": "test", "format_version": 1}))
    assert (content, entry) == written(pack(arrays, {"kind": "test", "format_version": 1}))
    file = MappedFile(entry, content)
    assert set(file.entry.arrays) == set(arrays)
    for name, array in arrays.items():
        found = file.array(name)
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert found.tobytes() == array.tobytes()


counts_of_images = st.lists(st.one_of(st.just(0), st.integers(0, 700)), max_size=8)


@some
@given(counts_of_images, st.integers(0, 2**32))
def test_every_keypoint_is_found_in_its_image(counts, seed):
    segment = open_segment(random_images(counts))
    expected = [image for image, count in enumerate(counts) for _ in range(count)]
    shuffled = np.random.default_rng(seed).permutation(len(expected)).astype(np.uint32)
    assert segment.image_of(shuffled).tolist() == [expected[k] for k in shuffled]


@some
@given(counts_of_images, st.integers(0, 2**32))
def test_posting_lists_hold_each_keypoint_under_its_word_in_order(counts, seed):
    images = random_images(counts, seed=seed)
    segment = open_segment(images)
    expected = {word: [] for word in range(WORDS)}
    number = 0
    for _, points in images:
        for word, signature in zip(points.word, points.signature, strict=True):
            expected[int(word)].append((number, int(signature)))
            number += 1
    for word in range(WORDS):
        rows = slice(int(segment.start[word]), int(segment.start[word + 1]))
        listed = zip(segment.keypoint[rows].tolist(), segment.signature[rows].tolist(), strict=True)
        assert list(listed) == expected[word]


@some
@given(
    st.integers(1, 200),
    st.tuples(st.integers(16, 30_000), st.integers(16, 30_000)),
    st.integers(0, 2**32),
)
def test_geometry_survives_within_its_stated_errors(count, size, seed):
    rng = np.random.default_rng(seed)
    sides = np.array(size, np.float32)
    xy = (rng.random((count, 2), np.float32) * (sides - 1)).astype(np.float32)
    scale = np.exp2(rng.uniform(0, 15.9, count)).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    points = quantise_keypoints(
        xy, scale, angle, ImageSize(*size), np.zeros(count, np.uint32), np.zeros(count, np.uint64)
    )
    image = ImageRecord("/a.jpg", ImageSize(*size), 1, 1, bytes(16))
    found = open_segment([(image, points)]).geometry(np.arange(count), np.zeros(count, np.int64))
    assert np.all(np.abs(found.xy - xy) <= sides / 65536 + sides * 1e-6)
    assert np.all(np.abs(np.log2(found.scale) - np.log2(scale)) <= 1 / 32 + 1e-5)
    turn = np.abs(found.angle_rad - angle) / (2 * np.pi)
    assert np.all(np.minimum(turn, 1 - turn) <= 1 / 512 + 1e-6)


byte_paths = st.binary(min_size=1, max_size=40).map(lambda name: b"/" + name.replace(b"\0", b"_"))


@some
@given(st.lists(byte_paths, unique=True, max_size=6), st.text(max_size=20))
def test_records_and_rejects_come_back_whatever_the_names(paths, text):
    path_names = [path.decode("utf-8", "surrogateescape") for path in paths]
    images = [(record(name), random_keypoints(np.random.default_rng(0), 1)) for name in path_names]
    segment = open_segment(images)
    assert [segment.record(i) for i in range(len(segment))] == [image for image, _ in images]
    rejects = {name: Reject(name, "corrupt_data", text, 12, -5) for name in path_names}
    content, entry = written(pack_rejects(rejects.values()))
    assert read_rejects(MappedFile(entry, content)) == rejects


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=10,
)


@given(st.one_of(st.binary(max_size=200), any_json.map(lambda value: json.dumps(value).encode())))
def test_what_is_no_manifest_is_called_damaged(content):
    with pytest.raises(IndexDamaged, match=r"manifest\.json"):
        parse(content)


def _manifest() -> Manifest:
    _, entry = written(pack_segment(random_images([3, 0, 5]), 0, WORDS), "segment-1.h5")
    segments = (SegmentEntry(entry, 3, 8),)
    return Manifest(2, "0.1", FeatureOptions(), entry, segments, entry, entry, 3)


MANIFEST = _manifest()
CONTENT = MANIFEST.to_bytes()


def _places(value: object, path: tuple = ()) -> list[tuple]:
    if not isinstance(value, dict | list):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [path] + [place for key, item in items for place in _places(item, (*path, key))]


def _with_its_hash(value: dict) -> bytes:
    rest = {key: item for key, item in value.items() if key != "hash"}
    return sealed(rest)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(_places(json.loads(CONTENT))[1:]), any_json)
def test_a_manifest_forged_in_one_place_is_damaged_or_well_formed(place, forged):
    value = json.loads(CONTENT)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = forged
    try:
        found = parse(_with_its_hash(value))
    except IndexDamaged:
        return
    assert isinstance(found, Manifest)
    assert found.generation >= 0
    assert all(file.size_bytes >= 0 and "/" not in file.name for file in found.files())


@given(st.integers(0, len(CONTENT) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_manifest_changes_what_is_read(position, flips):
    changed = bytearray(CONTENT)
    changed[position] ^= flips
    with contextlib.suppress(IndexDamaged):
        assert parse(bytes(changed)) == MANIFEST


def test_a_manifest_survives_its_json():
    assert parse(CONTENT) == MANIFEST


@few
@given(st.lists(st.integers(0, 30), min_size=1, max_size=7), st.data())
def test_word_statistics_forget_the_deleted(counts, data):
    images = random_images(counts)
    gone = data.draw(st.sets(st.integers(0, len(images) - 1)))
    half = data.draw(st.integers(0, len(images)))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        write_index(one, [images[:half], images[half:]])
        with IndexWriter(one) as writer:
            for slot in sorted(gone):
                writer.commit([], removed=[slot])
            writer.commit([], removed=sorted(gone))
        found = Snapshot.open(one)
        expected = write_index(other, [[x for i, x in enumerate(images) if i not in gone]])
        assert found.collection_frequency.tolist() == expected.collection_frequency.tolist()
        assert (found.images, found.keypoints) == (expected.images, expected.keypoints)
        assert [r.path for r in found.records()] == [r.path for r in expected.records()]
        assert all(found.find(f"/pictures/{slot}.jpg") is None for slot in gone)

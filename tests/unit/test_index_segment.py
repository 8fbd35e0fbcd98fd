"""Segments at their edges, and those that do not fit together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kpsearch.errors import IndexDamaged
from kpsearch.index import Segment, pack_segment, quantise_keypoints
from kpsearch.index.container import MappedFile
from kpsearch.index.manifest import SegmentEntry
from kpsearch.types import ImageSize
from tests.indexes import WORDS, open_segment, random_images, record, written


def test_equal_images_make_equal_bytes():
    one, other = (
        written(pack_segment(random_images([5, 0, 9], seed=4), 0, WORDS)) for _ in range(2)
    )
    assert one == other


def test_a_segment_may_be_empty():
    segment = open_segment([])
    assert len(segment) == 0
    assert segment.ids.tolist() == []
    assert segment.image_of(np.empty(0, np.uint32)).shape == (0,)


def test_keypoints_on_and_over_the_edge_stay_in_the_picture():
    size = ImageSize(100, 50)
    xy = np.array([[-0.5, -0.5], [99.4, 49.4], [120.0, -3.0]], np.float32)
    scale = np.array([0.2, 1e9, 1.0], np.float32)
    angle = np.array([0.0, 2 * np.pi - 1e-6, np.pi], np.float32)
    zeros = np.zeros(3, np.uint32)
    points = quantise_keypoints(xy, scale, angle, size, zeros, zeros.astype(np.uint64))
    image = dataclasses.replace(record("/a.jpg"), size=size)
    found = open_segment([(image, points)]).geometry(np.arange(3), np.zeros(3, np.int64))
    assert np.all((found.xy >= -0.5) & (found.xy <= [99.5, 49.5]))
    assert np.all(np.abs(found.xy[:2] - xy[:2]) <= [100 / 65536, 50 / 65536])
    assert found.scale[0] == 1.0
    assert found.angle_rad.tolist() == [0.0, 0.0, pytest.approx(np.pi)]


def test_a_posting_beyond_the_keypoints_is_damage():
    segment = open_segment(random_images([3, 4]))
    with pytest.raises(IndexDamaged, match=r"segment\.h5"):
        segment.image_of(np.array([2, 7], np.uint32))


@pytest.mark.parametrize("field", ["images", "keypoints"])
def test_a_manifest_that_counts_otherwise_is_damage(field):
    content, file = written(pack_segment(random_images([3, 4]), 0, WORDS), "segment.h5")
    entry = SegmentEntry(file, 2, 7)
    wrong = dataclasses.replace(entry, **{field: getattr(entry, field) + 1})
    with pytest.raises(IndexDamaged, match=r"segment\.h5"):
        Segment(wrong, MappedFile(file, content), WORDS)


def test_a_segment_of_another_vocabulary_is_damage():
    content, file = written(pack_segment(random_images([3, 4]), 0, WORDS), "segment.h5")
    entry = SegmentEntry(file, 2, 7)
    with pytest.raises(IndexDamaged, match=r"segment\.h5"):
        Segment(entry, MappedFile(file, content), WORDS + 1)


@pytest.mark.parametrize(
    ("name", "images", "words"),
    [("postings/start", 40, 20_000), ("images/keypoint_start", 20_000, 8)],
)
def test_starts_too_many_for_the_structure_hash_are_checked_all_the_same(name, images, words):
    packing = pack_segment(random_images([1] * images, words=words), 0, words)
    content, file = written(packing, "segment.h5")
    entry = SegmentEntry(file, images, images)
    place = entry.file.arrays[name]
    Segment(entry, MappedFile(file, content), words)
    for element in (0, 9_999, -1):
        changed = bytearray(content)
        np.frombuffer(changed, np.uint32, place.shape[0], place.offset)[element] ^= 1 << 30
        with pytest.raises(IndexDamaged, match=r"segment\.h5"):
            Segment(entry, MappedFile(file, bytes(changed)), words)


def test_the_postings_of_an_image_are_all_its_keypoints_each_in_its_own_list():
    segment = open_segment(random_images([7, 0, 300, 1, 40], seed=3))
    for image in range(5):
        word, place = segment.postings_of(image, np.arange(WORDS))
        first, last = segment.keypoint_start[image : image + 2].tolist()
        assert sorted(segment.keypoint[place].tolist()) == list(range(first, last))
        assert np.all(np.diff(word) >= 0)
        assert np.all((segment.start[word] <= place) & (place < segment.start[word + 1]))
        some = np.array([1, 4, 5])
        chosen = np.isin(word, some)
        asked_word, asked_place = segment.postings_of(image, some)
        assert asked_word.tolist() == word[chosen].tolist()
        assert asked_place.tolist() == place[chosen].tolist()

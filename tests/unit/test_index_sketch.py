"""A sketch stays with its image through any history, and a check names the rule it breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.errors import IndexDamaged
from kpsearch.index import (
    NO_KEYPOINT,
    NO_WORD,
    IndexWriter,
    Sketch,
    Snapshot,
    check_index,
    contents_hash,
    recover,
)
from kpsearch.index import manifest as manifests
from kpsearch.index.columns import SKETCH_COLUMNS
from kpsearch.index.container import MappedFile
from kpsearch.index.manifest import SegmentEntry
from kpsearch.index.packing import pack
from kpsearch.index.segment import SEGMENT_ATTRIBUTES
from kpsearch.options import FeatureOptions
from kpsearch.vocabulary.vocabulary import MAX_WORDS
from tests.indexes import (
    WORDS,
    Indexed,
    drawn_sketch,
    random_images,
    sketch_bytes,
    sketch_in,
    small_vocabulary,
    write_index,
)
from tests.memory import MemoryStorage

ALL_IN_BYTES = 20
VOCABULARY_BYTES = 196 * MAX_WORDS
"""Of the largest vocabulary there is."""


def sketches_in(storage: MemoryStorage) -> dict[str, bytes]:
    """Of each live image, by path."""
    snapshot = Snapshot.of(storage)
    slots = np.flatnonzero(snapshot.live).tolist()
    return {
        snapshot.record(slot).path: sketch_bytes(sketch_in(*snapshot.locate(slot)))
        for slot in slots
    }


def expected(images: list[Indexed]) -> dict[str, bytes]:
    return {r.path: sketch_bytes(p.sketch) for r, p in images if p.sketch is not None}


def resketched(images: list[Indexed], seed: int) -> list[Indexed]:
    """The images with sketches of another picture of as many keypoints."""
    other = random_images([len(points) for _, points in images], seed=seed)
    return [
        (record, replace(points, sketch=drawn.sketch))
        for (record, points), (_, drawn) in zip(images, other, strict=True)
    ]


@pytest.fixture
def storage():
    """Three segments of three images; of the middle one, an image is deleted."""
    found = MemoryStorage()
    images = random_images([70, 0, 9] * 3)
    write_index(found, [images[:3], images[3:6], images[6:]])
    with IndexWriter(found) as writer:
        writer.commit([], removed=[4])
    assert check_index(found).damage == ()
    return found


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_sketches_follow_their_images_through_any_history(data):
    storage, wanted = MemoryStorage(), {}
    images = random_images(data.draw(st.lists(st.integers(0, 90), min_size=1, max_size=12)))
    write_index(storage, [])
    with IndexWriter(storage) as writer:
        for seed in range(data.draw(st.integers(1, 5))):
            chosen = data.draw(st.lists(st.sampled_from(range(len(images))), unique=True))
            batch = resketched([images[i] for i in chosen], seed)
            gone = (
                data.draw(st.lists(st.sampled_from(sorted(wanted)), unique=True)) if wanted else []
            )
            before = Snapshot.of(storage)
            ids = [before.id_of(slot) for p in gone if (slot := before.find(p)) is not None]
            writer.commit(batch, removed=ids, merging=data.draw(st.booleans()))
            wanted = {path: s for path, s in wanted.items() if path not in gone} | expected(batch)
        if data.draw(st.booleans()):
            writer.compact()
    assert sketches_in(storage) == wanted
    assert check_index(storage).damage == ()


def test_the_perceptual_hashes_are_by_slot_deleted_ones_too(storage):
    snapshot = Snapshot.of(storage)
    hashes = [points.sketch.perceptual_hash for _, points in random_images([70, 0, 9] * 3)]
    assert snapshot.keeps_sketches
    assert snapshot.perceptual_hashes.dtype == np.uint64
    assert snapshot.perceptual_hashes.tolist() == hashes
    assert not snapshot.live.all()


def test_an_index_without_an_image_has_no_hash():
    snapshot = write_index(MemoryStorage(), [])
    assert (snapshot.keeps_sketches, snapshot.perceptual_hashes.shape) == (True, (0,))


def test_a_merge_keeps_what_the_index_says(storage):
    before, contents = sketches_in(storage), contents_hash(Snapshot.of(storage))
    with IndexWriter(storage) as writer:
        writer.compact()
    assert len(Snapshot.of(storage).segments) == 1
    assert sketches_in(storage) == before
    assert contents_hash(Snapshot.of(storage)) == contents


def test_the_contents_differ_by_the_sketch():
    images = random_images([70, 0, 9])
    one, other = (write_index(MemoryStorage(), [i]) for i in (images, resketched(images, 5)))
    assert contents_hash(one) != contents_hash(other)


def test_every_new_index_is_of_format_6(storage):
    value = json.loads(Snapshot.of(storage).manifest.to_bytes())
    assert (value["format_version"], value["sketches"]) == (6, True)


def unsketched_index() -> MemoryStorage:
    storage = MemoryStorage()
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), small_vocabulary(), sketches=False)
        writer.commit([(r, replace(p, sketch=None)) for r, p in random_images([4, 0, 9])])
    return storage


def test_an_index_without_sketches_is_of_format_3_as_ever():
    snapshot = Snapshot.of(unsketched_index())
    value = json.loads(snapshot.manifest.to_bytes())
    assert (value["format_version"], "sketches" in value) == (3, False)
    assert not snapshot.keeps_sketches
    assert not snapshot.segments[0].keeps_sketches
    with pytest.raises(IndexDamaged, match="holds no array"):
        _ = snapshot.perceptual_hashes


def test_images_with_and_without_a_sketch_do_not_mix(storage):
    ((record, points),) = random_images([3], seed=9)
    with (
        IndexWriter(storage) as writer,
        pytest.raises(ValueError, match=r"0\.jpg: no sketch, in an index that keeps some"),
    ):
        writer.commit([(record, replace(points, sketch=None))])
    with (
        IndexWriter(unsketched_index()) as writer,
        pytest.raises(ValueError, match=r"0\.jpg: a sketch, in an index that keeps none"),
    ):
        writer.commit([(record, points)])


def test_a_sketch_has_as_many_words_as_keypoints_and_64_at_most():
    (points,) = (points for _, points in random_images([90]))
    sketch = drawn_sketch(points)
    with pytest.raises(ValueError, match="a sketch of"):
        replace(sketch, word=np.append(sketch.word, np.uint32(1)))
    with pytest.raises(ValueError, match="a sketch of"):
        Sketch(0, *(np.zeros(65, dtype) for dtype in (np.uint32, np.uint64, np.uint16)))


def test_a_picture_of_1000_keypoints_costs_20_bytes_a_keypoint_all_in():
    snapshot = write_index(MemoryStorage(), [random_images([1000] * 300)])
    images = snapshot.size_bytes - snapshot.manifest.vocabulary.size_bytes
    of_20_000_pictures = VOCABULARY_BYTES / (20_000 * 1000)
    assert images / snapshot.keypoints + of_20_000_pictures < ALL_IN_BYTES


def test_recovery_keeps_the_sketches_that_are_left(storage):
    lost = Snapshot.of(storage).manifest.segments[0].file.name
    before = sketches_in(storage)
    gone = {f"/pictures/{i}.jpg" for i in range(3)}
    content = bytearray(storage.files[lost])
    content[len(content) // 2] ^= 1
    storage.files[lost] = bytes(content)
    recover(storage)
    assert Snapshot.of(storage).keeps_sketches
    assert sketches_in(storage) == {path: s for path, s in before.items() if path not in gone}
    assert check_index(storage).damage == ()


Arrays = Mapping[str, np.ndarray]


def forge(storage: MemoryStorage, arrays: Arrays, *, but: tuple[str, ...] = ()) -> None:
    """Give the first segment other arrays, or take some away, under hashes that fit."""
    manifest = manifests.load(storage)
    entry = manifest.segments[0]
    file = MappedFile(entry.file, storage.map(entry.file.name))
    held = {name: file.array(name).copy() for name in entry.file.arrays if name not in but}
    packing = pack({**held, **arrays}, SEGMENT_ATTRIBUTES)
    storage.files[entry.file.name] = b"".join(packing)
    forged = SegmentEntry(packing.entry(entry.file.name), entry.images, entry.keypoints)
    changed = replace(manifest, segments=(forged, *manifest.segments[1:]))
    storage.files[manifests.NAME] = changed.to_bytes()
    earlier = replace(changed, generation=manifest.generation - 1)
    storage.files[manifests.PREVIOUS] = earlier.to_bytes()


def damage_of(storage: MemoryStorage) -> str:
    (damage,) = check_index(storage).damage
    assert damage.file.startswith("segment-")
    return damage.text


def changed(storage: MemoryStorage, name: str, place: object, value: int) -> Arrays:
    array = Snapshot.of(storage).segments[0].array(name).copy()
    array[place] = value
    return {name: array}


WORD, SIGNATURE, KEYPOINT = (f"mirrored/{name}" for name in ("word", "signature", "keypoint"))
PADDED = "padded elsewhere than at its end"
RULES = {
    "a word too high": (WORD, (0, 0), WORDS, "words that are not in the vocabulary"),
    "a keypoint too high": (KEYPOINT, (0, 0), 70, "keypoints that its image has not"),
    "a keypoint of an image without": (KEYPOINT, (1, 0), 0, PADDED),
    "padding before a keypoint": (KEYPOINT, (0, 0), NO_KEYPOINT, PADDED),
    "padding before a word": (WORD, (0, 0), NO_WORD, PADDED),
    "a signature in the padding": (SIGNATURE, (0, -1), 1, PADDED),
    "a word in the padding": (WORD, (0, -1), 1, PADDED),
    "a keypoint twice": (KEYPOINT, (0, slice(0, 2)), 3, "keypoint twice"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_check_names_the_rule_that_a_sketch_breaks(storage, rule):
    name, place, value, flaw = RULES[rule]
    forge(storage, changed(storage, name, place, value))
    assert re.search(flaw, damage_of(storage))


@pytest.mark.parametrize("name", SKETCH_COLUMNS)
def test_sketches_of_another_shape_or_type_fit_no_manifest(storage, name):
    array = Snapshot.of(storage).segments[0].array(name)
    for wrong in (array[:-1], array.astype(np.int64)):
        forge(storage, {name: wrong.copy()})
        assert "do not fit the manifest" in damage_of(storage)


@pytest.mark.parametrize("but", [tuple(SKETCH_COLUMNS), (WORD,)])
def test_sketches_that_are_missing_are_damage(storage, but):
    forge(storage, {}, but=but)
    assert damage_of(storage) == "it lacks sketches"


def test_sketches_that_no_manifest_knows_are_damage():
    storage = unsketched_index()
    forge(storage, {"images/perceptual_hash": np.zeros(3, np.uint64)})
    assert damage_of(storage) == "it has sketches and the manifest none"


@pytest.mark.parametrize("value", [None, 1, "true"])
def test_a_manifest_that_does_not_say_whether_is_none(storage, value):
    manifest = Snapshot.of(storage).manifest
    content = json.loads(manifest.to_bytes())
    del content["hash"]
    with pytest.raises(IndexDamaged, match="neither true nor false"):
        manifests.parse(manifests.sealed({**content, "sketches": value}))

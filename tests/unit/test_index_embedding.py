"""An embedding stays with its image, whatever is committed, replaced, removed, merged or lost."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.errors import IndexDamaged
from kpsearch.index import IndexWriter, Snapshot, check_index, contents_hash, recover
from kpsearch.index import manifest as manifests
from kpsearch.index.container import MappedFile
from kpsearch.index.manifest import SegmentEntry
from kpsearch.index.packing import pack
from kpsearch.index.segment import EMBEDDING, SEGMENT_ATTRIBUTES
from kpsearch.options import EmbeddingFacts, EmbeddingOptions, FeatureOptions
from tests.indexes import Indexed, random_images, small_vocabulary, write_index
from tests.memory import MemoryStorage

DIMENSIONS = 5
FACTS = EmbeddingFacts("/models/m.onnx", "ab" * 16, DIMENSIONS, EmbeddingOptions(size=96))


def embedded(images: list[Indexed], *, seed: int = 0) -> list[Indexed]:
    """The images with a vector each, one of them of zeros."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(len(images), DIMENSIONS))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-1:] = 0
    return [
        (record, replace(points, embedding=vector.astype(np.float16)))
        for (record, points), vector in zip(images, vectors, strict=True)
    ]


def new_index(storage: MemoryStorage) -> IndexWriter:
    writer = IndexWriter(storage)
    with writer:
        writer.create(FeatureOptions(), small_vocabulary(), FACTS)
    return IndexWriter(storage)


def vectors_in(storage: MemoryStorage) -> dict[str, list[float]]:
    """The embedding of each live image, by path."""
    snapshot = Snapshot.of(storage)
    found = {}
    for slot in np.flatnonzero(snapshot.live).tolist():
        segment, image = snapshot.locate(slot)
        found[snapshot.record(slot).path] = segment.embedding[image].tolist()
    return found


def expected(images: list[Indexed]) -> dict[str, list[float]]:
    return {r.path: p.embedding.tolist() for r, p in images if p.embedding is not None}


@pytest.fixture
def storage():
    """Three segments of three images; of the middle one, an image is deleted."""
    found = MemoryStorage()
    images = embedded(random_images([4, 0, 9] * 3))
    with new_index(found) as writer:
        for low in range(0, 9, 3):
            writer.commit(images[low : low + 3], merging=False)
        writer.commit([], removed=[4])
    assert check_index(found).damage == ()
    return found


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_embeddings_follow_their_images_through_any_history(data):
    storage, wanted = MemoryStorage(), {}
    images = random_images(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12)))
    with new_index(storage) as writer:
        for seed in range(data.draw(st.integers(1, 5))):
            chosen = data.draw(st.lists(st.sampled_from(range(len(images))), unique=True))
            batch = embedded([images[i] for i in chosen], seed=seed)
            gone = (
                data.draw(st.lists(st.sampled_from(sorted(wanted)), unique=True)) if wanted else []
            )
            before = Snapshot.of(storage)
            ids = [before.id_of(slot) for p in gone if (slot := before.find(p)) is not None]
            writer.commit(batch, removed=ids, merging=data.draw(st.booleans()))
            wanted = {path: v for path, v in wanted.items() if path not in gone} | expected(batch)
        if data.draw(st.booleans()):
            writer.compact()
    assert vectors_in(storage) == wanted
    assert check_index(storage).damage == ()


def test_a_merge_keeps_what_the_index_says(storage):
    before, contents = vectors_in(storage), contents_hash(Snapshot.of(storage))
    with IndexWriter(storage) as writer:
        writer.compact()
    assert len(Snapshot.of(storage).segments) == 1
    assert vectors_in(storage) == before
    assert contents_hash(Snapshot.of(storage)) == contents


def test_the_contents_differ_by_the_embedding(storage):
    other = MemoryStorage()
    with new_index(other) as writer:
        writer.commit(embedded(random_images([4, 0, 9] * 3), seed=1))
        writer.commit([], removed=[4])
    assert contents_hash(Snapshot.of(other)) != contents_hash(Snapshot.of(storage))


def test_the_manifest_remembers_the_model(storage):
    assert Snapshot.of(storage).manifest.embedding == FACTS


def test_an_index_without_embeddings_has_no_array_of_them():
    snapshot = write_index(MemoryStorage(), [random_images([3, 4])])
    assert snapshot.manifest.embedding is None
    assert not snapshot.segments[0].keeps_embeddings
    with pytest.raises(IndexDamaged, match="holds no array"):
        _ = snapshot.segments[0].embedding


@pytest.mark.parametrize("wrong", [None, np.zeros(DIMENSIONS + 1, np.float16)])
def test_every_image_must_come_with_an_embedding_of_the_model(storage, wrong):
    ((record, points),) = random_images([3], seed=9)
    image = (replace(record, path="/new.jpg"), replace(points, embedding=wrong))
    with (
        IndexWriter(storage) as writer,
        pytest.raises(ValueError, match=r"/new\.jpg: an embedding of"),
    ):
        writer.commit([image])


def test_an_index_without_a_model_takes_no_embedding():
    storage = MemoryStorage()
    write_index(storage, [])
    with IndexWriter(storage) as writer, pytest.raises(ValueError, match="not of None"):
        writer.commit(embedded(random_images([3, 3])))


def test_recovery_keeps_the_model_and_the_embeddings_that_are_left(storage):
    lost = Snapshot.of(storage).manifest.segments[0].file.name
    before = vectors_in(storage)
    gone = {f"/pictures/{i}.jpg" for i in range(3)}
    content = bytearray(storage.files[lost])
    content[len(content) // 2] ^= 1
    storage.files[lost] = bytes(content)
    recover(storage)
    assert Snapshot.of(storage).manifest.embedding == FACTS
    assert vectors_in(storage) == {path: v for path, v in before.items() if path not in gone}
    assert check_index(storage).damage == ()


def forge(storage: MemoryStorage, embedding: np.ndarray | None) -> None:
    """Give the first segment other embeddings, under hashes that fit."""
    manifest = manifests.load(storage)
    entry = manifest.segments[0]
    file = MappedFile(entry.file, storage.map(entry.file.name))
    arrays = {name: file.array(name).copy() for name in entry.file.arrays if name != EMBEDDING}
    if embedding is not None:
        arrays[EMBEDDING] = embedding
    packing = pack(arrays, SEGMENT_ATTRIBUTES)
    storage.files[entry.file.name] = b"".join(packing)
    forged = SegmentEntry(packing.entry(entry.file.name), entry.images, entry.keypoints)
    changed = replace(manifest, segments=(forged, *manifest.segments[1:]))
    storage.files[manifests.NAME] = changed.to_bytes()
    earlier = replace(changed, generation=manifest.generation - 1)
    storage.files[manifests.PREVIOUS] = earlier.to_bytes()


@pytest.mark.parametrize(
    ("embedding", "flaw"),
    [
        (None, "no embeddings"),
        (np.zeros((2, DIMENSIONS), np.float16), r"of float16 \(2, 5\), not float16 \(3, 5\)"),
        (np.zeros((3, DIMENSIONS), np.float32), "of float32"),
        (np.full((3, DIMENSIONS), 0.9, np.float16), "not of unit length"),
        (np.full((3, DIMENSIONS), np.nan, np.float16), "not of unit length"),
    ],
)
def test_a_check_names_the_rule_that_embeddings_break(storage, embedding, flaw):
    forge(storage, embedding)
    (damage,) = check_index(storage).damage
    assert damage.file.startswith("segment-")
    assert re.search(flaw, damage.text)


def test_embeddings_that_no_model_has_made_are_damage():
    storage = MemoryStorage()
    write_index(storage, [random_images([4, 0, 9])])
    rows = np.zeros((3, DIMENSIONS), np.float16)
    forge(storage, rows)
    (damage,) = check_index(storage).damage
    assert "the manifest no model" in damage.text

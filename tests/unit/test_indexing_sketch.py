"""What indexing keeps of pictures for finding copies: hashes, and keypoints in the mirror."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.features import extract_features, perceptual_hash
from kpsearch.images import mirror, read_image
from kpsearch.index import SKETCH_KEYPOINTS, IndexWriter, Snapshot, Storage, check_index
from kpsearch.indexing import build_index
from kpsearch.indexing.outline import outline_of
from kpsearch.options import FeatureOptions
from tests.indexes import sketch_in
from tests.textures import flat, textured


def write_picture(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(4):
        write_picture(folder / f"{seed}.png", textured(seed, 320, 240))
    write_picture(folder / "flat.png", flat())
    return folder


@pytest.fixture(scope="module", params=["sift", "surf", "orb"])
def made(request, pictures, tmp_path_factory):
    """By the two ways to the mirror: an order of the numbers, the mirror image."""
    folder = tmp_path_factory.mktemp("index")
    build_index([pictures], folder, features=FeatureOptions(request.param, max_keypoints=300))
    return folder


def test_a_new_index_has_a_sketch_of_every_picture(made, pictures):
    assert check_index(Storage(made)).damage == ()
    snapshot = Snapshot.open(made)
    assert (snapshot.keeps_sketches, snapshot.manifest.format_version) == (True, 6)
    for slot, record in enumerate(snapshot.records()):
        seen = int(snapshot.perceptual_hashes[slot])
        assert seen == perceptual_hash(read_image(record.path).pixels)
        sketch = sketch_in(*snapshot.locate(slot))
        is_flat = Path(record.path).name == "flat.png"
        assert len(sketch.keypoint) == (0 if is_flat else SKETCH_KEYPOINTS)


def test_the_words_of_a_sketch_are_those_of_the_mirror_image(made):
    snapshot = Snapshot.open(made)
    options = replace(snapshot.manifest.features, max_keypoints=1000)
    for slot, record in enumerate(snapshot.records()):
        segment, image = snapshot.locate(slot)
        sketch = sketch_in(segment, image)
        if len(sketch.keypoint) == 0:
            continue
        seen = extract_features(mirror(read_image(record.path)), options)
        words = snapshot.vocabulary.quantise(seen.descriptors)
        numbers = sketch.keypoint + int(segment.keypoint_start[image])
        xy = segment.geometry(numbers, np.full(len(numbers), image)).xy
        xy[:, 0] = record.size.width - 1 - xy[:, 0]
        beside = np.linalg.norm(xy[:, None] - seen.xy, axis=2) < 2
        same = words.ids[:, 0] == sketch.word[:, None]
        near = np.bitwise_count(words.signatures[:, 0] ^ sketch.signature[:, None]) <= 16
        assert (beside & same & near).any(axis=1).mean() > 0.7


def test_an_index_of_an_old_format_is_added_to_without(made, pictures, tmp_path):
    snapshot = Snapshot.open(made)
    with IndexWriter(tmp_path / "old") as writer:
        writer.create(snapshot.manifest.features, snapshot.vocabulary, sketches=False)
    build_index([pictures], tmp_path / "old")
    old = Snapshot.open(tmp_path / "old")
    assert (old.keeps_sketches, old.manifest.format_version, old.images) == (False, 3, 5)
    assert old.keypoint_counts.tolist() == snapshot.keypoint_counts.tolist()
    assert check_index(Storage(tmp_path / "old")).damage == ()


def test_keypoints_beyond_those_that_can_be_numbered_are_left_out(pictures, monkeypatch):
    monkeypatch.setattr("kpsearch.indexing.outline.NO_KEYPOINT", 50)
    picture, options = read_image(pictures / "1.png"), FeatureOptions(max_keypoints=300)
    outline = outline_of(picture, extract_features(picture, options), options)
    assert outline.mirrored.rows.tolist() == list(range(50))

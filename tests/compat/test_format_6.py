"""An index with sketches as it was written once, of format 6, still opens and says the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kpsearch.index import (
    NO_KEYPOINT,
    NO_WORD,
    IndexWriter,
    Snapshot,
    Storage,
    check_index,
    contents_hash,
    recover,
)
from tests.compat.make import CATEGORIES, EMBEDDING, categorised, embedded, images, write

GOLDEN = Path(__file__).parent / "format-6"
CONTENTS = "b099a31b1e7329944df16062e0cc0284"


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "index"))


def test_it_opens_and_verifies(copy):
    assert check_index(Storage(copy)).damage == ()
    snapshot = Snapshot.open(copy)
    manifest = snapshot.manifest
    assert (manifest.format_version, snapshot.keeps_sketches) == (6, True)
    assert (manifest.embedding, manifest.categories) == (EMBEDDING, CATEGORIES)
    assert contents_hash(snapshot) == CONTENTS


def test_its_sketches_are_known(copy):
    snapshot = Snapshot.open(copy)
    assert snapshot.perceptual_hashes.tolist() == [
        13863194290826519695,
        7601762069095382908,
        14586397765234737166,
        6347838312820213123,
        2277224169055018820,
        2277224169055018820,
    ]
    first = snapshot.segments[0]
    assert first.keeps_sketches
    word, keypoint = (first.array(f"mirrored/{name}")[:, :4] for name in ("word", "keypoint"))
    assert word.tolist() == [[2, 3, 1, NO_WORD], [NO_WORD] * 4, [1, 2, 0, 4]]
    assert keypoint.tolist() == [[3, 2, 1, NO_KEYPOINT], [NO_KEYPOINT] * 4, [7, 1, 6, 2]]
    assert int(first.array("mirrored/signature")[2, 0]) == 0x38B72506A94FBA92


def test_it_can_be_committed_to_merged_and_taken_back(copy):
    new, old = categorised(embedded(images()))[:2]
    with IndexWriter(copy) as writer:
        writer.commit([new, old])
        writer.compact()
    (segment,) = Snapshot.open(copy).segments
    assert segment.array("mirrored/word").shape == (5, 56)
    recover(Storage(copy), to_previous=True)
    assert contents_hash(Snapshot.open(copy)) == CONTENTS


def test_what_made_it_still_makes_its_like(tmp_path):
    write(str(tmp_path / "index"), EMBEDDING, CATEGORIES, sketches=True)
    assert contents_hash(Snapshot.open(tmp_path / "index")) == CONTENTS

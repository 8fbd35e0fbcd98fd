"""An index with embeddings as it was written once, of format 4, still opens and says the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kpsearch.index import IndexWriter, Snapshot, Storage, check_index, contents_hash, recover
from kpsearch.search.fusion import cosines
from tests.compat.make import DIMENSIONS, EMBEDDING, embedded, images, unsketched, write

GOLDEN = Path(__file__).parent / "format-4"
CONTENTS = "d9b5134ed42224ea8c5bbcc5a552425a"


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "index"))


def test_it_opens_and_verifies(copy):
    assert check_index(Storage(copy)).damage == ()
    snapshot = Snapshot.open(copy)
    assert (snapshot.manifest.format_version, snapshot.manifest.embedding) == (4, EMBEDDING)
    assert contents_hash(snapshot) == CONTENTS


def test_its_embeddings_are_known(copy):
    found = cosines(Snapshot.open(copy), np.array([1, 2, 3, 4], np.float32))
    assert found.tolist() == [1, 2, 3, 4, 1, 1]


def test_it_can_be_committed_to_merged_and_taken_back(copy):
    new, old = unsketched(embedded(images()))[:2]
    with IndexWriter(copy) as writer:
        writer.commit([new, old])
        writer.compact()
    (segment,) = Snapshot.open(copy).segments
    assert segment.embedding.shape == (5, DIMENSIONS)
    recover(Storage(copy), to_previous=True)
    assert contents_hash(Snapshot.open(copy)) == CONTENTS


def test_what_made_it_still_makes_its_like(tmp_path):
    write(str(tmp_path / "index"), EMBEDDING)
    assert contents_hash(Snapshot.open(tmp_path / "index")) == CONTENTS

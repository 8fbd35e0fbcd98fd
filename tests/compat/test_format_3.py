"""An index as it was written once, of format 3, still opens, says the same and goes on growing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kpsearch.index import IndexWriter, Snapshot, Storage, check_index, contents_hash, recover
from kpsearch.options import FeatureOptions, SearchOptions
from kpsearch.search import Searcher, StageLog, View
from kpsearch.types import Features, ImageSize, Reject
from tests.compat.make import WORDS, unsketched, write
from tests.indexes import random_keypoints, record

GOLDEN = Path(__file__).parent / "format-3"
CONTENTS = "96bc13447434b91e1bc4e4f599ed40a1"


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "index"))


def test_it_opens_and_verifies(copy):
    report = check_index(Storage(copy))
    assert (report.damage, report.generation, report.previous) == ((), 3, 2)
    snapshot = Snapshot.open(copy)
    assert snapshot.manifest.features == FeatureOptions(max_keypoints=123)
    assert snapshot.manifest.next_id == 6
    assert contents_hash(snapshot) == CONTENTS


def test_its_records_and_ids_are_known(copy):
    snapshot = Snapshot.open(copy)
    assert snapshot.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert snapshot.live.tolist() == [False, False, True, True, True, True]
    found = [r.path for r in snapshot.records()]
    assert found == ["/new\nline.jpg", "/shop/été.jpg", "/b.jpg", "/shop/tea.jpg"]
    odd, plain = snapshot.record(3), snapshot.record(4)
    assert (odd.size, odd.size_bytes, odd.mtime_ns) == (ImageSize(65535, 1), 2**32 - 1, -1)
    assert (odd.category, odd.warning) == ("", "décodé à moitié")
    assert odd.content_hash == bytes(range(16))
    assert (plain.size, plain.category, plain.warning) == (ImageSize(640, 480), "tea", "")
    assert plain.content_hash.hex() == "3f9a0fcbb64808bef4f1717120ac2ff8"
    assert (snapshot.find("/shop/tea.jpg"), snapshot.find("/shop/\udcff.jpg")) == (5, None)


def test_its_rejects_are_known(copy):
    assert list(Snapshot.open(copy).rejects.values()) == [
        Reject("/shop/void.png", "empty_file", "0 bytes", 0, 1_700_000_000_000_000_000),
        Reject("/shop/\udcfe.jpg", "corrupt_data", "cut short at 7 of 12 bytes", 12, -5),
    ]


def test_its_posting_lists_and_keypoints_are_known(copy):
    snapshot = Snapshot.open(copy)
    first, second = snapshot.segments
    assert first.start.tolist() == [0, 2, 3, 6, 8, 9, 13]
    assert first.keypoint.tolist() == [8, 12, 4, 6, 9, 11, 3, 5, 0, 1, 2, 7, 10]
    assert second.start.tolist() == [0, 4, 4, 4, 9, 11, 17]
    assert int(first.signature[0]) == 0x16BEA1724B70F18E
    assert first.array("keypoints/x")[:4].tolist() == [2427, 41089, 26050, 52553]
    assert first.array("keypoints/scale")[:4].tolist() == [145, 217, 12, 173]
    assert snapshot.keypoint_counts.tolist() == [4, 0, 9, 7, 5, 5]
    assert snapshot.collection_frequency.tolist() == [6, 1, 3, 6, 2, 8]


def test_its_vocabulary_is_known(copy):
    vocabulary = Snapshot.open(copy).vocabulary
    assert (vocabulary.extractor, vocabulary.seed, vocabulary.words_asked) == ("sift", 3, 8)
    assert vocabulary.tree.leaves[0].tolist() == [247, 193, 189, 206, 146, 25, 236, 20]
    assert vocabulary.quantise(vocabulary.tree.leaves).ids[:, 0].tolist() == [0, 1, 4, 3, 4, 5]


def test_it_answers_a_query(copy):
    searcher = Searcher.open(copy)
    n = 12
    query = Features(
        xy=np.zeros((n, 2), np.float32),
        scale=np.ones(n, np.float32),
        angle_rad=np.zeros(n, np.float32),
        response=np.ones(n, np.float32),
        descriptors=searcher.snapshot.vocabulary.tree.leaves[[0, 5] * 6],
        image_size=ImageSize(10, 10),
    )
    hits = searcher.rank([View.whole(query)], SearchOptions(), StageLog())
    assert {hit.path for hit in hits} <= {r.path for r in searcher.snapshot.records()}


def test_it_can_be_committed_to_and_merged(copy):
    new = (record("/new.jpg"), random_keypoints(np.random.default_rng(0), 3, WORDS))
    (new,) = unsketched([new])
    with IndexWriter(copy) as writer:
        assert writer.commit([new], removed=[5]) == 4
        writer.compact()
    snapshot = Snapshot.open(copy)
    assert [s.ids.tolist() for s in snapshot.segments] == [[2, 3, 4, 6]]
    assert (len(snapshot.deletes.ids), len(snapshot.rejects)) == (0, 2)
    assert check_index(Storage(copy)).damage == ()


def test_it_can_be_compacted_without_a_change_of_contents(copy):
    with IndexWriter(copy) as writer:
        writer.compact()
    assert contents_hash(Snapshot.open(copy)) == CONTENTS


def test_it_can_go_back_a_generation(copy):
    recover(Storage(copy), to_previous=True)
    found = [r.path for r in Snapshot.open(copy).records()]
    assert found == ["/shop/tea.jpg", "/shop/\udcff.jpg", "/new\nline.jpg"]


def test_what_made_it_still_makes_its_like(tmp_path):
    write(str(tmp_path / "index"))
    assert contents_hash(Snapshot.open(tmp_path / "index")) == CONTENTS

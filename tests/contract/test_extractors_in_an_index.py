"""Every extractor from pictures to an index to answers, as SIFT goes there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpsearch.errors import IndexMismatch, NotInstalled
from kpsearch.evaluation import evaluate, read_truth
from kpsearch.features import EXTRACTORS, installed_extractors, make_extractor
from kpsearch.index import Snapshot
from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions, VocabularyOptions
from kpsearch.search import Searcher
from kpsearch.vocabulary import Metric

SMALL = {"max_side_px": 400, "max_keypoints": 600}


@pytest.fixture(scope="module", params=installed_extractors())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def index(name, catalogue, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(name) / "index"
    options = FeatureOptions(name, **SMALL)
    build_index([catalogue / "catalogue"], folder, features=options)
    return folder


def test_an_index_records_its_extractor_and_its_threshold(name, index):
    snapshot = Snapshot.open(index)
    extractor = make_extractor(name)
    assert snapshot.manifest.features == FeatureOptions(
        name, **SMALL, threshold=extractor.default_threshold
    )
    assert snapshot.vocabulary.extractor == name
    assert (snapshot.vocabulary.tree.metric is Metric.HAMMING) == extractor.binary
    assert snapshot.vocabulary.tree.leaves.shape[1] == extractor.descriptor_size


def test_an_index_takes_at_most_twenty_bytes_a_keypoint(index):
    snapshot = Snapshot.open(index)
    of_any_index = 40_000  # projection, headers and manifest, however few the keypoints
    assert snapshot.size_bytes <= 20 * snapshot.keypoints + of_any_index


def test_photos_find_their_packs_and_a_stranger_none_without_naming_the_extractor(index, catalogue):
    result = evaluate(read_truth(str(catalogue / "manifest.csv")), index, features=None)
    (summary,) = result.sources.values()
    assert summary.recall_at_1 == 1.0
    assert summary.no_match == summary.without_answer == 1  # the stranger's photo


def test_another_extractor_needs_another_index(name, index, catalogue):
    other = "sift" if name != "sift" else "orb"
    with pytest.raises(IndexMismatch, match=f"extractor {name}.* not extractor {other}"):
        build_index([catalogue], index, features=FeatureOptions(other, **SMALL))


def test_the_vocabulary_of_another_extractor_is_refused(name, index, catalogue, tmp_path):
    other = "sift" if name != "sift" else "orb"
    with pytest.raises(IndexMismatch, match=f"a vocabulary of {name} descriptors, not of {other}"):
        build_index(
            [catalogue], tmp_path / "index", features=FeatureOptions(other), vocabulary=index
        )


def test_a_vocabulary_serves_another_index_of_its_extractor(name, index, catalogue, tmp_path):
    options = FeatureOptions(name, **SMALL)
    (first, *_) = sorted((catalogue / "catalogue").iterdir())
    report = build_index([first], tmp_path / "index", features=options, vocabulary=index)
    assert report.added == 1
    (hit, *_) = Searcher.open(tmp_path / "index").query(first).hits
    assert hit.verified


def test_the_number_of_processes_changes_no_byte(name, catalogue, tmp_path):
    pictures = sorted((catalogue / "catalogue").iterdir())[:4]
    options = FeatureOptions(name, max_side_px=200, max_keypoints=100)
    for jobs in (1, 2):
        build_index(
            pictures,
            tmp_path / str(jobs),
            features=options,
            vocabulary=VocabularyOptions(words=20),
            n_jobs=jobs,
        )
    one, two = (Snapshot.open(tmp_path / jobs).manifest for jobs in ("1", "2"))
    assert one.vocabulary.name == two.vocabulary.name
    assert one.segments[0].file.whole_hash == two.segments[0].file.whole_hash


def test_an_extractor_that_is_missing_says_how_to_get_it():
    missing = set(EXTRACTORS.names()) - set(installed_extractors())
    for name in missing:
        with pytest.raises(NotInstalled, match=r"OpenCV \d+\.\d+.*: (build|install) "):
            make_extractor(name)

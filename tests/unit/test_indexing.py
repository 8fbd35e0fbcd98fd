"""What a run puts into an index, what it leaves alone, and what it says about it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.errors import IndexMismatch, KpsearchError, UnknownName, UsageError, WrongFolder
from kpsearch.index import Snapshot
from kpsearch.indexing import build_index
from kpsearch.options import FeatureOptions, VocabularyOptions
from kpsearch.search import Searcher
from kpsearch.synthetic import CatalogueSpec, render_item
from tests import corpus
from tests.textures import flat, textured


def save(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return path


def paths_in(index: Path) -> list[str]:
    return [record.path for record in Snapshot.open(index).records()]


@pytest.fixture(scope="module")
def masters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masters")
    for seed in range(4):
        save(folder / f"{seed}.png", textured(seed, 140, 100))
    return folder


@pytest.fixture(scope="module")
def master_index(masters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("master-index")
    build_index([masters], folder)
    return folder


@pytest.fixture
def pictures(masters, tmp_path):
    return Path(shutil.copytree(masters, tmp_path / "pictures"))


@pytest.fixture
def vocabulary(master_index):
    """A vocabulary ready made, to spare its training."""
    return next(master_index.glob("vocabulary-*.h5"))


@pytest.fixture
def index(pictures, vocabulary, tmp_path):
    build_index([pictures], tmp_path / "index", vocabulary=vocabulary)
    return tmp_path / "index"


def test_the_first_run_adds_everything_in_order(masters, master_index):
    assert paths_in(master_index) == [str(masters / f"{seed}.png") for seed in range(4)]
    snapshot = Snapshot.open(master_index)
    assert snapshot.keypoints == int(snapshot.keypoint_counts.sum()) > 100
    assert snapshot.record(0).size == (140, 100)


def test_a_run_again_changes_nothing(pictures, index):
    before = Snapshot.open(index).generation
    report = build_index([pictures], index)
    assert (report.added, report.replaced, report.unchanged) == (0, 0, 4)
    assert report.generation == before == Snapshot.open(index).generation


def test_only_what_is_new_is_added(pictures, index):
    save(pictures / "new.png", textured(9, 140, 100))
    report = build_index([pictures], index)
    assert (report.added, report.replaced, report.unchanged) == (1, 0, 4)
    assert str(pictures / "new.png") in paths_in(index)


def test_a_changed_picture_replaces_its_older_self(pictures, index):
    save(pictures / "2.png", textured(9, 140, 100))
    report = build_index([pictures], index)
    assert (report.added, report.replaced, report.unchanged) == (0, 1, 3)
    assert sorted(paths_in(index)) == sorted(str(path) for path in pictures.iterdir())
    best = Searcher.open(index).query(pictures / "2.png").hits[0]
    assert best.path == str(pictures / "2.png")
    assert best.verified
    assert not Searcher.open(index).query(save(pictures / "2.png", textured(2, 140, 100))).verified


def test_a_picture_touched_but_not_changed_stays(pictures, index):
    before = Snapshot.open(index)
    os.utime(pictures / "1.png", (1, 1))
    report = build_index([pictures], index)
    assert (report.added, report.replaced, report.unchanged) == (0, 0, 4)
    assert Snapshot.open(index).generation == before.generation


def test_a_path_given_in_several_ways_is_one_picture(pictures, vocabulary, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures)
    ways = [pictures, "0.png", pictures / ".." / "pictures" / "0.png", "."]
    report = build_index(ways, tmp_path / "index", vocabulary=vocabulary)
    assert (report.added, report.unchanged) == (4, 0)
    report = build_index(ways, tmp_path / "index")
    assert (report.added, report.unchanged) == (0, 4)


def test_a_reject_is_recorded_and_tried_again_only_when_changed(pictures, index):
    bad = pictures / "bad.jpg"
    bad.write_bytes(b"no picture")
    told = []
    report = build_index([pictures], index, on_reject=told.append)
    assert [reject.code for reject in report.rejects] == ["not_an_image"]
    assert told == report.rejects == list(Snapshot.open(index).rejects.values())

    assert build_index([pictures], index).rejects == []

    bad.write_bytes(b"still none")
    os.utime(bad, (1, 1))
    assert len(build_index([pictures], index).rejects) == 1
    assert len(Snapshot.open(index).rejects) == 1

    save(bad, textured(8, 140, 100))
    assert build_index([pictures], index).added == 1
    assert Snapshot.open(index).rejects == {}


def test_the_same_reject_again_makes_no_generation(pictures, index):
    gone = pictures / "gone.png"
    first = build_index([pictures, gone], index)
    again = build_index([pictures, gone], index)
    assert [r.code for r in again.rejects] == [r.code for r in first.rejects] == ["unreadable"]
    assert again.generation == first.generation


def test_a_picture_that_goes_bad_keeps_its_older_self(pictures, index):
    (pictures / "0.png").write_bytes(b"no picture")
    first = build_index([pictures], index)
    assert [reject.code for reject in first.rejects] == ["not_an_image"]
    assert str(pictures / "0.png") in paths_in(index)
    again = build_index([pictures], index)
    assert (again.rejects, again.still_rejected) == ([], 1)
    assert again.generation == first.generation
    assert list(Snapshot.open(index).rejects.values()) == first.rejects


def test_a_relative_index_is_found_by_workers_started_elsewhere(pictures, tmp_path, monkeypatch):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert build_index([pictures], "index", n_jobs=2).added > 0


def test_a_reject_that_need_not_be_the_files_fault_is_tried_again(pictures, index):
    late = pictures / "late.png"
    os.symlink(pictures / "nowhere.png", late)
    assert [r.code for r in build_index([pictures], index).rejects] == ["unreadable"]
    late.unlink()
    save(late, textured(9, 140, 100))
    assert build_index([pictures], index).added == 1


def test_every_bad_input_gets_its_code_and_the_job_goes_on(
    masters, vocabulary, tmp_path, capfd, monkeypatch
):
    (tmp_path / "bad").mkdir()
    rows = corpus.write_bad_corpus(tmp_path / "bad")
    (tmp_path / "bad" / "folder.jpg").rmdir()
    rows = [row for row in rows if not row.path.endswith("folder.jpg")]
    wanted = [masters / "0.png", *(row.path for row in rows), masters / "1.png"]
    report = build_index(wanted, tmp_path / "index", vocabulary=vocabulary)
    assert report.added == 2
    assert {r.path: r.code for r in report.rejects} == {row.path: row.code for row in rows}
    kept = list(Snapshot.open(tmp_path / "index").rejects.values())
    assert {r.path: r.code for r in kept} == {row.path: row.code for row in rows}
    assert capfd.readouterr() == ("", "")


def test_a_flat_picture_is_indexed_and_flagged(pictures, index):
    save(pictures / "flat.png", flat())
    report = build_index([pictures], index)
    assert (report.added, report.without_features, report.rejects) == (1, 1, [])
    slot = Snapshot.open(index).find(str(pictures / "flat.png"))
    assert Snapshot.open(index).keypoint_counts[slot] == 0
    answer = Searcher.open(index).query(pictures / "flat.png")
    assert (answer.keypoints, answer.hits) == (0, ())


def test_flat_pictures_alone_make_an_index(tmp_path):
    flats = [save(tmp_path / f"{i}.png", flat(shade=i)) for i in range(2)]
    report = build_index(flats, tmp_path / "index")
    assert (report.added, report.keypoints) == (2, 0)
    assert Searcher.open(tmp_path / "index").query(flats[0]).hits == ()


def test_names_that_are_no_text_are_kept(masters, vocabulary, tmp_path):
    names = [b"\xff\xfe.png", b"-x.png", b"line\nbreak.png", b"q\"uo'te.png", b"\x1b[31m.png"]
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in names:
        shutil.copy(masters / "0.png", os.path.join(os.fsencode(folder), name))
    report = build_index([folder], tmp_path / "index", vocabulary=vocabulary)
    assert report.added == len(names)
    expected = {os.path.join(os.fsencode(folder), name) for name in names}
    assert {os.fsencode(path) for path in paths_in(tmp_path / "index")} == expected
    assert build_index([folder], tmp_path / "index").unchanged == len(names)


@pytest.mark.parametrize("ready", [True, False])
def test_a_folder_of_other_things_stops_the_job(vocabulary, tmp_path, ready):
    folder = tmp_path / "wrong"
    folder.mkdir()
    for number in range(1010):
        (folder / f"{number}.jpg").write_bytes(b"text")
    with pytest.raises(WrongFolder, match=r"1000 of the first 1000 .* wrong folder"):
        build_index([folder], tmp_path / "index", vocabulary=vocabulary if ready else None)


@pytest.mark.parametrize("bad", [0, 2])
def test_an_index_of_no_picture_at_all_is_refused(tmp_path, bad):
    folder = tmp_path / "empty"
    folder.mkdir()
    for number in range(bad):
        (folder / f"{number}.jpg").write_bytes(b"text")
    told = []
    with pytest.raises(KpsearchError, match="nothing to index"):
        build_index([folder], tmp_path / "index", on_reject=told.append)
    assert len(told) == bad


def test_an_empty_folder_adds_nothing_to_an_index(index, tmp_path):
    (tmp_path / "empty").mkdir()
    before = Snapshot.open(index).generation
    report = build_index([tmp_path / "empty"], index)
    assert (report.added, report.unchanged, report.generation) == (0, 0, before)


def test_the_number_of_jobs_does_not_change_a_byte(masters, tmp_path):
    contents = []
    for n_jobs in (1, 2):
        folder = tmp_path / str(n_jobs)
        build_index([masters], folder, n_jobs=n_jobs)
        files = sorted(folder.glob("*.h5"))
        assert len(files) == 2
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_a_vocabulary_may_come_from_a_file_or_from_an_index(
    pictures, master_index, vocabulary, tmp_path
):
    for number, source in enumerate([vocabulary, master_index, str(master_index)]):
        build_index([pictures / "0.png"], tmp_path / str(number), vocabulary=source)
        made = next((tmp_path / str(number)).glob("vocabulary-*.h5"))
        assert made.name == vocabulary.name
        assert made.read_bytes() == vocabulary.read_bytes()


def test_the_vocabulary_an_index_has_may_be_named_again(pictures, master_index, index):
    assert build_index([pictures], index, vocabulary=master_index).unchanged == 4
    words = len(Snapshot.open(index).vocabulary)
    assert build_index([pictures], index, vocabulary=VocabularyOptions(words=words)).unchanged == 4


def test_another_vocabulary_needs_another_index(pictures, index, catalogue_index):
    for other in (catalogue_index, VocabularyOptions(words=5)):
        with pytest.raises(IndexMismatch, match="another one needs a new index"):
            build_index([pictures], index, vocabulary=other)


@pytest.mark.parametrize("content", [None, b"", b"not HDF5"])
def test_what_is_no_vocabulary_is_refused_by_name(pictures, tmp_path, content):
    path = tmp_path / "vocabulary.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KpsearchError, match=r"vocabulary\.h5"):
        build_index([pictures], tmp_path / "index", vocabulary=path)


def test_an_index_keeps_the_features_it_was_made_with(pictures, index):
    assert build_index([pictures], index, features=FeatureOptions()).unchanged == 4
    with pytest.raises(IndexMismatch, match="or make a new index"):
        build_index([pictures], index, features=FeatureOptions(max_keypoints=10))


def test_an_unknown_extractor_is_refused_before_any_work(pictures, tmp_path):
    with pytest.raises(UnknownName, match="sift"):
        build_index([pictures], tmp_path / "index", features=FeatureOptions(extractor="swift"))


def test_the_words_asked_for_are_the_words_trained(pictures, tmp_path):
    report = build_index([pictures], tmp_path / "index", vocabulary=VocabularyOptions(words=12))
    assert report.words == len(Snapshot.open(tmp_path / "index").vocabulary) <= 12


def test_categories_are_kept_with_their_pictures(pictures, vocabulary, tmp_path):
    tea = str(pictures / "1.png")
    build_index([pictures], tmp_path / "index", vocabulary=vocabulary, categories={tea: "tea"})
    found = {r.path: r.category for r in Snapshot.open(tmp_path / "index").records()}
    assert found[tea] == "tea"
    assert set(found.values()) == {"", "tea"}
    save(pictures / "1.png", textured(9, 140, 100))
    build_index([pictures], tmp_path / "index")
    snapshot = Snapshot.open(tmp_path / "index")
    assert snapshot.record(snapshot.find(tea)).category == "tea"


def test_a_keypoint_takes_nineteen_bytes_and_an_image_its_path_and_850(tmp_path):
    spec = CatalogueSpec(items=60, seed=8, side_px=320)
    for item in range(spec.items):
        save(tmp_path / f"{item}.png", render_item(spec, item))
    build_index([tmp_path], tmp_path / "index")
    snapshot = Snapshot.open(tmp_path / "index")
    assert snapshot.images == 60
    assert snapshot.keypoints > 20_000
    of_any_index = 32_000  # projection, headers and manifest, however few the keypoints
    paths = sum(len(record.path.encode()) for record in snapshot.records())
    images = 850 * snapshot.images + paths  # 792 of them for the sketch
    assert snapshot.size_bytes <= 19.1 * snapshot.keypoints + images + of_any_index


def test_options_that_cannot_be_are_refused_before_an_index_exists(pictures, index, tmp_path):
    """The vocabulary needs no extraction, so only a trial of the extractor can tell."""
    options = FeatureOptions("brisk", upright=True)
    with pytest.raises(UsageError, match="brisk has no upright mode"):
        build_index([pictures], tmp_path / "new", features=options, vocabulary=index)
    assert not (tmp_path / "new" / "manifest.json").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": float("nan")},
        {"threshold": float("inf")},
        {"threshold": -1.0},
        {"max_keypoints": 0},
        {"max_side_px": 0},
    ],
)
def test_options_of_extraction_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError):
        FeatureOptions(**wrong)

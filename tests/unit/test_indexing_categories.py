"""Where an index has its categories from: the catalogue's own, else a classifier's sets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kpsearch.categories import Classifier
from kpsearch.errors import IndexMismatch, UnusableFile, UnusableModel, UsageError
from kpsearch.index import Snapshot, contents_hash
from kpsearch.indexing import IndexReport, build_index, read_categories
from kpsearch.options import CategoryFacts
from tests.classifiers import save_picture, tinted, write_classifier

PICTURES = {
    "red.png": ("Red",),
    "blue.png": ("Blue",),
    "mixed.png": ("Red", "Green"),
    "grey.png": ("Red", "Green", "Blue"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for seed, (name, colours) in enumerate(PICTURES.items()):
        save_picture(folder / name, tinted(seed, *colours))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    names = ("Red", "Green", "Blue", "Black", "White")
    return write_classifier(tmp_path_factory.mktemp("model") / "model.onnx", *names)


@pytest.fixture(scope="module")
def made(folder, model, tmp_path_factory) -> Path:
    index = tmp_path_factory.mktemp("index") / "index"
    build_index([folder], index, classifier=model)
    return index


@pytest.fixture
def index(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "index"))


def texts(index: Path) -> dict[str, str]:
    return {Path(r.path).name: r.category for r in Snapshot.open(index).records()}


def again(folder: Path, index: Path, **how: object) -> IndexReport:
    return build_index([folder], index, **how)  # type: ignore[arg-type]


# Predicted


def test_a_picture_gets_the_categories_that_the_classifier_holds_possible(made):
    found = texts(made)
    assert (found["red.png"], found["blue.png"]) == ("?Red", "?Blue")
    assert found["mixed.png"] in ("?Red|Green", "?Green|Red")


def test_a_set_of_most_categories_says_nothing(made):
    assert texts(made)["grey.png"] == ""


def test_the_index_remembers_classifier_and_error_rate(made, model):
    assert Snapshot.open(made).manifest.categories == CategoryFacts(Classifier(model).facts, 0.01)


def test_an_index_without_categories_remembers_no_classifier(folder, tmp_path):
    build_index([folder / "red.png"], tmp_path / "index", categories={})
    assert Snapshot.open(tmp_path / "index").manifest.categories is None


def test_the_same_pictures_are_not_read_again(folder, index, model):
    for how in ({}, {"classifier": model}, {"classifier": model, "category_alpha": 0.01}):
        report = again(folder, index, **how)
        assert (report.unchanged, report.replaced) == (4, 0)


def test_what_is_added_later_is_predicted_by_the_classifier_remembered(index, tmp_path):
    new = save_picture(tmp_path / "new.png", tinted(9, "Green"))
    build_index([new], index)
    assert texts(index)["new.png"] == "?Green"


def test_it_does_not_matter_when_the_classifier_came(folder, made, model, tmp_path):
    late = tmp_path / "late"
    build_index([folder], late, vocabulary=made)
    assert set(texts(late).values()) == {""}
    assert again(folder, late, classifier=model).replaced == 4
    assert texts(late) == texts(made)
    assert contents_hash(Snapshot.open(late)) == contents_hash(Snapshot.open(made))


def test_another_classifier_or_error_rate_has_all_pictures_read_again(folder, index, tmp_path):
    other = write_classifier(tmp_path / "other.onnx", "R", "G", "B", "Black", "White")
    assert again(folder, index, classifier=other).replaced == 4
    assert texts(index)["red.png"] == "?R"
    assert again(folder, index, classifier=other, category_alpha=0.5).replaced == 4
    assert again(folder, index, classifier=other).unchanged == 4
    remembered = Snapshot.open(index).manifest.categories
    assert remembered == CategoryFacts(Classifier(other).facts, 0.5)


def test_a_run_cut_short_under_another_classifier_is_begun_again(folder, index, tmp_path):
    other = write_classifier(tmp_path / "other.onnx", "R", "G", "B", "Black", "White")

    def interrupt(stage: str, done: int, _total: int) -> None:
        if stage == "indexing" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index([folder], index, classifier=other, progress=interrupt)
    assert len(set(texts(index).values()) & {"?R", "?Red", "?B", "?Blue"}) == 2
    again(folder, index, classifier=other)
    assert texts(index)["red.png"] == "?R"
    assert texts(index)["blue.png"] == "?B"


def test_another_classifier_for_a_part_of_the_pictures_is_refused(folder, index, tmp_path):
    other = write_classifier(tmp_path / "other.onnx", "R", "G", "B")
    with pytest.raises(IndexMismatch, match="2 pictures that are not asked for, such as"):
        build_index([folder / "red.png"], index, classifier=other)
    assert texts(index)["red.png"] == "?Red"


def test_a_classifier_that_only_moved_is_remembered_where_it_is(folder, index, model, tmp_path):
    there = Path(shutil.copy(model, tmp_path / "there.onnx"))
    assert again(folder, index, classifier=there).unchanged == 4
    facts = Snapshot.open(index).manifest.categories
    assert facts is not None
    assert facts.classifier.model == str(there)


def test_a_classifier_that_is_gone_stops_a_job_that_needs_it(folder, tmp_path):
    model = write_classifier(tmp_path / "model.onnx")
    index = tmp_path / "index"
    build_index([folder / "red.png"], index, classifier=model)
    model.unlink()
    with pytest.raises(IndexMismatch, match=r"model\.onnx, which is gone; give the model with"):
        build_index([folder], index)
    build_index([folder / "red.png"], index)
    own = {str(path): "Tea" for path in folder.iterdir()}
    assert again(folder, index, categories=own).added == 3


# The catalogue's own


def test_the_catalogues_own_category_wins(folder, model, tmp_path):
    own = {str(folder / "red.png"): "?odd|", str(folder / "blue.png"): "Packs/Tea"}
    again(folder, tmp_path / "index", classifier=model, categories=own)
    found = texts(tmp_path / "index")
    assert (found["red.png"], found["blue.png"]) == ("\\?odd|", "Packs/Tea")
    assert found["mixed.png"].startswith("?")


def test_a_category_that_changed_has_its_picture_read_again(folder, index):
    own = {str(folder / "red.png"): "Tea"}
    report = again(folder, index, categories=own)
    assert (report.replaced, report.unchanged) == (1, 3)
    assert texts(index)["red.png"] == "Tea"
    assert again(folder, index, categories=own).unchanged == 4
    assert again(folder, index).unchanged == 4
    own[str(folder / "red.png")] = "Coffee"
    assert again(folder, index, categories=own).replaced == 1
    assert texts(index)["red.png"] == "Coffee"


def test_a_category_is_kept_when_its_picture_changes(tmp_path, model):
    path = save_picture(tmp_path / "in" / "a.png", tinted(1, "Red"))
    build_index([path], tmp_path / "index", classifier=model, categories={str(path): "Tea"})
    save_picture(path, tinted(2, "Blue"))
    assert build_index([path], tmp_path / "index").replaced == 1
    assert texts(tmp_path / "index") == {"a.png": "Tea"}


def test_a_predicted_category_changes_with_its_picture(tmp_path, model):
    path = save_picture(tmp_path / "in" / "a.png", tinted(1, "Red"))
    build_index([path], tmp_path / "index", classifier=model)
    save_picture(path, tinted(2, "Blue"))
    build_index([path], tmp_path / "index")
    assert texts(tmp_path / "index") == {"a.png": "?Blue"}


def test_categories_of_no_picture_are_counted(folder, tmp_path):
    own = {str(folder / "red.png"): "Tea", str(folder / "void.png"): "Tea", "/elsewhere": "Tea"}
    assert again(folder, tmp_path / "index", categories=own).categories_unused == 2


# What is refused


def test_a_classifier_that_is_not_calibrated_is_refused(folder, tmp_path):
    model = write_classifier(tmp_path / "model.onnx", counts={})
    with pytest.raises(UsageError, match="not calibrated: `kpsearch calibrate-categories"):
        again(folder, tmp_path / "index", classifier=model)
    assert not (tmp_path / "index" / "manifest.json").exists()


def test_an_error_rate_that_cannot_be_promised_is_refused(folder, model, tmp_path):
    with pytest.raises(UsageError, match=r"at least 0\.0033"):
        again(folder, tmp_path / "index", classifier=model, category_alpha=0.001)
    with pytest.raises(UsageError, match="an error rate is that of a classifier"):
        again(folder, tmp_path / "index", category_alpha=0.01)


def test_a_file_that_is_no_classifier_is_refused(folder, tmp_path):
    with pytest.raises(UnusableModel, match=r"no\.onnx: cannot be read"):
        again(folder, tmp_path / "index", classifier=tmp_path / "no.onnx")


# The file of categories


def write_csv(folder: Path, text: str) -> str:
    path = folder / "cats.csv"
    path.write_text(text, encoding="utf-8")
    return os.fspath(path)


def test_a_file_says_the_category_of_each_picture(tmp_path):
    text = 'path,kind,category\na.jpg, Tea ,x\n"sub/b,c.jpg",Café/Filtre,y\nd.jpg,,z\na.jpg,Tea,x\n'
    path = write_csv(tmp_path, text)
    here = os.path.abspath(tmp_path)
    assert read_categories(path, "kind") == {
        f"{here}/a.jpg": "Tea",
        f"{here}/sub/b,c.jpg": "Café/Filtre",
    }
    assert read_categories(path)[f"{here}/d.jpg"] == "z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,type\na.jpg,Tea\n", "cats.csv:1: no column category; the header has path, type"),
        ("category\nTea\n", "cats.csv:1: no column path"),
        ("path,category\n,Tea\n", "cats.csv:2: column path names no file: ''"),
        ("path,category\na.jpg\n", "cats.csv:2: 1 fields, but the header names 2 columns"),
        ("path,category\na.jpg,A\nb.jpg,B\na.jpg,C\n", "4: column category: .* is 'C', and 'A' on"),
        ("", "the file is empty; it needs columns path, category"),
    ],
)
def test_a_file_that_cannot_be_meant_is_named_with_its_line(text, said, tmp_path):
    with pytest.raises(UnusableFile, match=said):
        read_categories(write_csv(tmp_path, text))


def test_a_folder_is_no_file_of_categories(tmp_path):
    with pytest.raises(UsageError, match="a folder, no CSV file"):
        read_categories(str(tmp_path))

"""A query in one category: by name, or in those that a classifier holds possible."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kpsearch.errors import IndexMismatch, UsageError
from kpsearch.images import read_image
from kpsearch.index import CategoryColumn, ImageCategory
from kpsearch.indexing import build_index
from kpsearch.options import CategoryOptions, ExpansionOptions, FusionOptions, SearchOptions
from kpsearch.search import Region, Searcher, in_words
from kpsearch.search.category import NOT_VERIFIED, kinship
from kpsearch.types import Answer, CategoryOutcome
from tests.classifiers import save_picture, tinted, write_classifier
from tests.models import convolution, save

GROUPS = {"Red": 5, "Green": 4, "Blue": 4}
LOOSE = {"none.png": "", "odd.png": "Furniture"}
"""A picture without a category, and one of a category that no class is of."""
TOTAL = sum(GROUPS.values()) + len(LOOSE)
AUTO = SearchOptions(limit=50, category=CategoryOptions())
PLAIN = SearchOptions(limit=50)


def named(name: str) -> SearchOptions:
    return replace(PLAIN, category=CategoryOptions(name=name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for place, (colour, count) in enumerate(GROUPS.items()):
        for number in range(count):
            pixels = tinted(10 * place + number, colour)
            save_picture(folder / colour / f"{number}.png", pixels)
    for seed, name in enumerate(LOOSE):
        save_picture(folder / name, tinted(90 + seed, "Blue"))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("model") / "model.onnx", *GROUPS)


@pytest.fixture(scope="module")
def index(folder, model, tmp_path_factory) -> Path:
    """Red and Green are the catalogue's, within them two of a subcategory; Blue is predicted."""
    index = tmp_path_factory.mktemp("index") / "index"
    own = {str(path): path.parent.name for path in folder.glob("[RG]*/*.png")}
    own |= {str(folder / "Red" / f"{n}.png"): "Red/Dark" for n in (0, 1)}
    own |= {str(folder / name): category for name, category in LOOSE.items()}
    build_index([folder / "none.png"], index, vocabulary=None)
    build_index([folder], index, categories=own)
    blue = folder / "Blue"
    build_index([blue, folder / "odd.png"], index, classifier=model, categories=own)
    return index


@pytest.fixture(scope="module")
def searcher(index) -> Searcher:
    return Searcher.open(index)


def rows(answer: Answer) -> list[tuple[object, ...]]:
    """All that hits say but the rank."""
    return [
        (
            hit.path,
            hit.score.hex(),
            hit.log_odds.hex(),
            hit.verified,
            hit.inliers,
            None if hit.transform is None else hit.transform.tobytes(),
            hit.via,
        )
        for hit in answer.hits
    ]


def categories(answer: Answer) -> set[str]:
    return {hit.category for hit in answer.hits}


def outcome(answer: Answer) -> CategoryOutcome:
    assert answer.category is not None
    return answer.category


def in_grey_of(folder: Path, tmp_path: Path, name: str, *colours: str) -> Path:
    """A picture of the index in other colours."""
    seed = {"Red/2.png": 2, "none.png": 90, "odd.png": 91}[name]
    return save_picture(tmp_path / "asked.png", tinted(seed, *colours))


# By name


def test_a_category_is_searched_as_if_nothing_else_were_there(searcher, folder):
    for name, query in (("Red", "Red/2.png"), ("Green", "Red/2.png"), ("Blue", "Blue/0.png")):
        answer = searcher.query(folder / query, named(name))
        of_it = {r.path for r in searcher.snapshot.records() if name in r.category}
        others = [r.path for r in searcher.snapshot.records() if r.path not in of_it]
        assert rows(answer) == rows(searcher.query(folder / query, PLAIN, exclude=others))
        assert {hit.path for hit in answer.hits} <= of_it
        found = outcome(answer)
        assert (found.asked, found.categories, found.alpha) == (name, (name,), None)
        assert (found.images, found.total, found.whole) == (len(of_it), TOTAL, False)


def test_a_category_has_all_that_is_within_it_and_nothing_beside(searcher, folder):
    inner = searcher.query(folder / "Red/2.png", named("Red/Dark/"))
    assert outcome(inner).images == 2
    assert "Red/2.png" not in "".join(hit.path for hit in inner.hits)
    assert outcome(searcher.query(folder / "Red/2.png", named("Red"))).images == 5


def test_a_category_that_no_image_has_is_refused_with_names_near_it(searcher, folder):
    with pytest.raises(UsageError, match="no image has the category 'gren'; near it: Green"):
        searcher.query(folder / "Red/2.png", named("gren"))
    with pytest.raises(UsageError, match="near it: Red/Dark"):
        searcher.query(folder / "Red/2.png", named("dark"))
    with pytest.raises(UsageError, match="'Xyzzy'; there are Blue, Furniture, Green, Red, Red/D"):
        searcher.query(folder / "Red/2.png", named("Xyzzy"))


def test_an_index_without_categories_says_how_to_get_them(folder, tmp_path):
    build_index([folder / "Red"], tmp_path / "index")
    with pytest.raises(UsageError, match="no image has a category; `kpsearch index --category-csv"):
        Searcher.open(tmp_path / "index").query(folder / "Red/0.png", named("Red"))


# By a classifier


def test_only_images_of_the_categories_held_possible_are_reported(searcher, folder):
    answer = searcher.query(folder / "Green/1.png", AUTO)
    assert answer.hits[0].path == str(folder / "Green/1.png")
    assert categories(answer) <= {"Green", "", "Furniture"}
    found = outcome(answer)
    assert (found.asked, found.categories, found.alpha) == ("auto", ("Green",), 0.01)
    assert (found.images, found.total, found.whole) == (6, TOTAL, False)


def test_hits_score_what_they_score_without_a_category(searcher, folder):
    filtered = searcher.query(folder / "Green/1.png", AUTO).hits
    plain = {hit.path: hit for hit in searcher.query(folder / "Green/1.png", PLAIN).hits}
    for hit in filtered:
        if hit.verified:
            assert hit.score == plain[hit.path].score
            assert hit.inliers == plain[hit.path].inliers
    assert filtered[0].confidence == pytest.approx(plain[filtered[0].path].confidence, abs=0.01)


def test_images_within_a_category_or_around_it_stay(searcher, folder):
    found = outcome(searcher.query(folder / "Red/2.png", AUTO))
    assert (found.categories, found.images) == (("Red",), 7)


@pytest.mark.parametrize("name", ["none.png", "odd.png"])
def test_images_of_no_known_category_are_found_in_any(searcher, folder, name, tmp_path):
    answer = searcher.query(in_grey_of(folder, tmp_path, name, "Green"), AUTO)
    assert answer.hits[0].path == str(folder / name)
    assert answer.hits[0].verified
    assert not outcome(answer).whole


def test_a_wrong_category_is_noticed_and_the_whole_index_searched(searcher, folder, tmp_path):
    query = in_grey_of(folder, tmp_path, "Red/2.png", "Green")
    answer, plain = searcher.query(query, AUTO), searcher.query(query, PLAIN)
    assert rows(answer) == rows(plain)
    assert answer.hits[0].path == str(folder / "Red/2.png")
    found = outcome(answer)
    assert (found.categories, found.images) == (("Green",), 6)
    assert (found.whole, found.reason) == (True, NOT_VERIFIED)
    verify = next(stage.detail for stage in answer.stages if stage.name == "verify")
    assert " candidates of the category, 1" in verify


def test_geometry_is_asked_about_fewer_images(searcher, folder):
    def tried(options: SearchOptions) -> int:
        stages = searcher.query(folder / "Green/1.png", options).stages
        return int(next(s.detail for s in stages if s.name == "verify").split()[0])

    assert tried(AUTO) <= 6 < tried(PLAIN)


def test_where_most_of_the_index_is_left_all_of_it_is_searched(searcher, folder, tmp_path):
    query = save_picture(tmp_path / "two.png", tinted(2, "Red", "Green"))
    answer = searcher.query(query, AUTO)
    assert rows(answer) == rows(searcher.query(query, PLAIN))
    assert set(outcome(answer).categories) == {"Red", "Green"}
    assert (outcome(answer).whole, outcome(answer).images) == (True, 11)
    assert outcome(answer).reason == "they leave most of the index"
    more = replace(AUTO, category=CategoryOptions(most=0.9))
    assert not outcome(searcher.query(query, more)).whole


def with_classifier(index: Path, tmp_path: Path, counts: dict[str, int]) -> SearchOptions:
    """The same classifier, calibrated otherwise."""
    other = write_classifier(tmp_path / "other.onnx", *GROUPS, counts=counts)
    return replace(PLAIN, category=CategoryOptions(model=str(other)))


def test_a_classifier_that_is_not_calibrated_restricts_nothing(searcher, index, folder, tmp_path):
    answer = searcher.query(folder / "Green/1.png", with_classifier(index, tmp_path, {}))
    assert rows(answer) == rows(searcher.query(folder / "Green/1.png", PLAIN))
    found = outcome(answer)
    assert (found.categories, found.images, found.whole) == ((), TOTAL, True)
    assert "other.onnx is not calibrated" in found.reason


def test_nor_does_a_category_that_it_was_not_calibrated_on(searcher, index, folder, tmp_path):
    options = with_classifier(index, tmp_path, {"Red": 200, "Blue": 100})
    answer = searcher.query(folder / "Green/1.png", options)
    assert outcome(answer).whole
    assert outcome(answer).reason == "the classifier was calibrated on no picture of Green"
    assert not outcome(searcher.query(folder / "Red/2.png", options)).whole


def test_an_error_rate_that_cannot_be_promised_is_refused(searcher, folder):
    small = replace(PLAIN, category=CategoryOptions(alpha=0.001))
    with pytest.raises(UsageError, match=r"from 300 pictures: at least 0\.0033"):
        searcher.query(folder / "Red/2.png", small)


# Together with the other ways of asking


def test_a_region_is_categorised_alone(searcher, folder, tmp_path):
    both = np.hstack([tinted(10, "Green"), tinted(2, "Red")])
    query = save_picture(tmp_path / "pair.png", both)
    width, height = both.shape[1] // 2, both.shape[0]
    left = searcher.query(query, AUTO, region=Region(0, 0, width, height))
    right = searcher.query(query, AUTO, region=Region(width, 0, width, height))
    assert [outcome(a).categories for a in (left, right)] == [("Green",), ("Red",)]


def test_pictures_together_are_of_any_of_their_categories(searcher, folder):
    more = replace(AUTO, category=CategoryOptions(most=1))
    answer = searcher.query_together([folder / "Green/1.png", folder / "Red/2.png"], more)
    assert outcome(answer).categories == ("Green", "Red")
    assert {hit.path for hit in answer.hits if hit.verified} == {
        str(folder / "Green/1.png"),
        str(folder / "Red/2.png"),
    }


def test_a_picture_in_memory_can_be_asked_about(searcher, folder):
    picture = read_image(folder / "Green/1.png", colour=True)
    assert outcome(searcher.query(picture, AUTO)).categories == ("Green",)


@pytest.mark.parametrize(
    "change",
    [{"mirrored": True}, {"expansion": ExpansionOptions()}],
    ids=["mirrored", "expanded"],
)
def test_other_stages_keep_to_the_category_and_to_the_fallback(searcher, folder, tmp_path, change):
    auto, plain = replace(AUTO, **change), replace(PLAIN, **change)
    answer = searcher.query(folder / "Green/1.png", auto)
    assert answer.hits[0].path == str(folder / "Green/1.png")
    assert categories(answer) <= {"Green", "", "Furniture"}
    wrong = in_grey_of(folder, tmp_path, "Red/2.png", "Green")
    assert rows(searcher.query(wrong, auto)) == rows(searcher.query(wrong, plain))


def test_a_deep_model_finds_nothing_outside_the_category(folder, model, tmp_path):
    deep, index = str(save(tmp_path, convolution())), tmp_path / "index"
    own = {str(path): path.parent.name for path in folder.glob("*/*.png")}
    build_index([folder], index, embed=deep, categories=own, classifier=model)
    searcher = Searcher.open(index)
    auto = replace(AUTO, fuse=FusionOptions(deep))
    answer = searcher.query(folder / "Green/1.png", auto)
    assert answer.hits[0].path == str(folder / "Green/1.png")
    assert {Path(hit.path).parent.name for hit in answer.hits} <= {"Green", folder.name}
    assert all(hit.cosine is not None for hit in answer.hits)
    wrong = in_grey_of(folder, tmp_path, "Red/2.png", "Green")
    plain = replace(auto, category=None)
    assert rows(searcher.query(wrong, auto)) == rows(searcher.query(wrong, plain))


# Which classifier


def test_another_classifier_than_the_index_remembers_is_refused(searcher, folder, tmp_path):
    other = write_classifier(tmp_path / "other.onnx", "R", "G", "B")
    options = replace(PLAIN, category=CategoryOptions(model=str(other)))
    with pytest.raises(IndexMismatch, match=r"other\.onnx: not the classifier the index remem"):
        searcher.query(folder / "Red/2.png", options)


def test_a_classifier_that_is_gone_is_asked_for_by_name(folder, tmp_path):
    model = write_classifier(tmp_path / "model.onnx")
    build_index([folder], tmp_path / "index", classifier=model)
    there = shutil.move(model, tmp_path / "there.onnx")
    searcher = Searcher.open(tmp_path / "index")
    with pytest.raises(IndexMismatch, match=r"model\.onnx, which is gone; say with --category-m"):
        searcher.query(folder / "Red/2.png", AUTO)
    options = replace(PLAIN, category=CategoryOptions(model=str(there)))
    assert outcome(searcher.query(folder / "Red/2.png", options)).categories == ("Red",)


def test_an_index_that_remembers_none_takes_one_by_name(folder, model, tmp_path):
    build_index([folder], tmp_path / "index")
    searcher = Searcher.open(tmp_path / "index")
    with pytest.raises(IndexMismatch, match="remembers no classifier of categories; give one with"):
        searcher.query(folder / "Red/2.png", AUTO)
    options = replace(PLAIN, category=CategoryOptions(model=str(model)))
    found = outcome(searcher.query(folder / "Red/2.png", options))
    assert (found.categories, found.images, found.whole) == (("Red",), TOTAL, True)


# Options, and what is said


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CategoryOptions(alpha=0), "an error rate is between 0 and 1, not 0"),
        (lambda: CategoryOptions(alpha=float("nan")), "an error rate is between 0 and 1"),
        (lambda: CategoryOptions(name="", model=None), "a category is named, or left to a"),
        (lambda: CategoryOptions(name="Red", model="m.onnx"), "a category is named, or left"),
        (lambda: CategoryOptions(most=0), "a share of 0 of the index cannot be searched"),
        (lambda: replace(AUTO, verification=None), "only where verified hits prove it right"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: Callable[[], object], said: str):
    with pytest.raises(UsageError, match=said):
        make()


def test_a_category_by_name_needs_no_verification(searcher, folder):
    answer = searcher.query(folder / "Green/1.png", replace(named("Green"), verification=None))
    assert categories(answer) == {"Green"}


def test_what_was_searched_is_told_in_a_line():
    found = CategoryOutcome("auto", ("Milk", "Yoghurt"), 120, 750, alpha=0.01)
    assert in_words(found) == "Milk, Yoghurt (alpha 0.01): 120 of 750 images"
    whole = replace(found, categories=(), whole=True, reason="it is not calibrated")
    assert in_words(whole).endswith(
        "120 of 750 images; the whole index was searched: it is not calibrated"
    )


def test_kin_of_a_category_are_itself_what_it_is_within_and_what_is_within_it():
    column = CategoryColumn.of(["a/b", "?a/b/c|x", "?x/y|b", "", "a/bc"])
    classes = ("a", "a/b/c", "x", "ab")
    assert kinship(column.distinct, classes).tolist() == [
        [True, True, False, False],
        [True, True, True, False],
        [False, False, False, False],  # b is of no class: it could be anything
        [False, False, False, False],
        [True, False, False, False],
    ]
    assert column.distinct[3] == ImageCategory()

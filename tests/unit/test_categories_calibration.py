"""What a calibration promises, and what it refuses to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kpsearch.categories import (
    VIEWS,
    Calibration,
    Classifier,
    Label,
    Prediction,
    aps_scores,
    categories_of,
    prediction_set,
    prediction_sets,
    related,
    require_alpha,
)
from kpsearch.categories.conformal import threshold
from kpsearch.errors import UsageError
from tests.built_classifiers import FRUIT, classifier_file, even_calibration

NINETY_NINE = np.arange(1, 100) / 100


RANKS = {
    (99, 0.01): 99,
    (98, 0.01): None,
    (100, 0.01): 100,
    (199, 0.01): 198,
    (19, 0.05): 19,
    (18, 0.05): None,
    (39, 0.05): 38,
    (9, 0.1): 9,
    (1000, 0.1): 901,
    (1, 0.5): 1,
    (4, 0.99): 1,
}


@pytest.mark.parametrize(("pictures", "alpha"), RANKS)
def test_the_threshold_is_the_score_of_this_rank(pictures, alpha):
    """ceil((n + 1)(1 - alpha)), counted from 1: Angelopoulos & Bates 2021, section 1."""
    scores = np.arange(1.0, pictures + 1)
    assert threshold(scores, alpha) == (RANKS[pictures, alpha] or math.inf)


def test_of_99_pictures_one_percent_is_the_worst_and_less_is_refused():
    known = Calibration(NINETY_NINE, {"a": 99}, "q.csv")
    assert (known.n, known.least_alpha, known.threshold(0.01)) == (99, 0.01, 0.99)
    text = "0.0099 cannot be promised from 99 pictures: at least 0.01, or calibrate with 101"
    with pytest.raises(UsageError, match=text):
        known.threshold(0.0099)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, math.nan, math.inf])
def test_no_error_rate_outside_0_to_1_is_meant(alpha):
    with pytest.raises(UsageError, match="between 0 and 1"):
        Calibration(NINETY_NINE, {"a": 99}, "q.csv").threshold(alpha)


def test_a_calibration_of_nothing_promises_nothing():
    empty = Calibration.of(np.empty((0, 2)), np.empty(0, np.intp), categories="ab", source="q")
    assert (empty.n, empty.counts, empty.least_alpha) == (0, {}, 1.0)
    with pytest.raises(UsageError, match="from 0 pictures"):
        empty.threshold(0.999)


def test_it_holds_the_scores_of_the_true_categories_in_order_and_counts_them():
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.6, 0.2]])
    known = Calibration.of(
        probabilities, np.array([1, 0, 1]), categories=["a", "b", "c"], source="photos.csv"
    )
    # Half of 0.3 behind 0.5; half of 0.1 behind 0.7 and 0.2; and the likeliest.
    assert known.scores.tolist() == pytest.approx([0, 0.65, 0.95])
    assert (dict(known.counts), known.source) == ({"a": 1, "b": 2}, "photos.csv")


def test_scores_of_equal_categories_go_by_their_order():
    assert aps_scores(np.full((1, 4), 0.25)).tolist() == [[0, 0.375, 0.625, 0.875]]
    assert aps_scores(np.array([[0, 1.0, 0]])).tolist() == [[1.0, 0.0, 1.0]]
    assert aps_scores(np.empty((0, 3))).shape == (0, 3)


def test_with_a_limit_of_zero_a_set_is_the_likeliest_category():
    rows = np.array([[0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3]])
    assert prediction_sets(rows, 0.0).tolist() == [[False, True, False], [True, False, False]]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrated")
    known = even_calibration(199, categories_of(FRUIT))
    return Classifier(classifier_file(folder, calibration=known))


def test_the_set_of_a_picture_is_its_likeliest_categories(classifier):
    prediction = Prediction(np.array([0.1, 0.1, 0.5, 0.3]), np.array([0.2, 0.5, 0.3]))
    assert prediction_set(classifier, prediction, 0.9) == ("milk",)
    assert prediction_set(classifier, prediction, 0.3) == ("milk", "tea/green")
    assert prediction_set(classifier, prediction, 0.01) == ("milk", "tea/green", "fruit")
    assert require_alpha(classifier, 0.01).n == 199


def test_what_is_not_calibrated_or_too_little_is_refused_with_what_to_do(classifier, tmp_path):
    with pytest.raises(UsageError, match=r"at least 0\.005, or calibrate with 1000"):
        require_alpha(classifier, 0.001)
    raw = Classifier(classifier_file(tmp_path))
    assert raw.calibration is None
    with pytest.raises(UsageError, match=r"model\.onnx: not calibrated: .*calibrate-categories"):
        require_alpha(raw, 0.05)
    prediction = Prediction(np.full(4, 0.25), np.full(3, 1 / 3))
    with pytest.raises(UsageError, match="not calibrated"):
        prediction_set(raw, prediction, 0.05)


def test_labels_are_named_and_grouped():
    assert [str(label) for label in FRUIT] == ["fruit : apple", "fruit : pear", "milk", "tea/green"]
    assert categories_of(FRUIT) == ("fruit", "milk", "tea/green")
    assert categories_of([]) == ()
    assert Label("milk") == ("milk", "")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("Packages", "Packages", True),
        ("Packages", "Packages/Milk", True),
        ("Packages/Milk/Whole", "Packages", True),
        ("Packages", "Packages-old/Milk", False),
        ("Packages/Milk", "Packages/Juice", False),
        ("Milk", "Packages/Milk", False),
    ],
)
def test_a_category_is_related_to_what_it_holds_and_lies_in(a, b, expected):
    assert related(a, b) is related(b, a) is expected


def test_views_are_shares_of_the_shorter_side():
    assert all(0 < share <= 1 for share in VIEWS)

"""The last layer, against the long way by scikit-learn; few pictures and odd features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from kpsearch.training.head import (
    SHRINKAGE,
    STRENGTH,
    TEMPERATURES,
    Head,
    discriminants,
    fit_head,
    fit_temperature,
)


def clusters(
    each: int, classes: int, width: int = 8, *, spread: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, d) around the means of their classes (n,)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(classes), each)
    means = rng.normal(0, 1, (classes, width))
    rows = means[truth] + rng.normal(0, spread, (len(truth), width))
    return rows.astype(np.float32), truth


def accuracy(head: Head, rows: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(head.logits(rows).argmax(axis=1) == truth))


def slow_scatter(rows: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Within classes, shrunk, one picture after the other."""
    width = rows.shape[1]
    total = np.zeros((width, width))
    for row, wanted, counts in zip(rows, truth, weight, strict=True):
        own = truth == wanted
        mean = (rows[own] * weight[own, np.newaxis]).sum(axis=0) / weight[own].sum()
        total += counts * np.outer(row - mean, row - mean)
    total /= weight.sum()
    return (1 - SHRINKAGE) * total + SHRINKAGE * np.trace(total) / width * np.eye(width)


@pytest.mark.parametrize(("classes", "width"), [(2, 5), (4, 8), (6, 3)])
def test_the_scatter_within_classes_is_the_identity_in_the_discriminants(classes, width):
    rows, truth = clusters(7, classes, width)
    weight = np.random.default_rng(1).uniform(0.2, 2, len(rows))
    centre, projection = discriminants(rows, truth, weight, classes=classes)
    assert projection.shape == (width, min(classes - 1, width))
    scatter = slow_scatter(rows.astype(np.float64), truth, weight)
    np.testing.assert_allclose(
        projection.T @ scatter @ projection, np.eye(projection.shape[1]), atol=1e-9
    )
    of_class = [truth == c for c in range(classes)]
    means = [np.average(rows[own], axis=0, weights=weight[own]) for own in of_class]
    np.testing.assert_allclose(centre, np.mean(means, axis=0), atol=1e-6)


def long_way(rows: np.ndarray, truth: np.ndarray, weight: np.ndarray, unseen: np.ndarray):
    """Probabilities of unseen pictures: whitened, projected and told apart by scikit-learn."""
    rows, unseen = rows.astype(np.float64), unseen.astype(np.float64)
    values, vectors = np.linalg.eigh(slow_scatter(rows, truth, weight))
    white = vectors @ np.diag(values**-0.5) @ vectors.T
    classes = truth.max() + 1
    means = np.array(
        [np.average(rows[truth == c], axis=0, weights=weight[truth == c]) for c in range(classes)]
    )
    apart = (means - means.mean(axis=0)) @ white
    values, vectors = np.linalg.eigh(apart.T @ apart)
    best = vectors[:, np.argsort(-values)[: classes - 1]]
    model = LogisticRegression(C=STRENGTH, max_iter=5000, tol=1e-8)
    model.fit((rows - means.mean(axis=0)) @ white @ best, truth, weight)
    return model.predict_proba((unseen - means.mean(axis=0)) @ white @ best)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_it_says_what_the_long_way_says(classes):
    rows, truth = clusters(12, classes)
    unseen, _ = clusters(5, classes, seed=9)
    weight = np.random.default_rng(1).uniform(0.2, 2, len(rows))
    head = fit_head(rows, truth, classes=classes, weight=weight)
    logits = head.logits(unseen)
    said = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(said, long_way(rows, truth, weight, unseen), atol=2e-3)


def test_the_types_and_shapes_are_those_of_a_layer():
    rows, truth = clusters(4, 3)
    head = fit_head(rows, truth, classes=3)
    assert (head.weights.shape, head.weights.dtype) == ((3, 8), np.float32)
    assert (head.bias.shape, head.bias.dtype) == ((3,), np.float32)
    views = np.stack([rows, rows], axis=1)
    assert head.logits(views).shape == (12, 2, 3)
    assert head.logits(views).dtype == np.float64
    assert head.logits(rows[:0]).shape == (0, 3)


def test_the_same_pictures_give_the_same_layer():
    rows, truth = clusters(6, 4)
    first, again = (fit_head(rows, truth, classes=4) for _ in range(2))
    assert np.array_equal(first.weights, again.weights)
    assert np.array_equal(first.bias, again.bias)


def test_directions_in_which_pictures_of_a_class_differ_count_little():
    """Light, say: one loud direction that has nothing to do with the class, and a quiet one."""
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 8)
    light = rng.normal(0, 30, 16)
    rows = np.stack([light, np.where(truth, 1, -1) + rng.normal(0, 0.3, 16)], axis=1)
    head = fit_head(rows.astype(np.float32), truth, classes=2)
    unseen = np.array([[-60, 1], [60, -1]], np.float32)
    assert head.logits(unseen).argmax(axis=1).tolist() == [1, 0]


def test_one_picture_a_class_is_enough_to_begin_with():
    rows, truth = clusters(1, 5)
    assert accuracy(fit_head(rows, truth, classes=5), rows, truth) == 1.0


def test_more_features_than_pictures_are_no_trouble():
    rows, truth = clusters(3, 4, 300)
    unseen, same = clusters(3, 4, 300)
    head = fit_head(rows, truth, classes=4)
    assert accuracy(head, unseen, same) == 1.0


def test_features_that_are_all_the_same_tell_nothing_apart():
    rows, truth = np.full((6, 4), 3, np.float32), np.array([0, 0, 0, 0, 1, 1])
    logits = fit_head(rows, truth, classes=2).logits(rows)
    assert np.isfinite(logits).all()
    assert np.ptp(logits, axis=0).max() < 1e-6
    assert (logits[:, 0] > logits[:, 1]).all()  # the class of more pictures


def test_a_feature_that_never_changes_changes_nothing():
    rows, truth = clusters(6, 3)
    wider = np.concatenate([rows, np.full((len(rows), 1), 7, np.float32)], axis=1)
    found = fit_head(wider, truth, classes=3)
    assert accuracy(found, wider, truth) == accuracy(fit_head(rows, truth, classes=3), rows, truth)
    assert np.abs(found.weights[:, -1]).max() < 1e-5


def test_a_weight_of_two_is_a_picture_that_is_there_twice():
    rows, truth = clusters(5, 3)
    twice = np.arange(len(rows)) % 2 == 0
    weighted = fit_head(rows, truth, classes=3, weight=np.where(twice, 2.0, 1.0))
    repeated = fit_head(
        np.concatenate([rows, rows[twice]]), np.concatenate([truth, truth[twice]]), classes=3
    )
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=1e-2, atol=1e-3)


def test_pictures_of_no_weight_are_hardly_heard():
    rows, truth = clusters(6, 2)
    wrong = np.concatenate([truth, 1 - truth])
    weight = np.repeat([1.0, 1e-9], len(truth))
    head = fit_head(np.concatenate([rows, rows]), wrong, classes=2, weight=weight)
    assert accuracy(head, rows, truth) == 1.0


@settings(max_examples=25)
@given(
    st.integers(1, 4),
    st.integers(2, 4),
    st.integers(1, 6),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e15]),
    st.integers(0, 9),
)
def test_any_scale_of_features_gives_finite_numbers(each, classes, width, scale, seed):
    rows, truth = clusters(each, classes, width, seed=seed)
    head = fit_head((rows * scale).astype(np.float32), truth, classes=classes)
    assert np.isfinite(head.logits((rows * scale).astype(np.float32))).all()


# Temperature


def test_the_temperature_is_that_of_the_numbers():
    """Drawn with probabilities softmax(logits), and then made too sure threefold."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (chances.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.05)
    assert fit_temperature(logits / 4, truth) == pytest.approx(0.25, rel=0.05)


def test_no_temperature_is_beyond_its_bounds():
    logits = np.array([[5.0, 0.0], [0.0, 5.0]])
    right, wrong = np.array([0, 1]), np.array([1, 0])
    low, high = TEMPERATURES
    assert low <= fit_temperature(logits, right) < fit_temperature(logits, wrong) <= high


def test_huge_numbers_overflow_nothing():
    logits = np.array([[1e6, -1e6], [-1e6, 1e6], [1e6, -1e6]])
    assert np.isfinite(fit_temperature(logits, np.array([0, 1, 1])))

"""Pictures held out, what is said of them, and pictures that label themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.categories import Label
from kpsearch.training import held_out
from kpsearch.training.head import fit_head
from kpsearch.training.held_out import FOLDS, folds_of, groups_of
from kpsearch.training.judging import SHARES, Judge, Judged, by_category, confusion
from kpsearch.training.self_training import SelfLabelled, fit_on_views, grow, label_the_sure

truths = st.lists(st.integers(0, 3), min_size=1, max_size=30).map(np.array)


def features_of(truth: np.ndarray, seed: int, width: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, (len(truth), width)).astype(np.float32)


def slow_groups(rows: np.ndarray, truth: np.ndarray) -> set[frozenset[int]]:
    """Pictures joined with their nearest, one pair after the other."""
    groups = {i: {i} for i in range(len(rows))}
    rows = np.stack(
        [row - rows[truth == own].mean(0) for row, own in zip(rows, truth, strict=True)]
    )
    for i, row in enumerate(rows.astype(np.float64)):
        others = [j for j in range(len(rows)) if j != i and truth[j] == truth[i]]
        if others:
            lengths = [np.linalg.norm(row) * np.linalg.norm(rows[j]) for j in others]
            cosines = [row @ rows[j] / long for j, long in zip(others, lengths, strict=True)]
            both = groups[i] | groups[others[int(np.argmax(cosines))]]
            groups.update(dict.fromkeys(both, both))
    return {frozenset(group) for group in groups.values()}


@given(truths, st.integers(0, 99), st.sampled_from([1, 4, 1024]))
def test_a_picture_is_in_one_group_with_its_nearest_of_the_same_class(truth, seed, at_a_time):
    rows = features_of(truth, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "ROWS_AT_A_TIME", at_a_time)
        found = groups_of(rows, truth)
    members = {frozenset(np.flatnonzero(found == group).tolist()) for group in np.unique(found)}
    assert members == slow_groups(rows, truth)


@given(truths, st.integers(0, 99))
def test_no_group_is_split_and_each_tested_class_stays_in_every_training(truth, seed):
    groups = groups_of(features_of(truth, seed), truth)
    folds = folds_of(groups, truth, seed=seed)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    for wanted in np.unique(truth):
        own = folds[truth == wanted]
        lone = len(np.unique(groups[truth == wanted])) == 1
        assert (set(own) == {-1}) if lone else (min(own) >= 0 and len(set(own)) > 1)
    assert folds.max() < FOLDS


@given(truths, st.integers(0, 99))
def test_folds_have_as_many_groups_each_but_one(truth, seed):
    groups = groups_of(features_of(truth, seed), truth)
    folds = folds_of(groups, truth, seed=seed)
    dealt = {group: folds[groups == group][0] for group in np.unique(groups)}
    counts = [sum(fold == f for fold in dealt.values()) for f in range(FOLDS)]
    assert max(counts) - min(counts) <= 1


def test_the_seed_deals_and_the_same_seed_deals_the_same():
    truth = np.zeros(60, np.intp)
    groups = np.arange(60)
    deals = [folds_of(groups, truth, seed=seed).tolist() for seed in (0, 0, 1)]
    assert deals[0] == deals[1] != deals[2]


def test_copies_and_pictures_without_any_feature_have_groups_too():
    rows = np.array([[1, 0], [1, 0], [0, 0], [0, 1]], np.float32)
    groups = groups_of(rows, np.zeros(4, np.intp))
    assert groups[0] == groups[1]
    assert groups_of(rows[:0], np.empty(0, np.intp)).shape == (0,)


# Judging


def table(each: int, classes: int = 3, *, spread: float = 0.4, views: int = 2, seed: int = 0):
    """Features (n, v, d) and classes: of each thing there are two photos, and nearly the same."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(classes), each)
    means = np.random.default_rng(100).normal(0, 1, (classes, 6))
    things = np.repeat(rng.normal(0, spread, (len(truth) // 2 + 1, 6)), 2, axis=0)[: len(truth)]
    photos = means[truth] + things + rng.normal(0, 0.01, things.shape)
    rows = photos[:, np.newaxis] + rng.normal(0, spread / 5, (len(truth), views, 6))
    rows[:, 0] = photos
    return rows.astype(np.float32), truth


def test_each_fold_is_judged_by_a_head_of_the_others():
    features, truth = table(10)
    judge = Judge.of(features, truth, classes=3, seed=0)
    judged = judge.judge()
    assert sorted(judged.rows.tolist()) == list(range(30))
    assert judged.truth.tolist() == truth[judged.rows].tolist()
    for fold in judge.tested:
        rows = judge.folds != fold
        head = fit_on_views(features[rows], truth[rows], classes=3)
        want = head.logits(features[~rows]).mean(axis=1)
        np.testing.assert_allclose(judged.logits[np.isin(judged.rows, np.flatnonzero(~rows))], want)
    assert judged.accuracy == np.mean(judged.logits.argmax(axis=1) == judged.truth) > 0.8


def test_progress_is_told_after_each_fold():
    said: list[tuple[str, int, int]] = []
    Judge.of(*table(10), classes=3, seed=0).judge(progress=lambda *step: said.append(step))
    assert said == [("judging by held-out pictures", n, FOLDS) for n in range(1, FOLDS + 1)]


def test_no_more_folds_are_judged_than_say_enough(monkeypatch):
    judge = Judge.of(*table(20), classes=3, seed=0)
    assert judge.tested == (0, 1, 2, 3, 4)
    held = np.bincount(judge.folds)
    monkeypatch.setattr("kpsearch.training.judging.ENOUGH", int(held[:2].sum()))
    assert judge.tested == (0, 1)
    monkeypatch.setattr("kpsearch.training.judging.ENOUGH", int(held[:2].sum()) + 1)
    assert judge.tested == (0, 1, 2)


def test_classes_of_one_picture_are_learned_and_never_judged():
    features, truth = table(8)
    features = np.concatenate([features, features[:1] + 9])
    truth = np.append(truth, 3)
    judged = Judge.of(features, truth, classes=4, seed=0).judge()
    assert 3 not in judged.truth
    assert judged.logits.shape == (24, 4)


def test_where_nothing_can_be_held_out_nothing_is_said():
    features, truth = table(1)
    judge = Judge.of(features, truth, classes=3, seed=0)
    judged = judge.judge()
    assert (judge.tested, judged.logits.shape, judged.temperature) == ((), (0, 3), 1.0)
    assert math.isnan(judged.accuracy)
    assert judge.learning_curve(judged) == []


def test_the_learning_curve_rises_with_the_pictures_and_ends_with_all():
    features, truth = table(24, spread=1.0)
    judge = Judge.of(features, truth, classes=3, seed=0)
    whole = judge.judge()
    curve = judge.learning_curve(whole)
    assert len(curve) == len(SHARES)
    assert [n for n, _ in curve] == sorted(n for n, _ in curve)
    assert curve[-1][1] == whole.accuracy
    assert judge.judge(share=0.25).accuracy == curve[0][1]


@given(truths, st.sampled_from([0.01, 0.25, 0.5, 1.0]))
def test_a_share_has_some_of_every_class_and_is_within_larger_shares(truth, share):
    rows = np.arange(len(truth))
    judge = Judge(np.zeros((len(truth), 1, 1), np.float32), truth, 4, rows % FOLDS, seed=1)
    found = judge._share(rows, share)
    assert set(truth[found]) == set(truth)
    assert set(found) <= set(judge._share(rows, min(2 * share, 1.0)))
    if share == 1:
        assert found.tolist() == rows.tolist()


def test_confusion_counts_every_pair():
    truth, said = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2])
    want = [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert confusion(truth, said, classes=3).tolist() == want
    assert confusion(truth[:0], said[:0], classes=2).tolist() == [[0, 0], [0, 0]]


def test_labels_fall_into_their_categories():
    labels = (Label("a", "x"), Label("b"), Label("a", "y"))
    assert by_category(labels, np.array([2, 1, 0, 2])).tolist() == [0, 1, 0, 0]


def test_held_out_pictures_without_an_answer_have_no_accuracy():
    none = np.empty(0, np.intp)
    assert math.isnan(Judged(none, none, np.empty((0, 2))).accuracy)


# Self-training


def test_the_sure_are_labelled_and_of_each_class_the_surest():
    features, truth = table(10, spread=0.2)
    head = fit_on_views(features, truth, classes=3)
    found = label_the_sure(head, features, temperature=0.02, most=np.array([10, 2, 0]))
    assert found.classes.tolist() == truth[found.rows].tolist()
    assert np.bincount(found.classes, minlength=3).tolist() == [10, 2, 0]
    assert (np.diff(found.rows) > 0).all()
    unsure = label_the_sure(head, features, temperature=1e3, most=np.array([10, 10, 10]))
    assert (len(unsure.rows), unsure.rows.dtype) == (0, np.intp)


def grown(few: int, *, spread: float, sure: float = 1.0) -> tuple[SelfLabelled, float, float]:
    """Few labelled pictures, many others: who joined, and accuracy on new ones without and with."""
    features, truth = table(few, spread=spread, seed=1)
    others, _ = table(60, spread=spread, seed=2)
    unseen, unseen_truth = table(200, spread=spread, seed=3)
    judge = Judge.of(features, truth, classes=3, seed=0)
    judged = judge.judge()
    taken = grow(
        features,
        truth,
        others,
        classes=3,
        temperature=judged.temperature * sure,
        helps=lambda: judge.joined(others, judged.temperature * sure) >= judged.accuracy,
    )

    def right(*joined: np.ndarray) -> float:
        head = fit_on_views(features, truth, *joined, classes=3)
        return float(np.mean(head.logits(unseen).mean(axis=1).argmax(axis=1) == unseen_truth))

    return taken, right(), right(others[taken.rows], taken.classes)


def test_pictures_that_label_themselves_help_where_there_are_few():
    taken, before, after = grown(8, spread=0.8)
    assert 0 < len(taken.rows) <= 24
    assert after > before + 0.005


def test_none_joins_where_the_head_is_unsure():
    taken, before, after = grown(6, spread=0.9, sure=1e4)
    assert (len(taken.rows), after) == (0, before)


def test_some_join_only_where_the_held_out_are_told_no_worse():
    features, truth = table(6)
    for helps in (True, False):
        taken = grow(
            features,
            truth,
            features,
            classes=3,
            temperature=0.01,
            helps=lambda answer=helps: answer,
        )
        assert (len(taken.rows) > 0) == helps


def test_what_joins_is_labelled_without_the_fold_it_is_judged_by():
    """A copy of a held-out picture, labelled by a head that has seen that one, would tell it."""
    features, truth = table(10, spread=1.5)
    judge = Judge.of(features, truth, classes=3, seed=0)
    said = []
    for fold in judge.tested:
        rows = judge.folds != fold
        head = fit_on_views(features[rows], truth[rows], classes=3)
        most = np.bincount(truth[rows], minlength=3)
        taken = label_the_sure(head, features, temperature=1.0, most=most)
        joined = (features[taken.rows], taken.classes)
        head = fit_on_views(features[rows], truth[rows], *joined, classes=3)
        said += (head.logits(features[~rows]).mean(axis=1).argmax(axis=1) == truth[~rows]).tolist()
    assert judge.joined(features, 1.0) == pytest.approx(np.mean(said))


def test_a_picture_that_joined_counts_less_than_a_labelled_one():
    features, truth = table(5, views=1)
    more, said = table(4, views=1, seed=7)
    found = fit_on_views(features, truth, more, said, classes=3)
    rows = np.concatenate([features, more])[:, 0]
    weight = np.repeat([1.0, 0.5], [len(features), len(more)])
    want = fit_head(rows, np.concatenate([truth, said]), classes=3, weight=weight)
    np.testing.assert_array_equal(found.weights, want.weights)


@settings(max_examples=10)
@given(st.integers(1, 4), st.integers(0, 20))
def test_views_of_a_picture_count_like_pictures(views, seed):
    features, truth = table(4, views=views, seed=seed)
    flat = features.reshape(-1, 1, 6)
    apart = fit_on_views(flat, np.repeat(truth, views), classes=3)
    np.testing.assert_array_equal(fit_on_views(features, truth, classes=3).weights, apart.weights)

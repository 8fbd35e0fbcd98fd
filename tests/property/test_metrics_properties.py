import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.evaluation import (
    average_precision,
    average_precision_at,
    micro_average_precision,
    ns_score,
    precision_at,
    recall_at,
    recall_at_precision,
    relevant_positions,
)

conventions = st.sampled_from(["rectangle", "trapezoid"])


@st.composite
def rankings(draw):
    """Positions of the relevant items retrieved, and how many there are in all."""
    positions = draw(st.sets(st.integers(0, 60), max_size=12).map(sorted))
    return positions, len(positions) + draw(st.integers(0 if positions else 1, 5))


@st.composite
def promotions(draw):
    """A ranking, and the same with one relevant item moved up past others that are not."""
    positions, n_relevant = draw(rankings().filter(lambda ranking: ranking[0]))
    which = draw(st.integers(0, len(positions) - 1))
    above = positions[which - 1] + 1 if which else 0
    better = list(positions)
    better[which] = draw(st.integers(above, positions[which]))
    return positions, better, n_relevant


@given(rankings(), conventions)
def test_average_precision_lies_between_zero_and_one(ranking, convention):
    assert 0 <= average_precision(*ranking, convention=convention) <= 1 + 1e-12


@given(st.integers(1, 50), conventions)
def test_a_perfect_ranking_has_average_precision_one(n_relevant, convention):
    perfect = average_precision(range(n_relevant), n_relevant, convention=convention)
    assert perfect == pytest.approx(1)


@given(promotions(), conventions)
def test_average_precision_never_falls_when_a_relevant_item_moves_up(promotion, convention):
    worse, better, n_relevant = promotion
    after = average_precision(better, n_relevant, convention=convention)
    assert after >= average_precision(worse, n_relevant, convention=convention) - 1e-12


@given(rankings(), conventions)
def test_average_precision_is_at_most_the_share_of_relevant_items_retrieved(ranking, convention):
    positions, n_relevant = ranking
    share = len(positions) / n_relevant
    assert average_precision(positions, n_relevant, convention=convention) <= share + 1e-12


@given(rankings())
def test_trapezoids_never_exceed_rectangles(ranking):
    trapezoid = average_precision(*ranking, convention="trapezoid")
    assert trapezoid <= average_precision(*ranking, convention="rectangle") + 1e-12


@given(rankings(), st.integers(1, 70))
def test_recall_never_falls_with_k(ranking, k):
    assert recall_at(*ranking, k=k) <= recall_at(*ranking, k=k + 1)


@given(rankings())
def test_recall_over_the_whole_ranking_is_one_when_anything_was_retrieved(ranking):
    assert recall_at(*ranking, k=61) == float(bool(ranking[0]))


@given(st.sets(st.integers(0, 20), max_size=3).map(sorted))
def test_ns_score_is_the_same_with_the_query_on_top_or_left_out(positions):
    left_out = ns_score(positions, query_left_out=True)
    on_top = ns_score([0, *(p + 1 for p in positions)], query_left_out=False)
    assert left_out == on_top
    assert 1 <= left_out <= 4


@given(st.lists(st.integers(0, 30), unique=True), st.sets(st.integers(0, 30)), st.data())
def test_overlooking_junk_is_ranking_as_if_it_had_never_been_there(ranking, relevant, data):
    names = [str(item) for item in ranking]
    relevant = {str(item) for item in relevant}
    junk = data.draw(st.sets(st.sampled_from(names))) - relevant if names else set()
    without = [name for name in names if name not in junk]
    expected = tuple(without.index(name) for name in without if name in relevant)
    assert relevant_positions(names, relevant, ignored=junk) == expected


@given(promotions(), st.integers(1, 70))
def test_metrics_at_k_never_fall_when_a_relevant_item_moves_up(promotion, k):
    worse, better, n_relevant = promotion
    after = average_precision_at(better, n_relevant, k=k)
    assert after >= average_precision_at(worse, n_relevant, k=k) - 1e-12
    assert 0 <= precision_at(better, n_relevant, k=k) <= 1


@given(rankings())
def test_average_precision_at_the_end_of_the_ranking_is_average_precision(ranking):
    whole = average_precision_at(*ranking, k=100)
    assert whole == pytest.approx(average_precision(*ranking, convention="rectangle"))


@st.composite
def pairs(draw):
    """Confidences with many ties, whether each is right, and the number of right ones there are."""
    answers = draw(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=25))
    confidence = [float(value) for value, _ in answers]
    correct = [right for _, right in answers]
    return confidence, correct, sum(correct) + draw(st.integers(0 if any(correct) else 1, 4))


@given(pairs(), st.randoms(use_true_random=False))
def test_pooled_metrics_do_not_depend_on_the_order_of_the_pairs(answers, random):
    confidence, correct, n_positive = answers
    order = random.sample(range(len(correct)), len(correct))
    shuffled = [confidence[i] for i in order], [correct[i] for i in order]
    for metric, more in ((micro_average_precision, {}), (recall_at_precision, {"precision": 0.7})):
        value = metric(confidence, correct, n_positive=n_positive, **more)
        assert metric(*shuffled, n_positive=n_positive, **more) == value


@given(pairs(), st.randoms(use_true_random=False))
def test_no_way_to_break_ties_is_worse_for_micro_ap(answers, random):
    confidence, correct, n_positive = answers
    broken = [value + random.random() / 2 for value in confidence]
    worst = micro_average_precision(confidence, correct, n_positive=n_positive)
    assert micro_average_precision(broken, correct, n_positive=n_positive) >= worst - 1e-12


@given(pairs(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_recall_never_rises_with_the_precision_asked_for(answers, one, other):
    confidence, correct, n_positive = answers
    low, high = (
        recall_at_precision(confidence, correct, n_positive=n_positive, precision=precision)
        for precision in sorted((one, other))
    )
    assert low >= high


@given(pairs(), st.integers(0, 5))
def test_one_more_wrong_answer_never_helps(answers, value):
    confidence, correct, n_positive = answers
    more = [*confidence, float(value)], [*correct, False]
    for metric, options in (
        (micro_average_precision, {}),
        (recall_at_precision, {"precision": 0.8}),
    ):
        before = metric(confidence, correct, n_positive=n_positive, **options)
        assert metric(*more, n_positive=n_positive, **options) <= before + 1e-12

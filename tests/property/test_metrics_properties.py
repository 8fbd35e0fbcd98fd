import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.evaluation import average_precision, ns_score, recall_at

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

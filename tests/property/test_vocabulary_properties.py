import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kpsearch.vocabulary import MAX_WORDS, words_for
from kpsearch.vocabulary.bit_selection import BitSelection, select_bits
from kpsearch.vocabulary.chance import normal_tail
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.kmeans import k_majority, share_leaves
from kpsearch.vocabulary.tree import Metric, Tree, top_columns


@st.composite
def trees(draw):
    """A tree of few distinct values, so that ties are common, and points to assign."""
    dimension = draw(st.integers(1, 4))
    leaves_of = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    top = draw(st.sampled_from([2, 4, 256]))
    branches, leaves, points = (
        rng.integers(0, top, (n, dimension), dtype=np.uint8)
        for n in (len(leaves_of), sum(leaves_of), draw(st.integers(0, 12)))
    )
    starts = np.concatenate([[0], np.cumsum(leaves_of)]).astype(np.uint32)
    return Tree(branches, leaves, starts, draw(st.sampled_from(Metric))), points


def distance(tree, one, other) -> int:
    """Squared, where it is Euclidean."""
    pairs = [(int(a), int(b)) for a, b in zip(one, other, strict=True)]
    if tree.metric is Metric.HAMMING:
        return sum((a ^ b).bit_count() for a, b in pairs)
    return sum((a - b) ** 2 for a, b in pairs)


def nearest_leaves(tree, point, words, branches):
    """The rule in `Tree.assign`, leaf by leaf."""
    by_distance = sorted(
        range(len(tree.branches)), key=lambda b: (distance(tree, point, tree.branches[b]), b)
    )
    leaves = [
        (distance(tree, point, tree.leaves[leaf]), rank, leaf)
        for rank, b in enumerate(by_distance[:branches])
        for leaf in range(int(tree.leaf_start[b]), int(tree.leaf_start[b + 1]))
    ]
    found = [leaf for _, _, leaf in sorted(leaves)[:words]]
    return found + found[:1] * (words - len(found))


@given(trees(), st.integers(1, 6), st.integers(1, 8))
def test_assignment_finds_the_nearest_leaves_of_the_nearest_branches(planted, words, branches):
    tree, points = planted
    found = tree.assign(points, words=words, branches=branches)
    assert found.dtype == np.uint32
    assert found.shape == (len(points), words)
    expected = [nearest_leaves(tree, point, words, branches) for point in points]
    assert found.tolist() == expected


@given(trees())
def test_searching_all_branches_equals_brute_force_over_the_leaves(planted):
    tree, points = planted
    found = tree.assign(points, branches=len(tree.branches))[:, 0]
    for point, leaf in zip(points, found, strict=True):
        distances = [distance(tree, point, other) for other in tree.leaves]
        assert distances[leaf] == min(distances)


@given(trees(), st.integers(1, 3), st.integers(1, 3))
def test_a_point_is_assigned_alike_alone_and_among_others(planted, words, branches):
    tree, points = planted
    together = tree.assign(points, words=words, branches=branches)
    for i in range(len(points)):
        alone = tree.assign(points[i : i + 1], words=words, branches=branches)
        np.testing.assert_array_equal(alone[0], together[i])


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 4), st.integers(1, 24)),
        elements=st.integers(0, 3).map(float),
    ),
    st.data(),
)
def test_top_columns_equals_a_stable_sort(values, data):
    count = data.draw(st.integers(1, values.shape[1]))
    before = values.copy()
    found = top_columns(values, count)
    expected = np.argsort(-values, axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, before)


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=50), st.integers(1, 5000))
def test_leaves_are_shared_in_proportion_with_one_for_each_branch(populations, words):
    shares = share_leaves(np.array(populations), words)
    total = sum(populations)
    assert (shares >= 1).all()
    assert shares.sum() <= words + len(populations)
    for population, share in zip(populations, shares.tolist(), strict=True):
        exact = population * words / total if total else 0
        assert share <= max(1, exact + 1e-6)
        assert share > exact - 1 - 1e-6


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_more_keypoints_never_mean_fewer_words_and_the_number_is_bounded(one, other):
    few, many = sorted((one, other))
    assert 16 <= words_for(few) <= words_for(many) <= MAX_WORDS


@given(
    st.integers(1, 6),
    st.integers(1, 5),
    st.integers(1, 3),
    st.sampled_from([1, 20, 128]),
    st.integers(0, 2**32 - 1),
)
def test_signatures_equal_exact_integer_arithmetic(n, k, m, dimension, seed):
    rng = np.random.default_rng(seed)
    projection = rng.integers(-127, 128, (64, dimension), dtype=np.int8)
    # Thresholds near the projections, so that exact equality happens.
    thresholds = rng.integers(-128, 128, (k, 64), dtype=np.int8)
    descriptors = rng.choice(np.array([0, 4, 128, 255], np.uint8), (n, dimension))
    words = rng.integers(0, k, (n, m), dtype=np.uint32)
    found = HammingEmbedding(projection, thresholds).signatures(descriptors, words)
    assert found.dtype == np.uint64
    for i in range(n):
        dots = [
            sum(int(p) * int(x) for p, x in zip(row, descriptors[i], strict=True))
            for row in projection
        ]
        for j in range(m):
            limits = thresholds[words[i, j]].tolist()
            bits = (int(dot > 512 * limit) for dot, limit in zip(dots, limits, strict=True))
            assert int(found[i, j]) == sum(bit << b for b, bit in enumerate(bits))


@given(st.integers(0, 6), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_signatures_of_bits_are_the_selected_bits(n, k, m, seed):
    rng = np.random.default_rng(seed)
    selected = rng.integers(0, 96, (k, 64)).astype(np.uint16)
    descriptors = rng.integers(0, 256, (n, 12), dtype=np.uint8)
    words = rng.integers(0, k, (n, m), dtype=np.uint32)
    found = BitSelection(selected).signatures(descriptors, words)
    assert found.shape == (n, m)
    assert found.dtype == np.uint64
    for i in range(n):
        text = "".join(f"{byte:08b}" for byte in descriptors[i].tolist())
        for j in range(m):
            bits = [int(text[number]) for number in selected[words[i, j]].tolist()]
            assert int(found[i, j]) == sum(bit << b for b, bit in enumerate(bits))


@given(st.integers(1, 30), st.integers(1, 4), st.integers(8, 10), st.integers(0, 2**32 - 1))
def test_a_word_keeps_the_bits_that_vary_most_within_it(n, k, size_bytes, seed):
    rng = np.random.default_rng(seed)
    descriptors = rng.integers(0, 256, (n, size_bytes), dtype=np.uint8)
    descriptors &= rng.integers(0, 256, size_bytes, dtype=np.uint8)  # some bits never vary
    words = rng.integers(0, k, n, dtype=np.uint32)
    selected = select_bits(descriptors, words, descriptors[:1].repeat(k, axis=0), rng).selected
    bits = np.unpackbits(descriptors, axis=1).astype(float)
    for word in range(k):
        own = bits[words == word]
        mean = (own.sum(axis=0) + 8 * bits.mean(axis=0)) / (len(own) + 8)
        variance = mean * (1 - mean)
        kept = selected[word].tolist()
        assert len(set(kept)) == 64
        left = sorted(set(range(8 * size_bytes)) - set(kept))
        assert variance[kept].min() >= variance[left].max(initial=0.0) - 1e-12


@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_k_majority_equals_voting_bit_by_bit(n, k, iterations, seed):
    rng = np.random.default_rng(seed)
    descriptors = rng.integers(0, 256, (n, 2), dtype=np.uint8)
    descriptors[rng.random(n) < 0.5] = 0
    found = k_majority(descriptors, k, iterations, seed=3)
    assert found.tolist() == voted_bit_by_bit(descriptors, k, iterations, seed=3)


def voted_bit_by_bit(descriptors, k, iterations, seed):
    """The rule of `k_majority`, on whole numbers of 16 bits."""
    points = [int(a) << 8 | int(b) for a, b in descriptors]
    distinct = sorted(set(points))
    if len(distinct) > k:
        chosen = np.random.default_rng(seed).permutation(len(distinct))[:k]
        distinct = [distinct[i] for i in sorted(chosen.tolist())]
        for _ in range(iterations):
            distinct = moved_by_vote(points, distinct)
    return [[point >> 8, point & 255] for point in sorted(set(distinct))]


def moved_by_vote(points, centroids):
    nearest = [
        min(range(len(centroids)), key=lambda c: ((point ^ centroids[c]).bit_count(), c))
        for point in points
    ]
    moved = []
    for number, centroid in enumerate(centroids):
        own = [point for point, cell in zip(points, nearest, strict=True) if cell == number]
        votes = [sum(1 if point >> bit & 1 else -1 for point in own) for bit in range(16)]
        kept = [centroid >> bit & 1 if vote == 0 else vote > 0 for bit, vote in enumerate(votes)]
        moved.append(sum(int(value) << bit for bit, value in enumerate(kept)))
    return moved


@given(st.floats(0, 64), st.floats(1, 40))
def test_the_chance_of_a_distance_is_a_cumulative_probability(centre, spread):
    chance = normal_tail(centre, spread)
    assert chance.shape == (65,)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (np.diff(chance) >= 0).all()
    below = int(centre)
    assert chance[max(below - 1, 0)] <= 0.5 + 0.5 / spread
    assert chance[min(below + 1, 64)] >= 0.5

"""Which keypoints of a query are one thing repeated."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.scoring import group_repeats
from kpsearch.scoring.grouping import CHANCE_REPEATS
from kpsearch.types import Words
from kpsearch.vocabulary.chance import normal_tail

CHANCE = normal_tail(32, 5)


@st.composite
def repeating(draw):
    """Keypoints of few words, with signatures that meet now and then."""
    n = draw(st.integers(0, 25))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    ids = rng.integers(0, 3, (n, 2), dtype=np.uint32)
    spread = rng.integers(0, 2**64, (2, n, 2), dtype=np.uint64)
    return Words(ids, spread[0] & spread[1])


def repeats(words: Words, i: int, j: int) -> bool:
    if i == j:
        return True
    others = int((words.ids[:, 0] == words.ids[i, 0]).sum()) - 1
    apart = (int(words.signatures[i, 0]) ^ int(words.signatures[j, 0])).bit_count()
    same_word = words.ids[i, 0] == words.ids[j, 0]
    return bool(same_word and others * CHANCE[apart] <= CHANCE_REPEATS)


def components(words: Words) -> list[int]:
    """By a plain walk from each keypoint not yet reached."""
    group = [-1] * len(words)
    for start in range(len(words)):
        waiting = [start] if group[start] < 0 else []
        while waiting:
            at = waiting.pop()
            if group[at] < 0:
                group[at] = start
                waiting += [j for j in range(len(words)) if repeats(words, at, j)]
    return [sorted(set(group)).index(g) for g in group]


@given(repeating())
def test_groups_are_the_connected_components_of_repeats(words):
    assert group_repeats(words, CHANCE).tolist() == components(words)


def test_a_chain_of_repeats_is_one_group():
    steps = np.array([(1 << (8 * i)) - 1 for i in range(6)], np.uint64)
    words = Words(np.zeros((6, 1), np.uint32), steps[[5, 0, 3, 1, 4, 2], None])
    assert group_repeats(words, CHANCE).tolist() == [0] * 6
    apart = Words(np.arange(6, dtype=np.uint32)[:, None], words.signatures)
    assert group_repeats(apart, CHANCE).tolist() == list(range(6))


def test_a_thousand_unrelated_keypoints_of_one_word_do_not_run_together():
    rng = np.random.default_rng(1)
    signatures = rng.integers(0, 2**64, (1000, 1), dtype=np.uint64)
    groups = group_repeats(Words(np.zeros((1000, 1), np.uint32), signatures), normal_tail(32, 4))
    assert np.bincount(groups).max() <= 6
    assert groups.max() > 900


def test_copies_of_a_keypoint_are_one_group_whatever_chance_is():
    words = Words(np.zeros((7, 1), np.uint32), np.full((7, 1), 5, np.uint64))
    assert group_repeats(words, CHANCE).tolist() == [0] * 7
    assert group_repeats(words, np.linspace(0, 1, 65)).tolist() == [0] * 7

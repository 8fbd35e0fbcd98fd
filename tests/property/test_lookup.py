"""The postings of an image, by bisection and by a pass, beside a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.index import lookup
from kpsearch.index.runs import starts

WORDS = 6


@st.composite
def asked(draw):
    """Words of keypoints in order, a stretch of keypoints, and the words asked for."""
    word = np.array(draw(st.lists(st.integers(0, WORDS - 1), max_size=40)), np.int64)
    first = draw(st.integers(0, len(word)))
    last = draw(st.integers(first, len(word)))
    words = draw(st.sets(st.integers(0, WORDS - 1)))
    return word, first, last, np.array(sorted(words), np.uint32)


@given(asked(), st.integers(1, 7))
def test_both_ways_find_what_a_plain_loop_finds(case, at_a_time):
    word, first, last, words = case
    keypoint = np.argsort(word, kind="stable").astype(np.uint32)
    start = starts(np.bincount(word, minlength=WORDS)).astype(np.uint32)
    expected = [
        (int(word[k]), place)
        for place, k in enumerate(keypoint.tolist())
        if first <= k < last and word[k] in words
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookup, "PASSED_AT_A_TIME", at_a_time)
        for find in (lookup.bisected, lookup.passed, lookup.postings_between):
            found = find(first, last, words=words, start=start, keypoint=keypoint)
            assert [array.dtype for array in found] == [np.int64, np.int64]
            assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == expected

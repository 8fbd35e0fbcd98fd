"""Pictures and judged pairs without files, for tests of what is made of them."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import strategies as st

from kpsearch.dedup.records import Entry, JudgedPair, Relation, Verdict
from kpsearch.types import ImageSize


def content_hash(content: int) -> bytes:
    """A hash whose order has nothing to do with that of the contents."""
    return random.Random(content).randbytes(16)


def entry(number: int, content: int | None = None, **facts) -> Entry:
    known = {
        "path": f"/pictures/{number}.jpg",
        "size": ImageSize(100, 100),
        "size_bytes": 1000,
        "mtime_ns": 0,
        "content_hash": content_hash(number if content is None else content),
    }
    return Entry(number=number, **(known | facts))


def link(a: int, b: int, log_odds: float = 3.0, relation=Relation.NEAR_DUPLICATE, **facts):
    return JudgedPair(a=a, b=b, relation=relation, log_odds=log_odds, **facts)


def merging(pairs) -> np.ndarray:
    """(pairs,): those whose relation merges and whose log-odds are above 0."""
    return np.array([pair.relation.merges and pair.log_odds > 0 for pair in pairs], bool)


@st.composite
def catalogues(draw):
    """Pictures, some of equal bytes; pairs, each once, equal ones as stars; and full lists."""
    n = draw(st.integers(1, 9))
    contents = draw(st.lists(st.integers(0, n), min_size=n, max_size=n))
    entries = [entry(number, content) for number, content in enumerate(contents)]
    pairs = []
    verdicts: dict[frozenset[int], Verdict | None] = {}
    for b in range(n):
        for a in range(b):
            if contents[a] == contents[b]:
                if a == contents.index(contents[b]):
                    pairs.append(link(a, b, 30.0, Relation.EXACT))
                continue
            key = frozenset((contents[a], contents[b]))
            if key not in verdicts:
                verdicts[key] = draw(st.sampled_from([None, None, None, None, *Verdict]))
            relation = draw(st.sampled_from([None, *Relation]))
            if relation not in (None, Relation.EXACT):
                log_odds = draw(st.integers(-2, 5)) / 2
                pairs.append(link(a, b, log_odds, relation, verdict=verdicts[key]))
    cut = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    return entries, pairs, cut

"""Decisions go to the file and come back as they are, whatever the names of the pictures."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kpsearch.dedup.decisions import Decision, Decisions, Recorded, apply, read_decisions, record
from kpsearch.dedup.records import Verdict
from tests.judged import content_hash, entry, link

NAMES = st.one_of(
    st.sampled_from(["=1+1.jpg", '-"quoted", twice.jpg', " a\r\nb\r.jpg\t", "@x;y", "\\n", "'"]),
    st.binary(max_size=12).map(lambda name: os.fsdecode(name.replace(b"\0", b""))),
)


@st.composite
def decisions(draw):
    a, b = draw(st.lists(st.integers(0, 6), min_size=2, max_size=2, unique=True))
    return Decision(
        content_hash(a), content_hash(b), draw(st.sampled_from(Verdict)), draw(NAMES), draw(NAMES)
    )


LISTS = st.lists(decisions(), max_size=12)


@given(LISTS)
def test_what_was_recorded_is_read_as_it_was(made):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "i.decisions.csv")
        wanted = Decisions.of(made)
        record(path, wanted)
        found = read_decisions(path)
        assert found == wanted
        assert list(found.by_pair.values()) == list(wanted.by_pair.values())


@given(LISTS, LISTS)
def test_recording_adds_to_what_is_known_and_counts_it(before, new):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "i.decisions.csv")
        record(path, Decisions.of(before))
        known, wanted = Decisions.of(before), Decisions.of(new)
        counts = record(path, wanted)
        shared = known.by_pair.keys() & wanted.by_pair.keys()
        kept = sum(known.verdict(*key) is wanted.verdict(*key) for key in shared)
        assert counts == Recorded(len(wanted) - len(shared), len(shared) - kept, kept)
        after = read_decisions(path)
        for key in known.by_pair.keys() | wanted.by_pair.keys():
            assert after.verdict(*key) is (wanted.verdict(*key) or known.verdict(*key))
        assert record(path, wanted) == Recorded(known=len(wanted))


@given(LISTS, st.lists(st.integers(0, 6), min_size=1, max_size=8), st.data())
def test_a_verdict_holds_for_all_copies_and_joins_what_was_not_found(made, contents, data):
    known = Decisions.of(made)
    fixed = data.draw(st.lists(st.booleans(), min_size=len(contents), max_size=len(contents)))
    entries = [entry(n, content, fixed=fixed[n]) for n, content in enumerate(contents)]
    ends = [(a, b) for b in range(len(contents)) for a in range(b)]
    pairs = [link(a, b) for a, b in ends if data.draw(st.booleans())]
    judged = apply(pairs, entries, known)
    for pair, before in zip(judged, pairs, strict=False):
        hashes = [entries[number].content_hash for number in (pair.a, pair.b)]
        assert (pair.a, pair.b, pair.found) == (before.a, before.b, True)
        assert pair.verdict is known.verdict(*hashes) is known.verdict(*hashes[::-1])
    covered = {frozenset((contents[pair.a], contents[pair.b])) for pair in pairs}
    added = [frozenset((contents[pair.a], contents[pair.b])) for pair in judged[len(pairs) :]]
    assert len(set(added)) == len(added)
    assert all(pair.a < pair.b and not pair.found for pair in judged[len(pairs) :])
    wanted = {
        frozenset((contents[a], contents[b]))
        for a, b in ends
        if contents[a] != contents[b]
        and known.verdict(entries[a].content_hash, entries[b].content_hash) is Verdict.SAME
        and not (fixed[a] and fixed[b])
    }
    assert set(added) == wanted - covered

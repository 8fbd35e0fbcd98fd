"""What holds of groups whatever the pairs are, and the same groups by slow plain loops."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.dedup.grouping import group_pairs
from kpsearch.dedup.linkage import LinkGraph, all_of, most
from kpsearch.dedup.records import Relation, Verdict
from tests.judged import catalogues, merging


def grouped(entries, pairs, cut):
    return group_pairs(pairs, merging(pairs), entries, cut=cut, keep="largest")


def links_of(entries, pairs):
    """By its two pictures, how sure each link is: greater is surer, and no two are equal."""
    links = {}
    for pair, believed in zip(pairs, merging(pairs), strict=True):
        ends = sorted((entries[pair.a].content_hash, entries[pair.b].content_hash))
        decided = pair.verdict is Verdict.SAME or ends[0] == ends[1]
        if decided or (believed and pair.verdict is None):
            strength = float("inf") if decided else pair.log_odds
            tie = [-int.from_bytes(end) for end in ends]
            links[pair.a, pair.b] = (strength, *tie, -pair.a, -pair.b)
    return links


def connected(nodes, links):
    reached, waiting = set(), [min(nodes)]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += [b if a == at else a for a, b in links if at in (a, b)]
    return reached == set(nodes)


@given(catalogues(), st.randoms())
def test_groups_do_not_depend_on_the_order_of_pairs(catalogue, random):
    entries, pairs, cut = catalogue
    shuffled = random.sample(pairs, len(pairs))
    assert grouped(entries, pairs, cut) == grouped(entries, shuffled, cut)


@given(catalogues())
def test_a_group_is_held_together_by_its_links_and_no_picture_is_in_two(catalogue):
    entries, pairs, cut = catalogue
    links = links_of(entries, pairs)
    seen = set()
    for group in grouped(entries, pairs, cut).groups:
        inside = [ends for ends in links if set(ends) <= set(group.members)]
        assert group.pairs == tuple(sorted(inside))
        assert connected(group.members, group.pairs)
        assert not seen & set(group.members)
        seen |= set(group.members)


@given(catalogues())
def test_pictures_of_equal_bytes_are_in_one_group(catalogue):
    entries, pairs, cut = catalogue
    groups = [set(group.members) for group in grouped(entries, pairs, cut).groups]
    for a, b in combinations(entries, 2):
        if a.content_hash == b.content_hash:
            assert any({a.number, b.number} <= group for group in groups)


@given(catalogues())
def test_no_group_has_two_pictures_that_were_decided_to_differ(catalogue):
    entries, pairs, cut = catalogue
    for group in grouped(entries, pairs, cut).groups:
        for pair in pairs:
            if {pair.a, pair.b} <= set(group.members):
                assert pair.verdict in (None, Verdict.SAME)


@given(catalogues())
def test_without_decisions_no_group_has_a_variant_or_pictures_that_share_a_part(catalogue):
    entries, pairs, cut = catalogue
    undecided = [pair for pair in pairs if pair.verdict is None]
    for group in grouped(entries, undecided, cut).groups:
        for pair in undecided:
            if {pair.a, pair.b} <= set(group.members):
                assert pair.relation not in (Relation.VARIANT, Relation.SHARED_PART)


@given(catalogues())
def test_what_was_decided_to_be_the_same_is_in_one_group_or_a_warning_says_why_not(catalogue):
    entries, pairs, cut = catalogue
    found = grouped(entries, pairs, cut)
    groups = [set(group.members) for group in found.groups]
    same = [{pair.a, pair.b} for pair in pairs if pair.verdict is Verdict.SAME]
    refused = sum(not any(ends <= group for group in groups) for ends in same)
    assert len(found.warnings) == refused
    if all(pair.verdict in (None, Verdict.SAME) for pair in pairs):
        assert not refused


@given(catalogues())
def test_the_weakest_link_is_the_best_of_the_worst_over_all_ways_to_hold_together(catalogue):
    entries, pairs, cut = catalogue
    links = links_of(entries, pairs)
    for group in grouped(entries, pairs, cut).groups:
        # The least sure link without which no surer ones would connect the group.
        rising = sorted(group.pairs, key=links.__getitem__)
        while connected(group.members, rising[1:]) and len(rising) > 1:
            rising = rising[1:]
        assert group.weakest == rising[0]


@given(catalogues())
def test_links_to_pictures_outside_are_reported(catalogue):
    entries, pairs, cut = catalogue
    links = links_of(entries, pairs)
    for group in grouped(entries, pairs, cut).groups:
        crossing = [ends for ends in links if len(set(ends) & set(group.members)) == 1]
        assert group.left_out == tuple(sorted(crossing))


@st.composite
def link_graphs(draw):
    n = draw(st.integers(1, 8))
    ends = [ends for ends in combinations(range(n), 2) if draw(st.booleans())]
    kinds = draw(
        st.lists(
            st.sampled_from(["link", "link", "link", "known", "unknown", "opposed", "forbidden"]),
            min_size=len(ends),
            max_size=len(ends),
        )
    )
    linked = np.array([kind == "link" for kind in kinds], bool)
    forced = linked & np.array([draw(st.integers(0, 5)) == 0 for _ in kinds], bool)
    return LinkGraph(
        cut=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool),
        ends=np.array(ends, np.intp).reshape(-1, 2),
        rank=np.array(draw(st.permutations(range(len(ends)))), np.intp),
        linked=linked,
        known=np.array([kind != "unknown" for kind in kinds], bool),
        opposed=np.array([kind in ("opposed", "forbidden") for kind in kinds], bool),
        forced=forced,
        forbidden=np.array([kind == "forbidden" for kind in kinds], bool),
    )


def counts_across(graph, a, b):
    """Of two sets of nodes: links, pairs that could be known, whether opposed, and forbidden."""
    row = {tuple(ends): i for i, ends in enumerate(graph.ends.tolist())}
    links = knowable = 0
    opposed = forbidden = False
    for ends in map(tuple, map(sorted, product(a, b))):
        at = row.get(ends)
        if at is None:
            knowable += not graph.cut[list(ends)].all()
        else:
            links += int(graph.linked[at])
            knowable += int(graph.known[at])
            opposed |= bool(graph.opposed[at])
            forbidden |= bool(graph.forbidden[at])
    return links, knowable, opposed, forbidden


def joined_slowly(graph, enough):
    clusters = [{node} for node in range(len(graph.cut))]
    for row in sorted(np.flatnonzero(graph.linked), key=lambda i: graph.rank[i]):
        a, b = (next(c for c in clusters if end in c) for end in graph.ends[row])
        links, knowable, opposed, forbidden = counts_across(graph, a, b)
        allowed = not forbidden if graph.forced[row] else not opposed and enough(links, knowable)
        if a is not b and allowed:
            clusters = [c for c in clusters if c not in (a, b)] + [a | b]
    return sorted(map(sorted, clusters))


def as_sets(labels):
    return sorted(np.flatnonzero(labels == label).tolist() for label in set(labels.tolist()))


@given(link_graphs(), st.sampled_from([most, all_of]))
def test_clusters_are_those_of_counting_all_pairs_anew_for_each_link(graph, enough):
    assert as_sets(graph.joined(enough)) == joined_slowly(graph, enough)


@given(link_graphs(), st.sampled_from([most, all_of]))
def test_no_two_clusters_could_still_be_joined(graph, enough):
    for a, b in combinations(as_sets(graph.joined(enough)), 2):
        links, knowable, opposed, _ = counts_across(graph, a, b)
        assert not links or opposed or not enough(links, knowable)


@given(link_graphs(), st.data())
def test_a_contracted_graph_has_the_counts_of_its_clusters(graph, data):
    n = len(graph.cut)
    clusters = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), np.intp)
    clusters = np.unique(clusters, return_inverse=True)[1]
    small = graph.contracted(clusters, most)
    sets = [np.flatnonzero(clusters == label).tolist() for label in range(clusters.max() + 1)]
    assert small.cut.tolist() == [bool(graph.cut[nodes].all()) for nodes in sets]
    for row, (a, b) in enumerate(small.ends.tolist()):
        links, knowable, opposed, forbidden = counts_across(graph, sets[a], sets[b])
        assert small.linked[row] == (links > 0 and most(links, knowable))
        assert small.known[row] == (knowable > 0)
        assert (small.opposed[row], small.forbidden[row]) == (opposed, forbidden)

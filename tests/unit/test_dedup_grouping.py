"""Groups of small catalogues that are told in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from kpsearch.dedup.grouping import group_pairs
from kpsearch.dedup.records import Relation, Verdict
from kpsearch.errors import UnknownName
from tests.judged import entry, link, merging

PART, WHOLE = Relation.CROP_OF, Relation.CONTAINS


def grouping(pairs, entries, *, cut=()):
    full = np.isin(np.arange(len(entries)), cut)
    return group_pairs(pairs, merging(pairs), entries, cut=full, keep="first")


def members(pairs, count, *, cut=()):
    entries = [entry(number) for number in range(count)]
    return [group.members for group in grouping(pairs, entries, cut=cut).groups]


def test_nothing_makes_no_groups():
    assert grouping([], []).groups == ()
    assert members([], 3) == []


def test_two_linked_pictures_are_a_group_and_doubtful_ones_are_none():
    assert members([link(0, 1), link(1, 2, -1.0)], 3) == [(0, 1)]


def test_a_chain_does_not_hold_a_group_together():
    chain = [link(n, n + 1, 9.0 - n) for n in range(5)]
    assert members(chain, 6) == [(0, 1), (2, 3), (4, 5)]


def test_a_missed_pair_does_not_break_a_group():
    pairs = [link(a, b) for a, b in combinations(range(4), 2) if (a, b) != (0, 3)]
    assert members(pairs, 4) == [(0, 1, 2, 3)]


@pytest.mark.parametrize("relation", [Relation.NEAR_DUPLICATE, Relation.SAME_ITEM])
def test_what_is_like_two_pictures_does_not_join_them(relation):
    found = grouping(
        [link(0, 2, 3.0, relation), link(1, 2, 2.0, relation)], list(map(entry, (0, 1, 2)))
    )
    assert [(group.members, group.left_out) for group in found.groups] == [((0, 2), ((1, 2),))]


def test_however_many_copies_of_a_collage_there_are_they_do_not_join_what_it_shows():
    collages = range(2, 7)
    pairs = [link(a, b, 9.0) for a, b in combinations(collages, 2)]
    pairs += [link(shown, collage, 5.0 - shown, PART) for shown in (0, 1) for collage in collages]
    assert members(pairs, 7) == [(2, 3, 4, 5, 6)]


def test_however_many_copies_of_a_detail_there_are_they_do_not_join_what_has_it():
    details = range(2, 7)
    pairs = [link(a, b, 9.0) for a, b in combinations(details, 2)]
    pairs += [link(whole, d, 5.0 - whole, WHOLE) for whole in (0, 1) for d in details]
    assert members(pairs, 7) == [(0, 2, 3, 4, 5, 6)]


def test_of_two_parts_that_have_nothing_in_common_neither_joins_and_each_has_its_copies():
    pairs = [link(0, 1, 2.0, WHOLE), link(0, 2, 4.0, WHOLE), link(2, 3, 3.0)]
    (group,) = grouping(pairs, [entry(number) for number in range(4)]).groups
    assert (group.members, group.left_out) == ((2, 3), ((0, 2),))


def test_a_crop_stays_out_that_lacks_a_link_with_one_of_the_crops_inside():
    pairs = [link(0, crop, 5.0 - crop / 9, WHOLE) for crop in (1, 2, 3)]
    overlaps = [link(1, 2, 5.0, WHOLE), link(1, 3, 4.0, WHOLE)]
    assert members([*pairs, *overlaps], 4) == [(0, 1)]


def test_a_crop_that_is_linked_with_most_copies_of_a_picture_joins_them():
    pairs = [link(a, b, 9.0) for a, b in combinations(range(3), 2)]
    assert members([*pairs, link(0, 3, 3.0, WHOLE), link(1, 3, 3.0, WHOLE)], 4) == [(0, 1, 2, 3)]


@pytest.mark.parametrize("relation", [Relation.VARIANT, Relation.SHARED_PART])
def test_a_variant_of_one_member_is_kept_out_by_any_number_of_links(relation):
    pairs = [link(a, b) for a, b in combinations(range(5), 2) if (a, b) != (0, 4)]
    assert members([*pairs, link(0, 4, -4.0, relation)], 5) == [(0, 1, 2, 3)]


def test_pairs_that_lists_were_too_short_for_do_not_count_as_missed():
    pairs = [link(0, 1, 4.0), link(2, 3, 4.0), link(1, 2, 3.0)]
    assert members(pairs, 4) == [(0, 1), (2, 3)]
    assert members(pairs, 4, cut=(0, 1, 2)) == [(0, 1), (2, 3)]
    assert members(pairs, 4, cut=(0, 1, 2, 3)) == [(0, 1, 2, 3)]


def test_insufficient_evidence_neither_links_nor_counts_as_missed():
    short = link(0, 2, 0.0, Relation.INSUFFICIENT)
    assert members([link(0, 1, 4.0), link(1, 2), short], 3) == [(0, 1, 2)]
    assert members([link(0, 1, 4.0), link(1, 2)], 3) == [(0, 1)]


def test_ten_thousand_equal_files_are_one_group_whatever_one_of_them_is_like():
    count = 10_000
    entries = [entry(number, content=0) for number in range(count)] + [entry(count, content=1)]
    pairs = [link(0, number, 30.0, Relation.EXACT) for number in range(1, count)]
    (group,) = grouping([*pairs, link(5, count)], entries).groups
    assert group.members == tuple(range(count + 1))
    assert group.weakest == (5, count)


def test_a_decision_joins_what_was_judged_a_variant():
    judged = link(0, 1, -5.0, Relation.VARIANT)
    decided = link(0, 1, -5.0, Relation.VARIANT, verdict=Verdict.SAME)
    assert members([judged], 2) == []
    assert members([decided], 2) == [(0, 1)]


@pytest.mark.parametrize("verdict", [Verdict.VARIANT, Verdict.DIFFERENT])
def test_a_decision_keeps_apart_what_all_else_links(verdict):
    pairs = [link(a, b) for a, b in combinations(range(5), 2) if (a, b) != (0, 4)]
    assert members([*pairs, link(0, 4, 9.0, verdict=verdict)], 5) == [(0, 1, 2, 3)]


def test_decisions_that_contradict_one_another_are_reported_by_path():
    entries = [entry(number, path=f"/p/{number}\n.jpg") for number in range(3)]
    pairs = [
        link(0, 1, 5.0, verdict=Verdict.SAME),
        link(1, 2, 4.0, verdict=Verdict.SAME),
        link(0, 2, 3.0, verdict=Verdict.DIFFERENT),
    ]
    found = grouping(pairs, entries)
    assert len(found.groups) == 1
    (warning,) = found.warnings
    assert "/p/1\\n.jpg" in warning


def test_groups_come_largest_first_then_by_their_first_picture():
    pairs = [link(6, 7), link(0, 5), *(link(a, b) for a, b in combinations((2, 3, 4), 2))]
    assert members(pairs, 8) == [(2, 3, 4), (0, 5), (6, 7)]


def test_fixed_pictures_alone_are_no_group_and_one_is_kept_before_the_batch():
    entries = [
        entry(0, size_bytes=9),
        entry(1, fixed=True),
        entry(2, fixed=True),
        entry(3, fixed=True),
    ]
    found = grouping([link(0, 3), link(1, 2)], entries)
    assert [group.members for group in found.groups] == [(3, 0)]


def test_a_policy_that_is_not_there_is_named():
    with pytest.raises(UnknownName, match="keeping policy 'best'"):
        group_pairs([], np.zeros(0, bool), [], cut=np.zeros(0, bool), keep="best")


def test_a_part_in_a_mirror_is_a_part():
    shown = {"share_a": 0.4, "share_b": 1.0}
    collage = link(0, 1, relation=Relation.MIRRORED, evidence=shown)
    assert (collage.container, replace(collage, evidence={}).container) == (0, None)
    turned = replace(collage, evidence={"share_a": 1.0, "share_b": 0.4})
    assert turned.container == 1
    links = [collage, link(0, 2, relation=Relation.MIRRORED, evidence=shown)]
    entries = [entry(number) for number in range(3)]
    found = group_pairs(
        links, np.ones(2, np.bool_), entries, cut=np.zeros(3, np.bool_), keep="first"
    )
    assert found.groups == ()

"""Candidates and geometry of deduplication, from what an index stores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpsearch.dedup.holding import hold
from kpsearch.dedup.matching.candidates import candidates_of, rarest
from kpsearch.dedup.matching.catalogue import Catalogue
from kpsearch.dedup.matching.correspondences import Joined, correspond, join
from kpsearch.dedup.matching.forward import BLOCK_POSTINGS, Forward, write_forward
from kpsearch.dedup.matching.points import Points, frames_of, mirrored_frames, points_of
from kpsearch.geometry import Frames
from kpsearch.index import IndexWriter, Snapshot
from kpsearch.options import CandidateOptions
from kpsearch.search import Searcher
from tests.indexes import random_images, random_keypoints, record, write_index

COUNTS = [30, 0, 12, 55, 1]


@pytest.fixture
def several(tmp_path):
    """An index of two segments, and what went into it."""
    images = random_images(COUNTS, seed=3)
    return write_index(tmp_path / "index", [images[:2], images[2:]]), images


def test_forward_files_have_every_keypoint_as_it_was_indexed(several, tmp_path, monkeypatch):
    monkeypatch.setattr("kpsearch.dedup.matching.forward.BLOCK_POSTINGS", 7)
    snapshot, images = several
    told = []
    write_forward(snapshot, tmp_path, lambda done, total: told.append((done, total)))
    forward = Forward(snapshot, tmp_path)
    for slot, (_, keypoints) in enumerate(images):
        points = points_of(snapshot, forward, slot)
        assert points.words.tolist() == keypoints.word.tolist()
        assert points.signatures.tolist() == keypoints.signature.tolist()
        assert points.numbers.tolist() == list(range(len(keypoints)))
    assert told[-1] == (sum(COUNTS), sum(COUNTS))
    assert BLOCK_POSTINGS > 7


def test_forward_files_that_are_there_are_not_written_again(several, tmp_path):
    snapshot, _ = several
    write_forward(snapshot, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    write_forward(snapshot, tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npy")}
    assert not list(tmp_path.glob("*.part"))


def points_at_random(rng, count):
    keypoints = random_keypoints(rng, count)
    near = keypoints.signature & np.uint64(0xFF)
    return Points(np.arange(count), keypoints.word, near)


@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 10), st.integers(0, 99))
def test_joined_pairs_are_those_of_a_plain_loop(m, n, threshold, seed):
    rng = np.random.default_rng(seed)
    a, b = points_at_random(rng, m), points_at_random(rng, n)
    expected = {
        (i, j, int(a.words[i]), d)
        for i in range(m)
        for j in range(n)
        if a.words[i] == b.words[j]
        and (d := int(a.signatures[i] ^ b.signatures[j]).bit_count()) <= threshold
    }
    found = join(a, b, threshold)
    columns = (found.a, found.b, found.word, found.distance)
    assert set(zip(*(c.tolist() for c in columns), strict=True)) == expected
    assert len(found.a) == len(expected)


def frames(rng, count):
    return Frames(
        rng.uniform(0, 300, (count, 2)).astype(np.float32),
        rng.uniform(1, 9, count).astype(np.float32),
        rng.uniform(0, 6.28, count).astype(np.float32),
    )


@given(st.integers(2, 400), st.integers(0, 99))
def test_a_mirror_is_its_own_inverse(width, seed):
    own = frames(np.random.default_rng(seed), 9)
    again = mirrored_frames(mirrored_frames(own, width), width)
    np.testing.assert_allclose(again.xy, own.xy, atol=1e-3)
    turn = np.abs(np.exp(1j * again.angle_rad) - np.exp(1j * own.angle_rad))
    assert turn.max() < 1e-3


def test_correspondences_use_a_keypoint_once_and_prefer_the_rarer_match(several):
    snapshot, _ = several
    facts = Searcher(snapshot).facts
    rng = np.random.default_rng(0)
    joined = Joined(
        np.array([0, 0, 1]), np.array([2, 1, 1]), np.uint32([0, 0, 0]), np.uint8([9, 3, 5])
    )
    pairs = correspond(joined, frames(rng, 2), frames(rng, 3), facts, 1e-3)
    assert len(pairs) == 1
    assert (np.diff(pairs.weight) <= 0).all()


def test_the_rarest_words_are_asked_within_the_budget():
    points = Points(np.arange(5), np.uint32([0, 1, 2, 1, 3]), np.arange(5, dtype=np.uint64))
    frequency = np.array([1000, 10, 500, 20])
    assert rarest(points, frequency, 45).words.tolist() == [1, 1, 3]
    assert rarest(points, frequency, 10**9).words.tolist() == [0, 1, 2, 1, 3]
    assert len(rarest(points, frequency, 1)) == 1
    nothing = rarest(points.take(np.empty(0, np.intp)), frequency, 45)
    assert len(nothing) == 0


def test_a_copy_is_the_first_candidate_and_a_barred_one_is_none(tmp_path):
    images = random_images([300] * 30, seed=1)
    copied = images[7][1]
    kept = slice(0, 200)
    copy = replace(
        copied,
        **{n: getattr(copied, n)[kept] for n in ("word", "signature", "x", "y", "scale", "angle")},
    )
    snapshot = write_index(tmp_path / "index", [images, [(record("/copy.jpg"), copy)]])
    write_forward(snapshot, tmp_path)
    points = points_of(snapshot, Forward(snapshot, tmp_path), 30)
    facts = Searcher(snapshot).facts
    rare = replace(facts, chance=np.minimum(facts.chance, np.linspace(0, 1, 65) ** 8))
    barred = np.zeros(31, np.bool_)
    barred[30] = True
    found = candidates_of(points, snapshot, rare, barred, CandidateOptions())
    assert found.slots[0] == 7
    assert found.scores[0] > 10 * found.background
    assert (np.diff(found.scores) <= 0).all()
    barred[7] = True
    without = candidates_of(points, snapshot, rare, barred, CandidateOptions())
    assert 7 not in without.slots
    one = candidates_of(points, snapshot, rare, barred, CandidateOptions(most=1, margin_nats=-9e9))
    assert len(one.slots) == 1
    assert one.cut


def catalogue_with_copies(tmp_path):
    images = random_images([3, 4, 5, 6], seed=2)
    copy = replace(images[1][0], path="/pictures/copy.jpg")
    write_index(tmp_path / "index", [images, [(copy, images[1][1])]])
    with IndexWriter(tmp_path / "index") as writer:
        writer.commit([], removed=[0])
    return Snapshot.open(tmp_path / "index")


def test_pictures_are_numbered_without_those_removed_and_equal_bytes_are_known(tmp_path):
    catalogue = Catalogue(catalogue_with_copies(tmp_path))
    assert len(catalogue) == catalogue.asking == 4
    assert catalogue.slots.tolist() == [1, 2, 3, 4]
    assert catalogue.numbers.tolist() == [-1, 0, 1, 2, 3]
    assert catalogue.first_alike.tolist() == [0, 1, 2, 0]
    assert catalogue.barred.tolist() == [True, False, False, False, True]
    assert catalogue.entry(3).path == "/pictures/copy.jpg"
    assert catalogue.entry(3).content_hash == catalogue.entry(0).content_hash
    assert catalogue.keypoint_counts.tolist() == [4, 5, 6, 4]


def test_a_batch_comes_before_what_it_is_compared_with(tmp_path):
    fixed = catalogue_with_copies(tmp_path)
    batch = write_index(tmp_path / "batch", [random_images([2, 4], seed=9)])
    catalogue = Catalogue(batch, fixed)
    assert len(catalogue) == 6
    assert catalogue.asking == 2
    assert [catalogue.entry(n).fixed for n in range(6)] == [False] * 2 + [True] * 4
    assert catalogue.first_alike.tolist() == [0, 1, 2, 3, 4, 2]
    assert catalogue.numbers.tolist() == [-1, 2, 3, 4, 5]
    assert catalogue.place(1) == (batch, 1)
    assert catalogue.place(5) == (fixed, 4)


def test_a_held_generation_outlives_what_is_done_to_the_index(tmp_path):
    images = random_images(COUNTS, seed=3)
    write_index(tmp_path / "index", [images[:2], images[2:]])
    held = hold(tmp_path / "index", tmp_path / "held")
    with IndexWriter(tmp_path / "index") as writer:
        writer.commit([], removed=[3])
        writer.compact()
        writer.commit(random_images([5], seed=8))
    assert Snapshot.open(tmp_path / "held").images == held.images == len(COUNTS)
    assert frames_of(Snapshot.open(tmp_path / "held"), 3).xy.shape == (55, 2)
    again = hold(tmp_path / "index", tmp_path / "held")
    assert again.images == Snapshot.open(tmp_path / "index").images


def test_holding_again_opens_what_is_held(tmp_path):
    write_index(tmp_path / "index", [random_images([3])])
    first = hold(tmp_path / "index", tmp_path / "held")
    names = {path: path.stat().st_ino for path in (tmp_path / "held").iterdir()}
    second = hold(tmp_path / "index", tmp_path / "held")
    assert second.manifest == first.manifest
    assert names == {path: path.stat().st_ino for path in (tmp_path / "held").iterdir()}

"""Mirrored queries, several pictures as one query, and what verified hits find in their turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kpsearch.errors import UsageError
from kpsearch.geometry import Frames, project
from kpsearch.indexing import build_index
from kpsearch.options import (
    ExpansionOptions,
    FeatureOptions,
    ScoringOptions,
    SearchOptions,
    VerificationOptions,
    VocabularyOptions,
)
from kpsearch.search import Region, Searcher
from kpsearch.search.question import Question, widened
from kpsearch.search.view import Placement
from kpsearch.types import Answer, ImageSize
from tests.textures import encode, flat, similarity, textured, warp

WIDTH, HEIGHT = 400, 300
SIZE = ImageSize(WIDTH, HEIGHT)
MIRRORED = SearchOptions(mirrored=True)
EXPANDED = SearchOptions(expansion=ExpansionOptions())


def picture(number: int) -> np.ndarray:
    return textured(500 + number, WIDTH, HEIGHT)


def side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The left half of one picture and the right half of another."""
    return np.hstack([left[:, : WIDTH // 2], right[:, WIDTH // 2 :]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eight pictures; a bridge that shares its halves with two of them; nothing."""
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(8):
        (folder / f"{number}.png").write_bytes(encode(picture(number)))
    (folder / "bridge.png").write_bytes(encode(side_by_side(picture(0), picture(1))))
    return folder


@pytest.fixture(scope="module")
def searcher(folder, tmp_path_factory) -> Searcher:
    index = tmp_path_factory.mktemp("index") / "views"
    features = FeatureOptions(max_side_px=400, max_keypoints=300)
    build_index([folder], index, features=features, vocabulary=VocabularyOptions(words=64))
    return Searcher.open(index)


def write(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / name
    path.write_bytes(encode(pixels))
    return path


def names(answer: Answer) -> list[str]:
    return [Path(hit.path).name for hit in answer.hits]


def verified(answer: Answer) -> set[str]:
    return {Path(hit.path).name for hit in answer.hits if hit.verified}


# Mirrored


def test_a_mirrored_picture_is_found_only_when_mirrors_are_asked_for(searcher, tmp_path):
    query = write(tmp_path, "turned.png", picture(4)[:, ::-1])
    assert "4.png" not in verified(searcher.query(query))
    answer = searcher.query(query, MIRRORED)
    assert names(answer)[0] == "4.png"
    assert answer.hits[0].verified
    assert answer.hits[0].mirrored


def test_the_geometry_of_a_mirrored_hit_is_told_in_the_picture_as_it_was_given(searcher, tmp_path):
    query = write(tmp_path, "turned.png", picture(4)[:, ::-1])
    hit = searcher.query(query, MIRRORED).hits[0]
    points = np.array([[0.0, 0.0], [100.0, 50.0], [399.0, 299.0]])
    there = points * [-1, 1] + [WIDTH - 1, 0]
    assert np.abs(project(hit.transform, points) - there).max() < 1.5
    error = project(hit.transform, hit.matches[:, :2]) - hit.matches[:, 2:]
    assert np.linalg.norm(error, axis=1).max() < 5
    assert np.abs(hit.region.min(axis=0) - [-0.5, -0.5]).max() < 3
    assert np.abs(hit.region.max(axis=0) - [399.5, 299.5]).max() < 3


def test_a_mirrored_region_is_asked_about_where_it_lies(searcher, tmp_path):
    region = Region(220, 40, 150, 200)
    query = write(tmp_path, "turned.png", picture(4)[:, ::-1])
    hit = searcher.query(query, MIRRORED, region=region).hits[0]
    assert Path(hit.path).name == "4.png"
    assert hit.verified
    assert hit.matches[:, 0].min() >= region.x - 1
    assert hit.matches[:, 0].max() <= region.x + region.width
    assert hit.region[:, 0].min() == pytest.approx(WIDTH - region.x - region.width, abs=4)


def test_asking_for_mirrors_does_not_change_what_is_found_without(searcher, folder):
    plain = searcher.query(folder / "2.png")
    both = searcher.query(folder / "2.png", MIRRORED)
    assert names(both)[0] == names(plain)[0] == "2.png"
    assert both.hits[0].score == plain.hits[0].score
    assert not both.hits[0].mirrored
    assert both.keypoints == plain.keypoints


def test_a_placement_leads_there_and_back():
    placement = Placement(0, SIZE, Region(0, 0, *SIZE), mirrored=True)
    points = np.array([[0.0, 0.0], [10.5, 7.0], [399.0, 299.0]])
    again = placement.in_picture(project(placement.matrix, points))
    np.testing.assert_allclose(again, points, atol=1e-9)


# Several pictures


def test_pictures_of_one_thing_add_their_evidence(searcher, tmp_path):
    halves = [
        write(tmp_path, "left.png", picture(5)[:, :200]),
        write(tmp_path, "right.png", picture(5)[:, 200:]),
    ]
    together = searcher.query_together(halves)
    assert names(together)[0] == "5.png"
    alone = [searcher.query(half).hits[0] for half in halves]
    assert together.hits[0].score == pytest.approx(sum(hit.score for hit in alone))
    assert together.pictures == tuple(str(half) for half in halves)
    assert together.keypoints == sum(searcher.query(half).keypoints for half in halves)


def test_the_geometry_is_that_of_the_picture_that_shows_most(searcher, tmp_path):
    blank = write(tmp_path, "blank.png", flat(width=WIDTH, height=HEIGHT))
    shown = write(tmp_path, "shown.png", picture(6))
    hit = searcher.query_together([blank, shown]).hits[0]
    assert Path(hit.path).name == "6.png"
    assert hit.picture == 1
    assert hit.verified


def test_one_picture_together_is_the_picture_alone(searcher, folder):
    alone, together = searcher.query(folder / "3.png"), searcher.query_together([folder / "3.png"])
    assert [(h.path, h.score) for h in alone.hits] == [(h.path, h.score) for h in together.hits]


def test_no_pictures_are_no_query(searcher):
    with pytest.raises(UsageError, match="no picture"):
        searcher.query_together([])


# Expansion


def test_what_a_verified_hit_shares_with_others_is_found_through_it(searcher, tmp_path):
    """The query shows the bridge's middle, half of 0 and half of 1; 1 alone is found by it."""
    query = write(tmp_path, "seen.png", side_by_side(picture(0), picture(1)))
    plain, grown = searcher.query(query), searcher.query(query, EXPANDED)
    assert set(names(grown)) >= set(names(plain))
    scores = {Path(hit.path).name: hit.score for hit in plain.hits}
    for hit in grown.hits:
        assert hit.score >= scores.get(Path(hit.path).name, 0.0)


def test_a_hit_found_through_another_says_so_and_ranks_below_it(searcher, tmp_path):
    """A strip of 0 that the bridge has, too: what else the bridge shows is found through it."""
    moved = warp(picture(0), similarity(8, 1.1, about=(100, 150), to=(100, 150)), 200, HEIGHT)
    query = write(tmp_path, "strip.png", moved)
    grown = searcher.query(query, EXPANDED)
    by_name = {Path(hit.path).name: hit for hit in grown.hits}
    assert by_name["0.png"].verified
    for hit in grown.hits:
        if hit.via is not None:
            seed = next(other for other in grown.hits if other.id == hit.via)
            assert seed.verified
            assert hit.score <= 0.8 * seed.score
            assert hit.rank > seed.rank
            assert not hit.verified


def test_only_the_part_of_a_hit_that_the_query_covers_is_asked(searcher, tmp_path):
    """The query shows the half of 0 that the bridge has; the bridge's other half is not asked."""
    query = write(tmp_path, "half.png", picture(0)[:, :200])
    grown = {Path(h.path).name: h.score for h in searcher.query(query, EXPANDED).hits}
    plain = {Path(h.path).name: h.score for h in searcher.query(query).hits}
    assert grown["0.png"] == plain["0.png"]
    assert grown.get("1.png", 0.0) < 0.1 * grown["bridge.png"]


def test_a_query_with_nothing_verified_is_not_expanded(searcher, tmp_path):
    query = write(tmp_path, "stranger.png", textured(900, WIDTH, HEIGHT))
    plain, grown = searcher.query(query), searcher.query(query, EXPANDED)
    assert not plain.verified
    assert [(h.path, h.score) for h in grown.hits] == [(h.path, h.score) for h in plain.hits]


def test_expansion_without_verification_is_refused():
    with pytest.raises(UsageError, match="needs verification"):
        SearchOptions(verification=None, expansion=ExpansionOptions())


# The shortlist


def test_verification_ends_after_a_block_that_does_not_pay(searcher, folder):
    small = VerificationOptions(block=1, leaders=1)
    answer = searcher.query(folder / "2.png", SearchOptions(verification=small))
    detail = next(stage.detail for stage in answer.stages if stage.name == "verify")
    assert int(detail.split()[0]) == 2
    assert names(answer)[0] == "2.png"
    assert answer.hits[0].verified


def test_verification_ends_when_its_time_is_up(searcher, folder):
    hurried = VerificationOptions(block=1, leaders=50, milliseconds=1e-6)
    answer = searcher.query(folder / "2.png", SearchOptions(verification=hurried))
    detail = next(stage.detail for stage in answer.stages if stage.name == "verify")
    assert int(detail.split()[0]) == 1


def test_a_hit_matched_again_has_more_inliers_and_the_same_transform(searcher, tmp_path):
    matrix = similarity(20, 0.6, about=(200, 150), to=(200, 150))
    query = write(tmp_path, "small.png", warp(picture(7), matrix, WIDTH, HEIGHT))
    before, after = (
        searcher.query(query, SearchOptions(verification=options)).hits[0]
        for options in (
            VerificationOptions(rematched_postings=0, guided=0),
            VerificationOptions(rematched_postings=0),
        )
    )
    assert Path(after.path).name == "7.png"
    assert after.inliers > before.inliers
    assert after.score == before.score
    corners = np.array([[80.0, 60.0], [320.0, 60.0], [320.0, 240.0], [80.0, 240.0]])
    apart = project(after.transform, corners) - project(np.linalg.inv(matrix), corners)
    assert np.linalg.norm(apart, axis=1).max() < 2.0


def test_few_postings_allowed_leave_few_words_to_match_again(searcher):
    def words(postings: int) -> int:
        options = VerificationOptions(rematched_postings=postings)
        return widened(question, options).words.ids.shape[1]

    rng = np.random.default_rng(0)
    descriptors = rng.integers(0, 120, (50, 128), dtype=np.uint8)
    vocabulary = searcher.snapshot.vocabulary
    question = Question.ask(
        searcher.snapshot,
        searcher.facts,
        searcher.scorer(ScoringOptions()),
        Frames(np.zeros((50, 2), np.float32), np.ones(50, np.float32), np.zeros(50, np.float32)),
        vocabulary.quantise(descriptors, assignments=3),
        SIZE,
        Region(0, 0, *SIZE),
        None,
        descriptors=descriptors,
    )
    per_word = searcher.facts.word_frequency[question.words.ids].sum() / 3
    assert words(0) == 3
    assert words(int(5.5 * per_word)) == 5
    assert words(10**9) == 10


def test_images_that_were_not_verified_keep_their_order_below_those_that_were(searcher, folder):
    few = SearchOptions(limit=50, verification=VerificationOptions(block=2, leaders=1))
    answer = searcher.query(folder / "2.png", few)
    whole = searcher.query(
        folder / "2.png", SearchOptions(limit=50, verification=VerificationOptions(block=50))
    )
    detail = next(stage.detail for stage in answer.stages if stage.name == "verify")
    tried = int(detail.split()[0])
    assert tried < len(answer.hits)
    floor = answer.hits[tried - 1].score
    rest = answer.hits[tried:]
    assert all(hit.score <= floor for hit in rest)
    assert {hit.path for hit in whole.hits} == {hit.path for hit in answer.hits}


def test_expansion_never_takes_back_what_was_verified(searcher, tmp_path):
    query = write(tmp_path, "seen.png", side_by_side(picture(0), picture(1)))
    plain, grown = verified(searcher.query(query)), verified(searcher.query(query, EXPANDED))
    assert plain
    assert plain <= grown


def test_a_region_is_expanded_by_what_it_covers(searcher, folder):
    """The bridge's left half alone is asked about: 1, which has the right half, is not found."""
    left = Region(0, 0, 190, HEIGHT)
    grown = searcher.query(folder / "bridge.png", EXPANDED, region=left)
    scores = {Path(hit.path).name: hit.score for hit in grown.hits}
    assert scores["0.png"] > 100
    assert scores.get("1.png", 0.0) < 0.1 * scores["0.png"]


@pytest.mark.parametrize("verification", [None, VerificationOptions()])
def test_an_answer_to_several_pictures_does_not_depend_on_how_many_hits_are_asked_for(
    searcher, folder, verification
):
    def hits(limit: int) -> list[tuple[str, float, float]]:
        options = SearchOptions(limit=limit, verification=verification, mirrored=True)
        answer = searcher.query_together([folder / "1.png", folder / "4.png"], options)
        return [(hit.path, hit.score, hit.log_odds) for hit in answer.hits]

    assert hits(3) == hits(50)[:3]


@pytest.mark.parametrize("scorer", ["hamming", "asmk", "likelihood"])
def test_an_exact_copy_is_the_first_hit_of_any_scorer(searcher, folder, scorer):
    options = SearchOptions(verification=None, scoring=ScoringOptions(scorer=scorer))
    answer = searcher.query(folder / "3.png", options)
    assert names(answer)[0] == "3.png"
    assert all(0 <= hit.confidence <= 1 for hit in answer.hits)
    assert answer.hits[0].confidence >= answer.hits[1].confidence


def test_a_stranger_is_no_match_in_a_gallery_too_small_for_a_background(searcher, tmp_path):
    for seed in range(900, 906):
        query = write(tmp_path, f"{seed}.png", textured(seed, WIDTH, HEIGHT))
        assert not searcher.query(query).matched
        assert not searcher.query_together([query] * 4).matched

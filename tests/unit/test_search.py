from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpsearch.errors import ImageRejected, IndexMissing, UsageError
from kpsearch.features import extract_features
from kpsearch.geometry import outline, project
from kpsearch.images import read_image
from kpsearch.index import IndexWriter, Snapshot
from kpsearch.indexing import build_index
from kpsearch.options import (
    FeatureOptions,
    ScoringOptions,
    SearchOptions,
    VerificationOptions,
    VocabularyOptions,
)
from kpsearch.search import Region, Searcher
from kpsearch.types import Answer, ImageSize
from tests.textures import as_image, encode, flat, similarity, textured, tilt, warp

WIDTH, HEIGHT = 400, 300
PICTURES = 12
STRANGER = 900
FEATURES = FeatureOptions(max_side_px=400, max_keypoints=300)
UNVERIFIED = SearchOptions(limit=50, verification=None)


def write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def name_of(number: int) -> str:
    return f"{number:02}.png"


def picture(number: int) -> np.ndarray:
    return textured(100 + number, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    for number in range(PICTURES):
        write(folder, name_of(number), encode(picture(number)))
    return folder


@pytest.fixture(scope="module")
def index(folder, tmp_path_factory) -> Path:
    index = tmp_path_factory.mktemp("index") / "tiny"
    build_index([folder], index, features=FEATURES, vocabulary=VocabularyOptions(words=64))
    return index


@pytest.fixture(scope="module")
def searcher(index) -> Searcher:
    return Searcher.open(index)


def names(answer: Answer) -> list[str]:
    return [Path(hit.path).name for hit in answer.hits]


def verified(answer: Answer) -> list[str]:
    return [Path(hit.path).name for hit in answer.hits if hit.verified]


def facts_of(answer: Answer) -> list[tuple[object, ...]]:
    """All that an answer says of its hits, for comparing two answers."""
    return [
        (
            hit.rank,
            hit.id,
            hit.path,
            hit.score.hex(),
            hit.verified,
            hit.inliers,
            None if hit.transform is None else hit.transform.tobytes(),
            None if hit.region is None else hit.region.tobytes(),
        )
        for hit in answer.hits
    ]


def corner_error(found: np.ndarray, planted: np.ndarray, size: ImageSize) -> float:
    """Furthest that two maps take a corner of the query apart."""
    corners = outline(size)
    return float(np.linalg.norm(project(found, corners) - project(planted, corners), axis=1).max())


# What a picture finds


def shifted_crop() -> tuple[np.ndarray, np.ndarray]:
    moved = np.array([[1.0, 0, -70], [0, 1, -40], [0, 0, 1]])
    return picture(3)[40:260, 70:330], moved


def changed(matrix: np.ndarray, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    return warp(picture(3), matrix, width, height), matrix


CHANGES = {
    "untouched": (picture(3), np.eye(3)),
    "cropped": shifted_crop(),
    "turned by 35 degrees": changed(
        similarity(35, 0.9, about=(199.5, 149.5), to=(240, 230)), 480, 460
    ),
    "upside down": changed(similarity(180, 1.0, about=(199.5, 149.5), to=(199.5, 149.5)), 400, 300),
    "enlarged": changed(similarity(0, 2.2, about=(0, 0), to=(0.6, 0.6)), 880, 660),
    "shrunk into a corner": changed(similarity(10, 0.5, about=(0, 0), to=(250, 60)), 480, 360),
    "seen from the side": changed(tilt(WIDTH, HEIGHT, 0.2), WIDTH, HEIGHT),
}


@pytest.mark.parametrize(("pixels", "planted"), CHANGES.values(), ids=CHANGES)
def test_a_changed_picture_finds_its_original_and_how_it_was_changed(
    searcher, tmp_path, pixels, planted
):
    answer = searcher.query(write(tmp_path, "query.png", encode(pixels)))
    assert verified(answer) == [name_of(3)]
    hit = answer.hits[0]
    assert Path(hit.path).name == name_of(3)
    size = ImageSize(pixels.shape[1], pixels.shape[0])
    assert answer.image_size == size
    # Where the original's corners come to lie in the query, within two of its pixels.
    back = np.linalg.inv(hit.transform)
    assert corner_error(back, planted, ImageSize(WIDTH, HEIGHT)) < 2.0


def test_a_picture_of_poor_quality_finds_its_original(searcher, tmp_path):
    rng = np.random.default_rng(0)
    noisy = np.clip(picture(5) * 0.6 + 30 + rng.normal(0, 6, (HEIGHT, WIDTH)), 0, 255)
    path = write(tmp_path, "poor.jpg", encode(noisy.astype(np.uint8), ".jpg", quality=25))
    assert verified(searcher.query(path)) == [name_of(5)]
    assert names(searcher.query(path))[0] == name_of(5)


def test_every_picture_of_the_catalogue_finds_itself_first(searcher, folder):
    for number in range(PICTURES):
        answer = searcher.query(folder / name_of(number))
        assert verified(answer) == names(answer)[:1] == [name_of(number)]
        assert answer.hits[0].inliers > 50


def test_a_stranger_is_not_verified(searcher, tmp_path):
    for seed in range(STRANGER, STRANGER + 10):
        path = write(tmp_path, f"{seed}.png", encode(textured(seed, WIDTH, HEIGHT)))
        answer = searcher.query(path)
        assert not answer.verified
        for hit in answer.hits:
            assert hit.transform is None
            assert hit.region is None
            assert hit.query_region is None


def test_two_pictures_side_by_side_are_both_found_where_they_are(searcher, tmp_path):
    both = np.hstack([picture(1), picture(2)])
    answer = searcher.query(write(tmp_path, "both.png", encode(both)))
    assert sorted(verified(answer)) == [name_of(1), name_of(2)]
    for hit in answer.hits[:2]:
        left = 0 if Path(hit.path).name == name_of(1) else WIDTH
        low, high = hit.query_region.min(axis=0), hit.query_region.max(axis=0)
        np.testing.assert_allclose(low, [left - 0.5, -0.5], atol=3)
        np.testing.assert_allclose(high, [left + WIDTH - 0.5, HEIGHT - 0.5], atol=3)


def test_the_region_of_a_crop_is_where_it_was_cut(searcher, tmp_path):
    path = write(tmp_path, "crop.png", encode(picture(4)[60:240, 100:330]))
    hit = searcher.query(path).hits[0]
    low, high = hit.region.min(axis=0), hit.region.max(axis=0)
    np.testing.assert_allclose(low, [99.5, 59.5], atol=2)
    np.testing.assert_allclose(high, [329.5, 239.5], atol=2)
    # The original shows more than the crop does, so it covers all of it.
    assert cv2.contourArea(hit.query_region) == pytest.approx(180 * 230, rel=0.01)


def test_matches_are_pairs_of_points_that_the_transform_joins(searcher, folder):
    hit = searcher.query(folder / name_of(6)).hits[0]
    assert hit.matches.shape == (hit.inliers, 4)
    landing = project(hit.transform, hit.matches[:, :2])
    assert np.abs(landing - hit.matches[:, 2:]).max() < 0.01 * WIDTH


def test_a_picture_in_memory_finds_what_its_file_finds(searcher, folder):
    from_memory = searcher.query(as_image(picture(7)))
    assert facts_of(from_memory) == facts_of(searcher.query(folder / name_of(7)))
    assert from_memory.query == "picture"


# Ranking and options


def test_hits_are_ranked_by_falling_score_and_numbered_from_one(searcher, folder):
    for options in (SearchOptions(limit=50), UNVERIFIED):
        hits = searcher.query(folder / name_of(0), options).hits
        assert len(hits) > 5
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert all(score > 0 for score in scores)
        assert len({hit.id for hit in hits}) == len(hits)


def test_without_verification_nothing_is_verified(searcher, folder):
    answer = searcher.query(folder / name_of(0), UNVERIFIED)
    assert names(answer)[0] == name_of(0)
    assert not answer.verified
    assert all(hit.inliers == 0 and hit.transform is None for hit in answer.hits)


@pytest.mark.parametrize("verification", [None, VerificationOptions()])
def test_a_smaller_limit_gives_the_first_of_the_same_hits(searcher, folder, verification):
    def ask(limit):
        options = SearchOptions(limit=limit, verification=verification)
        return facts_of(searcher.query(folder / name_of(2), options))

    assert ask(3) == ask(50)[:3]


def test_images_beyond_the_shortlist_follow_those_on_it(searcher, folder):
    every = searcher.query(folder / name_of(8), UNVERIFIED)
    options = SearchOptions(limit=50, verification=VerificationOptions(shortlist=4))
    short = searcher.query(folder / name_of(8), options)
    assert sorted(names(short)[:4]) == sorted(names(every)[:4])
    assert names(short)[4:] == names(every)[4:]
    scores = [hit.score for hit in short.hits]
    assert scores == sorted(scores, reverse=True)


def test_a_shorter_shortlist_does_not_change_the_score_of_what_is_on_it(searcher, folder):
    def scores(shortlist):
        options = SearchOptions(limit=50, verification=VerificationOptions(shortlist=shortlist))
        hits = searcher.query(folder / name_of(8), options).hits
        return {hit.id: hit.score for hit in hits if hit.rank <= shortlist}

    many = scores(50)
    assert all(many[key] == score for key, score in scores(4).items())


def test_excluded_images_are_no_hits_and_the_others_stay(searcher, folder):
    query = folder / name_of(9)
    every = searcher.query(query, UNVERIFIED)
    barred = [every.hits[0].path, every.hits[2].path, "/not/in/the/index.png"]
    rest = searcher.query(query, UNVERIFIED, exclude=barred)
    expected = {hit.path for hit in every.hits if hit.path not in barred}
    assert {hit.path for hit in rest.hits} == expected


def test_excluding_everything_leaves_nothing(searcher, folder):
    barred = [record.path for record in searcher.snapshot.records()]
    assert searcher.query(folder / name_of(0), exclude=barred).hits == ()


def test_equal_pictures_rank_the_same_in_whatever_order_they_were_added(folder, tmp_path):
    names = [f"{copy}.png" for copy in range(5)]
    for name in names:
        write(tmp_path / "copies", name, encode(picture(1)))
    write(tmp_path / "copies", "other.png", encode(picture(2)))
    vocabulary = tmp_path / "there"
    build_index([tmp_path / "copies"], tmp_path / "there", features=FEATURES)
    for name in reversed(names):
        path = tmp_path / "copies" / name
        build_index([path], tmp_path / "back", features=FEATURES, vocabulary=vocabulary)
        vocabulary = None
    for options in (SearchOptions(), SearchOptions(limit=3), UNVERIFIED):
        there, back = (
            Searcher.open(tmp_path / index).query(folder / name_of(1), options).hits[:5]
            for index in ("there", "back")
        )
        assert len({hit.score for hit in there}) == 1
        assert len(there) == min(options.limit, 5)
        assert [hit.path for hit in there] == [hit.path for hit in back]


# Regions of the query


def test_a_region_finds_what_is_in_it_and_not_what_is_beside_it(searcher, tmp_path):
    both = np.hstack([picture(1), picture(2)])
    path = write(tmp_path, "both.png", encode(both))
    for left, number in ((0, 1), (WIDTH, 2)):
        region = Region(left + 30, 20, WIDTH - 60, HEIGHT - 40)
        answer = searcher.query(path, region=region)
        assert verified(answer) == [name_of(number)]
        hit = answer.hits[0]
        planted = np.array([[1.0, 0, -left], [0, 1, 0], [0, 0, 1]])
        seen = outline(ImageSize(340, 260)) + np.array([left + 30, 20])
        gap = project(hit.transform, seen) - project(planted, seen)
        assert np.linalg.norm(gap, axis=1).max() < 2
        np.testing.assert_allclose(hit.region.min(axis=0), [29.5, 19.5], atol=2)
        np.testing.assert_allclose(hit.region.max(axis=0), [369.5, 279.5], atol=2)
        # The whole query, not only its region, is where the hit is looked for.
        assert cv2.contourArea(hit.query_region) == pytest.approx(WIDTH * HEIGHT, rel=0.02)


def test_a_region_of_the_whole_picture_is_the_picture(searcher, folder):
    whole = searcher.query(folder / name_of(3), region=Region(0, 0, WIDTH, HEIGHT))
    assert facts_of(whole) == facts_of(searcher.query(folder / name_of(3)))


@pytest.mark.parametrize(
    "region",
    [
        Region(-1, 0, 100, 100),
        Region(0, -1, 100, 100),
        Region(301, 0, 100, 100),
        Region(0, 201, 100, 100),
        Region(10, 10, 0, 50),
        Region(10, 10, 50, 0),
        Region(10, 10, -5, 50),
        Region(400, 300, 1, 1),
    ],
)
def test_a_region_that_is_not_inside_the_picture_is_refused(searcher, folder, region):
    with pytest.raises(UsageError, match=r"is not inside the picture of 400 x 300 pixels"):
        searcher.query(folder / name_of(0), region=region)


def test_a_region_of_a_large_jpeg_is_in_pixels_of_the_original(searcher, tmp_path):
    """Without a region such a file is decoded at a fraction of its size."""
    large = np.full((1500, 2000), 128, np.uint8)
    enlarged = cv2.resize(picture(6), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    large[700:1300, 1000:1800] = enlarged
    path = write(tmp_path, "large.jpg", encode(large, ".jpg", quality=95))
    planted = np.array([[0.5, 0, -500.25], [0, 0.5, -350.25], [0, 0, 1]])
    for region in (None, Region(980, 680, 860, 660)):
        hit = searcher.query(path, region=region).hits[0]
        assert Path(hit.path).name == name_of(6)
        inside = outline(ImageSize(800, 600)) + np.array([1000, 700])
        gap = project(hit.transform, inside) - project(planted, inside)
        assert np.linalg.norm(gap, axis=1).max() < 2


# Queries and indexes with nothing in them


@pytest.mark.parametrize("options", [SearchOptions(), UNVERIFIED])
def test_a_flat_query_has_no_hits(searcher, tmp_path, options):
    answer = searcher.query(write(tmp_path, "flat.png", encode(flat())), options)
    assert answer.hits == ()
    assert answer.keypoints == 0
    assert not answer.verified


def test_a_flat_region_of_a_rich_query_has_no_hits(searcher, tmp_path):
    half_flat = np.hstack([flat(), picture(1)])
    path = write(tmp_path, "half.png", encode(half_flat))
    assert searcher.query(path, region=Region(0, 0, 380, 300)).hits == ()
    assert verified(searcher.query(path)) == [name_of(1)]


@pytest.mark.parametrize("options", [SearchOptions(), UNVERIFIED])
def test_an_index_of_flat_pictures_answers_with_nothing(folder, tmp_path, options):
    for shade in (0, 90):
        write(tmp_path / "flat", f"{shade}.png", encode(flat(shade)))
    build_index([tmp_path / "flat"], tmp_path / "index")
    searcher = Searcher.open(tmp_path / "index")
    assert searcher.snapshot.images == 2
    answer = searcher.query(folder / name_of(0), options)
    assert answer.hits == ()
    assert answer.keypoints > 100


def emptied(index: Path) -> Path:
    """The index after all its images are deleted."""
    with IndexWriter(index) as writer:
        writer.commit([], removed=Snapshot.open(index).ids.tolist())
    return index


@pytest.mark.parametrize("options", [SearchOptions(), UNVERIFIED])
def test_an_index_whose_images_are_all_deleted_answers_with_nothing(folder, tmp_path, options):
    build_index([folder / name_of(0), folder / name_of(1)], tmp_path / "index", features=FEATURES)
    searcher = Searcher.open(emptied(tmp_path / "index"))
    assert searcher.snapshot.images == 0
    assert searcher.query(folder / name_of(0), options).hits == ()


def test_an_index_without_segments_answers_with_nothing(searcher, folder, tmp_path):
    with IndexWriter(tmp_path / "index") as writer:
        writer.create(FEATURES, searcher.snapshot.vocabulary)
    empty = Searcher.open(tmp_path / "index")
    for options in (SearchOptions(), UNVERIFIED):
        assert empty.query(folder / name_of(0), options).hits == ()


def test_no_index_and_no_picture_are_errors(searcher, tmp_path):
    with pytest.raises(IndexMissing):
        Searcher.open(tmp_path / "nothing")
    with pytest.raises(ImageRejected):
        searcher.query(tmp_path / "nothing.png")


# Explanation, and the same answer everywhere


def test_the_stages_explained_are_those_that_ran(searcher, folder):
    ran = ["read", "extract", "quantise", "score", "verify", "report"]
    answer = searcher.query(folder / name_of(0))
    assert [stage.name for stage in answer.stages] == ran
    assert list(answer.timings_ms) == ran
    assert all(stage.milliseconds >= 0 and stage.detail for stage in answer.stages)
    details = {stage.name: stage.detail for stage in answer.stages}
    assert details["read"] == "PNG 400 x 300"
    assert details["extract"] == f"{answer.keypoints} keypoints"
    assert details["verify"].endswith("candidates, 1 verified")
    assert details["report"] == f"{len(answer.hits)} hits"
    unverified = searcher.query(folder / name_of(0), UNVERIFIED)
    assert [stage.name for stage in unverified.stages] == [n for n in ran if n != "verify"]


def test_queries_at_once_in_several_threads_give_the_answers_of_one(index, folder):
    paths = [folder / name_of(number) for number in range(6)] * 3
    expected = [facts_of(Searcher.open(index).query(path)) for path in paths[:6]] * 3
    fresh = Searcher.open(index)  # its facts are computed by whichever thread comes first
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: facts_of(fresh.query(path)), paths))
    assert found == expected


CHILD = """
import sys
from kpsearch.search import Searcher
for hit in Searcher.open(sys.argv[1]).query(sys.argv[2]).hits:
    transform = None if hit.transform is None else hit.transform.tobytes().hex()
    print(hit.id, hit.score.hex(), hit.verified, hit.inliers, transform)
"""


def test_another_process_gives_the_same_answer(searcher, index, folder):
    path = folder / name_of(4)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(index), str(path)],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    own = [
        f"{hit.id} {hit.score.hex()} {hit.verified} {hit.inliers} "
        f"{None if hit.transform is None else hit.transform.tobytes().hex()}"
        for hit in searcher.query(path).hits
    ]
    assert child.stdout.splitlines() == own


def test_asking_again_gives_the_same_answer_whatever_was_asked_between(searcher, folder):
    first = facts_of(searcher.query(folder / name_of(4)))
    searcher.query(folder / name_of(5), UNVERIFIED)
    searcher.query(folder / name_of(6), exclude=[str(folder / name_of(6))])
    assert facts_of(searcher.query(folder / name_of(4))) == first


def vocabulary_file(index: Path) -> Path:
    return next(index.glob("vocabulary-*.h5"))


def test_how_images_are_spread_over_segments_changes_no_hit(searcher, index, folder, tmp_path):
    spread = tmp_path / "spread"
    paths = sorted(folder.iterdir())
    for some in (paths[:5], paths[5:6], paths[6:]):
        build_index(some, spread, features=FEATURES, vocabulary=vocabulary_file(index))
    several = Searcher.open(spread)
    assert len(several.snapshot.segments) == 3
    for number in (0, 5, 11):
        for options in (SearchOptions(limit=50), UNVERIFIED):
            one = searcher.query(folder / name_of(number), options)
            other = several.query(folder / name_of(number), options)
            assert facts_of(other) == facts_of(one)


def test_a_deleted_image_is_as_if_it_had_never_been_added(index, folder, tmp_path):
    paths = sorted(folder.iterdir())
    answers = []
    for added, deleted in ((paths, paths[2:5]), (paths[:2] + paths[5:], [])):
        target = tmp_path / f"of {len(added)}"
        build_index(added, target, features=FEATURES, vocabulary=vocabulary_file(index))
        with IndexWriter(target) as writer:
            snapshot = Snapshot.open(target)
            slots = [snapshot.find(str(path)) for path in deleted]
            writer.commit([], removed=[snapshot.id_of(slot) for slot in slots])
        for options in (SearchOptions(limit=50), UNVERIFIED):
            found = Searcher.open(target).query(paths[3], options).hits
            answers.append([(hit.path, hit.score.hex(), hit.inliers) for hit in found])
    assert answers[0] == answers[2]
    assert answers[1] == answers[3]
    assert len(answers[0]) > 5


# The whole scoring, against plain Python


def weight_of(
    name: str, share: float, length: int, chance: float, distance: int, recurs: float
) -> float:
    if name == "likelihood":
        return math.log1p(ScoringOptions().prior / (share * length * chance * recurs))
    idf = math.log(share) ** 2 / math.sqrt(length)
    return idf * (math.exp(-((distance / 16) ** 2)) if name == "hamming" else 1.0)


def plain_scores(searcher: Searcher, query: Path, options: ScoringOptions) -> dict[str, float]:
    """Scores of all images from their pictures, one pair of keypoints at a time."""
    vocabulary = searcher.snapshot.vocabulary

    def words_of(path, assignments):
        features = extract_features(read_image(path), searcher.snapshot.manifest.features)
        words = vocabulary.quantise(features.descriptors, assignments=assignments)
        return [
            list(zip(ids, signatures, strict=True))
            for ids, signatures in zip(words.ids.tolist(), words.signatures.tolist(), strict=True)
        ]

    paths = [record.path for record in searcher.snapshot.records()]
    images = {path: [pairs[0] for pairs in words_of(path, 1)] for path in paths}
    frequency = Counter(word for image in images.values() for word, _ in image)
    keypoints = sum(frequency.values())
    threshold = 64 if options.scorer == "tfidf" else options.hamming_threshold
    scores: dict[str, float] = defaultdict(float)
    for looked_up in words_of(query, options.assignments):
        near = {
            path: [
                (word, (signature ^ other_signature).bit_count())
                for word, signature in looked_up
                for other, other_signature in image
                if word == other and (signature ^ other_signature).bit_count() <= threshold
            ]
            for path, image in images.items()
        }
        distances = [distance for matches in near.values() for _, distance in matches]
        compared = sum(frequency[word] for word, _ in looked_up)
        for path, matches in near.items():
            weights = []
            for word, distance in matches:
                chance = float(vocabulary.chance[distance])
                seen = sum(other <= distance for other in distances)
                recurs = max(seen / (1 + compared * chance), 1)
                share, length = frequency[word] / keypoints, len(images[path])
                weights.append(weight_of(options.scorer, share, length, chance, distance, recurs))
            scores[path] += (
                max(weights, default=0) if options.burstiness == "removal" else sum(weights)
            )
    return {path: score for path, score in scores.items() if score > 0}


@pytest.fixture(scope="module")
def small_index(folder, tmp_path_factory) -> Searcher:
    index = tmp_path_factory.mktemp("small") / "index"
    paths = sorted(folder.iterdir())
    options = FeatureOptions(max_side_px=400, max_keypoints=40)
    build_index(paths[:4], index, features=options, vocabulary=VocabularyOptions(words=8))
    build_index(paths[4:8], index)
    return Searcher.open(index)


@pytest.mark.parametrize("burstiness", ["removal", "none"])
@pytest.mark.parametrize("assignments", [1, 3])
@pytest.mark.parametrize("scorer", ["likelihood", "hamming", "tfidf"])
def test_scores_equal_a_plain_loop_over_all_keypoints(
    small_index, folder, scorer, assignments, burstiness
):
    scoring = ScoringOptions(
        scorer=scorer, assignments=assignments, burstiness=burstiness, group_bursts=False
    )
    options = SearchOptions(limit=50, scoring=scoring, verification=None)
    for number in (2, 9):
        query = folder / name_of(number)
        expected = plain_scores(small_index, query, scoring)
        found = {hit.path: hit.score for hit in small_index.query(query, options).hits}
        assert found == pytest.approx(expected, rel=1e-9)
        assert len(found) >= 7

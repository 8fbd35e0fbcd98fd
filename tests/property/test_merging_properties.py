"""However images came into an index, and however its segments were merged, it is the same index."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.features import extract_features
from kpsearch.images import read_image
from kpsearch.index import (
    IndexWriter,
    Snapshot,
    Storage,
    check_index,
    contents_hash,
    pack_segment,
    quantise_keypoints,
)
from kpsearch.index import merge as merging
from kpsearch.index.container import MappedFile
from kpsearch.index.merge import MERGE_AT_ONCE, SMALLEST_KEYPOINTS, Part, due, full_runs, merge
from kpsearch.index.segment import MAX_KEYPOINTS
from kpsearch.options import FeatureOptions, SearchOptions
from kpsearch.search import Searcher, StageLog, View
from tests.indexes import (
    WORDS,
    Indexed,
    drawn_sketch,
    open_segment,
    random_images,
    random_keypoints,
    record,
    small_vocabulary,
    write_index,
    written,
)
from tests.memory import MemoryStorage

few = settings(deadline=None, max_examples=12)
some = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def pictures(catalogue, catalogue_index):
    """Images as an index takes them, two of them twice more under other names; and a photo."""
    snapshot = Snapshot.open(catalogue_index)
    images = []
    for path in sorted((catalogue / "catalogue").iterdir())[:5]:
        features = extract_features(read_image(path), snapshot.manifest.features)
        words = snapshot.vocabulary.quantise(features.descriptors)
        place = (features.xy, features.scale, features.angle_rad, features.image_size)
        points = quantise_keypoints(*place, words.ids[:, 0], words.signatures[:, 0])
        points = replace(points, sketch=drawn_sketch(points, len(snapshot.vocabulary)))
        images.append((replace(record(str(path)), size=features.image_size), points))
    again = [(replace(r, path=f"{r.path}.{n}"), p) for r, p in images[:2] for n in range(2)]
    photos = sorted((catalogue / "photos").iterdir())
    photo = extract_features(read_image(photos[0]), snapshot.manifest.features)
    return snapshot.vocabulary, [*images, *again], photo


def ranking(storage: Storage, photo) -> list[tuple]:
    hits = Searcher(Snapshot.of(storage)).rank([View.whole(photo)], SearchOptions(), StageLog())
    return [(hit.path, hit.score, hit.verified, hit.inliers) for hit in hits]


def some_history(storage: Storage, vocabulary, images: list[Indexed], data) -> None:
    """Commit the images in any order and batches, with detours that leave no trace."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), vocabulary)
        order = data.draw(st.permutations(images))
        while order:
            size = data.draw(st.integers(1, len(order)))
            batch, order = order[:size], order[size:]
            detour = data.draw(st.sampled_from(["none", "extra", "replaced", "removed"]))
            _commit(writer, batch, detour, rng)
            tidy = data.draw(st.sampled_from(["nothing", "merge", "compact"]))
            {"nothing": int, "merge": writer.merge, "compact": writer.compact}[tidy]()


def _commit(writer: IndexWriter, batch: list[Indexed], detour: str, rng) -> None:
    words = len(writer.snapshot().vocabulary)
    if detour == "extra":
        extra = (record(f"/extra/{writer.manifest.next_id}"), random_keypoints(rng, 200, words))
        writer.commit([*batch, extra])
        writer.commit([], removed=[writer.snapshot().id_of(writer.snapshot().find(extra[0].path))])
        return
    if detour == "replaced":
        writer.commit([(r, random_keypoints(rng, 300, words)) for r, _ in batch])
    if detour == "removed":
        first = writer.manifest.next_id
        writer.commit(batch)
        writer.commit([], removed=range(first, first + len(batch)))
    writer.commit(batch)


@few
@given(st.data())
def test_a_ranking_does_not_depend_on_how_the_images_came_in(pictures, data):
    vocabulary, images, photo = pictures
    plain, changed = MemoryStorage(), MemoryStorage()
    expected_index = write_index(plain, [images], vocabulary=vocabulary)
    some_history(changed, vocabulary, images, data)
    expected, found = ranking(plain, photo), ranking(changed, photo)
    scores = [score for _, score, _, _ in expected]
    assert len(set(scores)) < len(scores) > 4
    assert found == expected
    assert contents_hash(Snapshot.of(changed)) == contents_hash(expected_index)
    assert check_index(changed).damage == ()


parts_of_images = st.lists(
    st.lists(st.tuples(st.one_of(st.just(0), st.integers(1, 60)), st.booleans()), max_size=6),
    min_size=1,
    max_size=6,
)


def parts_from(shape: list[list[tuple[int, bool]]]) -> tuple[list[Part], list[Indexed]]:
    """Segments of images with so many keypoints, some dead; and the images that live."""
    images = random_images([count for images in shape for count, _ in images])
    parts, living, first = [], [], 0
    for flags in shape:
        here = images[first : first + len(flags)]
        live = np.array([alive for _, alive in flags], np.bool_)
        parts.append(Part(open_segment(here, first_id=first), live))
        living += [image for image, alive in zip(here, live, strict=True) if alive]
        first += len(flags)
    return parts, living


@some
@given(parts_of_images, st.sampled_from([1, 7, 100, 1 << 22]))
def test_merged_segments_equal_one_of_the_same_live_images(shape, block):
    parts, living = parts_from(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "BLOCK_POSTINGS", block)
        content, entry = written(merge(parts))
    fresh_content, fresh = written(pack_segment(living, 0, WORDS))
    merged_file, fresh_file = MappedFile(entry, content), MappedFile(fresh, fresh_content)
    assert set(entry.arrays) == set(fresh.arrays)
    ids = np.concatenate([part.segment.ids[part.live] for part in parts])
    for name in fresh.arrays:
        found, expected = merged_file.array(name), fresh_file.array(name)
        if name == "images/id":
            expected = ids
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), name
        assert found.tobytes() == expected.tobytes(), name


def simulate(commits: Iterator[tuple[int, float]]) -> Iterator[tuple[list[int], int, int]]:
    """Commits of so many keypoints, of which a share of all there is dies: sizes, read, added.

    After each, what is due is merged; a window must be of neighbours, and fit into a segment.
    """
    live: list[int] = []
    dead: list[int] = []
    rewritten = added = 0
    for size, dying in commits:
        gone = [int(a * dying) for a in live]
        live = [*(a - b for a, b in zip(live, gone, strict=True)), size]
        dead = [*(a + b for a, b in zip(dead, gone, strict=True)), 0]
        added += size
        merges = 0
        while (window := due(live, dead)) is not None:
            assert 0 <= window.start < window.stop <= len(live)
            assert window.step is None
            assert window.stop - window.start == MERGE_AT_ONCE or dead[window.start] > 0
            total = sum(live[window])
            assert total <= MAX_KEYPOINTS
            rewritten += total
            live[window], dead[window] = [total], [0]
            merges += 1
            assert merges <= 2 * (len(live) + MERGE_AT_ONCE)
        yield live, rewritten, added


def most_segments(total: int, largest: int) -> int:
    """Of an index to which nothing is due.

    Seven of a level, else eight neighbours would be due; and where eight neighbours are too
    large for one segment, eight for each segment's worth of keypoints.
    """
    return (MERGE_AT_ONCE - 1) * levels_of(largest) + MERGE_AT_ONCE * (total // MAX_KEYPOINTS)


def levels_of(keypoints: int) -> int:
    """Levels there are up to a size: each holds eight times the last, from the smallest up."""
    steps = math.log(max(keypoints, SMALLEST_KEYPOINTS) / SMALLEST_KEYPOINTS, MERGE_AT_ONCE)
    return 1 + math.ceil(steps + 1e-9)


COMMITS = 10_000


def random_sizes(seed: int, images: int = 50, keypoints: int = 2000) -> list[int]:
    rng = np.random.default_rng(seed)
    return (rng.integers(1, images + 1, COMMITS) * rng.integers(0, keypoints, COMMITS)).tolist()


SIZES: dict[str, list[int]] = {
    "random": random_sizes(0),
    "random, of many keypoints": random_sizes(1, keypoints=8000),
    "one image each": random_sizes(2, images=1),
    "growing": list(range(COMMITS)),
    "growing much": [n * 20 for n in range(COMMITS)],
    "shrinking": list(range(COMMITS, 0, -1)),
    "shrinking much": [n * 20 for n in range(COMMITS, 0, -1)],
    "huge and tiny": [400_000 if n % 2 else 3 for n in range(COMMITS)],
    "huge now and then": [400_000 if n % 7 == 6 else 3 for n in range(COMMITS)],
    "huge after eight": [600_000 if n % 9 == 8 else 70_000 for n in range(COMMITS)],
    "none has keypoints": [0] * COMMITS,
    "just above the smallest": [SMALLEST_KEYPOINTS + 1] * COMMITS,
    "full ones": [MAX_KEYPOINTS if n % 50 == 0 else 1000 for n in range(2000)],
    "halves of full ones": [MAX_KEYPOINTS // 2 + n % 3 for n in range(1000)],
}


@pytest.mark.parametrize("name", SIZES)
def test_segments_stay_few_and_are_seldom_rewritten(name):
    sizes = SIZES[name]
    added = rewritten = 0
    for state in simulate((size, 0.0) for size in sizes):
        live, rewritten, added = state
        assert sum(live) == added
        assert len(live) <= most_segments(added, max(live))
    assert rewritten <= most_rewritten(added, len(sizes))


def most_rewritten(added: int, commits: int) -> int:
    """Each keypoint once a level, as long as eight of a level make one of the next.

    Segments below the smallest size are merged over and over until they reach it: at most once
    in seven commits, because each merge takes away seven segments.
    """
    once_a_level = added * levels_of(min(added, MAX_KEYPOINTS))
    return once_a_level + SMALLEST_KEYPOINTS * (commits // (MERGE_AT_ONCE - 1))


@pytest.mark.parametrize("share", [0.001, 0.02, 0.3, 0.9])
def test_dying_images_are_dropped_and_merging_ends(share):
    sizes = random_sizes(3)[:2000]
    for live, _, _ in simulate((size, share) for size in sizes):
        assert len(live) <= most_segments(sum(live), max(live))


@some
@given(
    st.lists(st.tuples(st.integers(0, MAX_KEYPOINTS), st.integers(0, MAX_KEYPOINTS)), max_size=60)
)
def test_merging_ends_whatever_there_is(sizes):
    live, dead = [list(column) for column in zip(*sizes, strict=True)] or [[], []]
    for _ in range(2 * len(live) + 1):
        window = due(live, dead)
        if window is None:
            break
        live[window], dead[window] = [sum(live[window])], [0]
        assert live[window.start] <= MAX_KEYPOINTS
    assert due(live, dead) is None
    assert len(live) <= most_segments(sum(live), max(live, default=0))


@some
@given(st.lists(st.integers(0, MAX_KEYPOINTS), max_size=60))
def test_full_runs_cover_all_segments_and_fit(live):
    runs = full_runs(live)
    assert [i for run in runs for i in range(run.start, run.stop)] == list(range(len(live)))
    assert all(sum(live[run]) <= MAX_KEYPOINTS for run in runs)
    for one, other in itertools.pairwise(runs):
        assert sum(live[one]) + live[other.start] > MAX_KEYPOINTS


def test_a_thousand_small_commits_never_make_a_thousand_segments():
    images = random_images([20] * 1000)
    storage, most = MemoryStorage(), 0
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), small_vocabulary())
        for image in images:
            writer.commit([image])
            most = max(most, len(writer.manifest.segments))
    assert most < MERGE_AT_ONCE
    snapshot = Snapshot.of(storage)
    assert [snapshot.find(found.path) is not None for found, _ in images] == [True] * 1000
    assert snapshot.ids.tolist() == list(range(1000))
    assert check_index(storage).damage == ()


ROUNDS: list[Callable[[IndexWriter], object]] = [IndexWriter.merge, IndexWriter.compact]


@pytest.mark.parametrize("tidy", ROUNDS)
def test_deleted_images_without_keypoints_make_no_endless_merging(tidy):
    storage = MemoryStorage()
    write_index(storage, [[image] for image in random_images([0] * 6)])
    with IndexWriter(storage) as writer:
        writer.commit([], removed=range(6))
        tidy(writer)
        generation = writer.manifest.generation
        tidy(writer)
        assert writer.manifest.generation == generation
    assert Snapshot.of(storage).images == 0
    assert check_index(storage).damage == ()

"""Damage to the files of an index: drawn at random, done, and what an index must make of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from kpsearch.errors import IndexDamaged
from kpsearch.index import IndexWriter, Snapshot, Storage, check_index
from kpsearch.index import manifest as manifests
from kpsearch.options import FeatureOptions, SearchOptions
from kpsearch.search import Searcher, StageLog, View
from kpsearch.types import Features, ImageSize, Reject
from kpsearch.vocabulary import Vocabulary
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.tree import Tree
from tests.indexes import Indexed, random_keypoints, record
from tests.memory import MemoryStorage

WORDS = 600
PAGE = 4096
MANIFESTS = (manifests.NAME, manifests.PREVIOUS)
SINGLE = ("flip", "zeros", "garbage", "cut")
COUNTS = {"flip": 1000, "zeros": 200, "garbage": 200, "cut": 100}
"""So many of each in a run of the tests."""


@cache
def large_vocabulary() -> Vocabulary:
    """Its leaves are long enough to be left out of the hash that every opening checks."""
    rng = np.random.default_rng(0)
    leaves = rng.integers(0, 120, (WORDS, 128), dtype=np.uint8)
    tree = Tree(leaves[::20].copy(), leaves, np.arange(0, WORDS + 1, 20, dtype=np.uint32))
    embedding = HammingEmbedding(
        rng.integers(-20, 20, (64, 128), dtype=np.int8), np.zeros((WORDS, 64), np.int8)
    )
    return Vocabulary(tree, embedding, np.linspace(0, 1, 65), "sift")


def images_named(name: str, counts: list[int], *, warning: str = "") -> list[Indexed]:
    rng = np.random.default_rng(len(name) + sum(counts))
    return [
        (record(f"/{name}/{i}.jpg", warning=warning), random_keypoints(rng, count, WORDS))
        for i, count in enumerate(counts)
    ]


def _rejects(count: int) -> list[Reject]:
    return [Reject(f"/bad/{i}.jpg", "corrupt_data", "cut short", i, i) for i in range(count)]


def write_sample(storage: Storage) -> None:
    """Six segments, one of them merged; deleted, replaced and rejected images; generation 10.

    The arrays of two of its segments, and a column of text, are longer than what every opening
    checks by hash. The generation before has deletes and rejects of its own.
    """
    long, short = images_named("long", [300] * 40), images_named("short", [7, 0, 5])
    with IndexWriter(storage) as writer:
        writer.create(FeatureOptions(), large_vocabulary())
        writer.commit(long, _rejects(2))
        writer.commit(short[:1])
        writer.commit(short[1:], removed=[3])
        writer.compact()
        writer.commit(images_named("wide", [230] * 40))
        writer.commit(images_named("told", [1] * 12, warning="é" * 3000))
        writer.commit(images_named("more", [20, 0, 9]), removed=[10, 50])
        writer.commit(short[2:], _rejects(5))
        writer.commit(images_named("last", [12, 40]), _rejects(1), removed=[44, 90])


@dataclass(frozen=True, slots=True)
class Harm:
    """What is done to some files: their new bytes, None where a file is deleted."""

    what: str
    files: Mapping[str, bytes | None]

    def done_to(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """All the files, with this harm done."""
        after: dict[str, bytes | None] = {**files, **self.files}
        return {name: content for name, content in after.items() if content is not None}


def kind_of(name: str) -> str:
    """``segment``, ``deletes``, ...; each of the two manifests is a kind of its own."""
    return name if name in MANIFESTS else name.split("-")[0]


def draw_harm(what: str, count: int, files: Mapping[str, bytes], seed: int) -> Iterator[Harm]:
    """So many harms of one sort: every kind of file has an equal share of them."""
    rng = np.random.default_rng([seed, SINGLE.index(what)])
    kinds = itertools.cycle(sorted({kind_of(name) for name in files}))
    for kind in itertools.islice(kinds, count):
        name = str(rng.choice([name for name in sorted(files) if kind_of(name) == kind]))
        after = files[name]
        while after == files[name]:  # zeros may be zeroed
            after = _harmed(what, files[name], rng)
        yield Harm(f"{what} in {name}", {name: after})


def _harmed(what: str, content: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(content)
    place = int(rng.integers(len(data)))
    if what == "flip":
        data[place] ^= 1 << int(rng.integers(8))
    elif what == "zeros":
        low = place - place % PAGE
        data[low : low + PAGE] = bytes(len(data[low : low + PAGE]))
    elif what == "garbage":
        length = min(int(rng.integers(1, 2 * PAGE)), len(data) - place)
        data[place : place + length] = rng.bytes(length)
    else:
        del data[place:]
    return bytes(data)


def swaps(files: Mapping[str, bytes]) -> list[Harm]:
    """Every two files with each other's bytes."""
    return [
        Harm(f"swapped {a} and {b}", {a: files[b], b: files[a]})
        for a, b in itertools.combinations(sorted(files), 2)
    ]


def deletions(files: Mapping[str, bytes]) -> list[Harm]:
    """Every file gone, and every two, but for both manifests: then there is no index."""
    names = [(name,) for name in sorted(files)] + list(itertools.combinations(sorted(files), 2))
    return [Harm(f"deleted {n}", dict.fromkeys(n)) for n in names if set(n) != set(MANIFESTS)]


def named_by(storage: Storage) -> set[str]:
    """The files that a check of an index can know of, whatever state they are in."""
    known = set(MANIFESTS)
    for name in MANIFESTS:
        try:
            known.update(entry.name for entry in manifests.load(storage, name).files())
        except Exception:
            continue
    return known


@cache
def _questions() -> Features:
    rng = np.random.default_rng(1)
    leaves = large_vocabulary().tree.leaves
    count = 60
    return Features(
        xy=rng.uniform(0, 200, (count, 2)).astype(np.float32),
        scale=rng.uniform(2, 9, count).astype(np.float32),
        angle_rad=rng.uniform(0, 6, count).astype(np.float32),
        response=np.ones(count, np.float32),
        descriptors=leaves[rng.integers(0, WORDS, count)],
        image_size=ImageSize(200, 200),
    )


def use(storage: Storage) -> str:
    """Read all that a user can ask for: ``works`` or ``damaged``; anything else is raised."""
    try:
        snapshot = Snapshot.of(storage)
        for found in snapshot.records():
            snapshot.find(found.path)
        hits = Searcher(snapshot).rank([View.whole(_questions())], SearchOptions(), StageLog())
        assert snapshot.rejects is not None
        assert len(hits) <= snapshot.images
    except IndexDamaged:
        return "damaged"
    return "works"


def violations_of(harm: Harm, storage: Storage) -> list[str]:
    """What an index with this harm does that it must not."""
    found = {item.file for item in check_index(storage).damage}
    expected = set(harm.files)
    if expected.intersection(MANIFESTS):
        expected &= named_by(storage)
    wrong = []
    if found != expected:
        wrong.append(f"{harm.what}: {sorted(found)} reported, not {sorted(expected)}")
    try:
        use(storage)
    except Exception as error:
        wrong.append(f"{harm.what}: {type(error).__name__}: {error}")
    return wrong


def sample_files() -> dict[str, bytes]:
    """The files of the sample."""
    storage = MemoryStorage()
    write_sample(storage)
    return storage.files


def all_harms(files: Mapping[str, bytes], seed: int, times: int = 1) -> Iterator[Harm]:
    """A run's harms of single files, ``times`` as many as usual, then the swaps and deletions."""
    for what, count in COUNTS.items():
        yield from draw_harm(what, times * count, files, seed)
    yield from swaps(files)
    yield from deletions(files)

"""The index of a population, written by the engine's own writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xxhash

from dedup_bench.scale.copying import copy_of
from dedup_bench.scale.keypoints import (
    Drawn,
    WordLaw,
    chance_of_distance,
    draw_count,
    draw_keypoints,
    flipped,
    seen_again,
)
from dedup_bench.scale.population import COPY_KINDS, Population
from kpsearch.index import ImageRecord, IndexWriter, Keypoints, quantise_keypoints
from kpsearch.index.columns import SKETCH_KEYPOINTS
from kpsearch.index.sketch import Sketch
from kpsearch.options import FeatureOptions
from kpsearch.types import ImageSize
from kpsearch.vocabulary import Vocabulary, words_for
from kpsearch.vocabulary.embedding import HammingEmbedding, random_projection
from kpsearch.vocabulary.tree import Tree

MEAN_KEYPOINTS = 405
"""Of a picture; what the size of the vocabulary goes by."""
BATCH = 2000
TEMPLATE = 0.3
"""Share of the keypoints of a picture of a line that are its template's."""
TEMPLATE_KEYPOINTS = 200
PLACEHOLDER_KEYPOINTS = 60
PLACEHOLDER_HASH = 0xE4B1_93C6_5A0F_7D28
HASH_BITS_CHANGED = {"similarity": 0.03, "crop": 0.25, "homography": 0.12, "mirrored": 0.5}
"""Share of the bits of the perceptual hash that a copy changes."""

Indexed = tuple[ImageRecord, Keypoints]


def write_population(
    population: Population,
    folder: Path,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Vocabulary:
    """An index of all pictures, in their order: that of picture i is the i-th in the index."""
    vocabulary = make_vocabulary(words_for(MEAN_KEYPOINTS * len(population)), population.seed)
    law = WordLaw(len(vocabulary), population.seed)
    with IndexWriter(folder) as writer:
        writer.create(FeatureOptions(), vocabulary)
        for low in range(0, len(population), BATCH):
            batch = range(low, min(low + BATCH, len(population)))
            writer.commit(list(_records(population, law, batch)))
            progress(batch.stop, len(population))
    return vocabulary


def make_vocabulary(words: int, seed: int) -> Vocabulary:
    """Words that no descriptor was trained for: nothing here looks one up."""
    rng = np.random.default_rng([seed, 3])
    leaves = rng.integers(0, 256, (words, 128), dtype=np.uint8)
    tree = Tree(leaves[:1].copy(), leaves, np.array([0, words], np.uint32))
    embedding = HammingEmbedding(random_projection(128, rng), np.zeros((words, 64), np.int8))
    return Vocabulary(tree, embedding, chance_of_distance(), "sift", seed, words)


def _records(population: Population, law: WordLaw, numbers: range) -> Iterator[Indexed]:
    for number in numbers:
        drawn = drawn_picture(population, law, number)
        path = f"/generated/{number:07d}.jpg"
        digest = xxhash.xxh3_128_digest(os.fsencode(path))
        record = ImageRecord(path, drawn.size, 100_000, number, digest)
        yield record, _quantised(drawn, drawn_hash(population, number))


def _quantised(drawn: Drawn, perceptual_hash: int) -> Keypoints:
    """As the index keeps them; the sketch is of the strongest, which come first."""
    strongest = np.arange(min(len(drawn), SKETCH_KEYPOINTS), dtype=np.uint16)
    sketch = Sketch(
        perceptual_hash,
        drawn.mirrored_word[strongest],
        drawn.mirrored_signature[strongest],
        strongest,
    )
    return quantise_keypoints(
        drawn.xy.astype(np.float32),
        drawn.scale.astype(np.float32),
        drawn.angle_rad.astype(np.float32),
        drawn.size,
        drawn.word,
        drawn.signature,
        sketch=sketch,
    )


def drawn_hash(population: Population, number: int) -> int:
    """The perceptual hash of one picture: near that of its original, if it is a copy."""
    rng = np.random.default_rng([population.seed, 7, number])
    original = int(population.original[number])
    if population.crowd[number]:
        near, share = PLACEHOLDER_HASH, 0.01
    elif original >= 0:
        near = drawn_hash(population, original)
        share = HASH_BITS_CHANGED[COPY_KINDS[population.kind[number]]]
    else:
        return int(rng.integers(2**64, dtype=np.uint64))
    return int(flipped(np.array([near], np.uint64), share, rng)[0])


def drawn_picture(population: Population, law: WordLaw, number: int) -> Drawn:
    """The keypoints of one picture; a pure function of the population and the number."""
    rng = np.random.default_rng([population.seed, 4, number])
    if population.crowd[number]:
        placeholder = np.random.default_rng([population.seed, 5])
        points = draw_keypoints(law, ImageSize(400, 400), PLACEHOLDER_KEYPOINTS, placeholder)
        return seen_again(points, law, rng, same_word=0.95, flips=0.03)
    original = int(population.original[number])
    if original >= 0:
        whole = drawn_picture(population, law, original)
        return copy_of(whole, COPY_KINDS[population.kind[number]], law, rng)
    line = int(population.line[number])
    if line < 0:
        return draw_keypoints(law, _random_size(rng), draw_count(rng), rng)
    return _of_line(population.seed, line, law, rng)


def _random_size(rng: np.random.Generator) -> ImageSize:
    long, aspect = rng.uniform(500, 1200), rng.uniform(0.6, 1.0)
    sides = (round(long), round(long * aspect))
    return ImageSize(*sides) if rng.random() < 0.5 else ImageSize(*sides[::-1])


def _of_line(seed: int, line: int, law: WordLaw, rng: np.random.Generator) -> Drawn:
    """A picture whose template is that of its line, in place; all else is its own."""
    shared = np.random.default_rng([seed, 6, line + 1])
    template = draw_keypoints(law, _random_size(shared), TEMPLATE_KEYPOINTS, shared)
    count = draw_count(rng)
    common = min(round(count * TEMPLATE), len(template))
    seen = seen_again(template.take(np.arange(common)), law, rng, same_word=0.85, flips=0.06)
    own = draw_keypoints(law, template.size, count - common, rng)
    return seen.and_also(own, rng.permutation(count))

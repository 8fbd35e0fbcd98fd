"""Writes a golden index of the format of today: once a format, and never again.

    python -m tests.compat.make FOLDER [--embedded] [--categorised] [--sketched]

It is kept beside this file, under the number of its format, for as long as it must open.
Format 3 has no embeddings, format 4 has them, format 5 categories that were predicted too, and
format 6 sketches besides.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from kpsearch.index import ImageRecord, IndexWriter
from kpsearch.options import (
    CategoryFacts,
    ClassifierFacts,
    EmbeddingFacts,
    EmbeddingOptions,
    FeatureOptions,
)
from kpsearch.types import ImageSize, Reject
from kpsearch.vocabulary import Vocabulary
from kpsearch.vocabulary.embedding import HammingEmbedding
from kpsearch.vocabulary.tree import Tree
from tests.indexes import Indexed, random_keypoints, record

WORDS = 6
DIMENSIONS = 4
EMBEDDING = EmbeddingFacts(
    model="/models/été.onnx",
    model_hash="0123456789abcdef" * 2,
    dimensions=DIMENSIONS,
    options=EmbeddingOptions(size=96, crop=None, output="features"),
)
CATEGORIES = CategoryFacts(
    ClassifierFacts("/models/catégories.onnx", "fedcba9876543210" * 2), alpha=0.05
)
TEXTS = ["Thé/Vert", "?Lait|Crème", "", r"\?", r"?a\|b|c\\"]
NAMES = ["/shop/tea.jpg", "/shop/\udcff.jpg", "/new\nline.jpg", "/shop/été.jpg", "/b.jpg"]
COUNTS = [4, 0, 9, 7, 5]


def vocabulary() -> Vocabulary:
    """Six words of eight bytes, on two branches."""
    rng = np.random.default_rng(3)
    leaves = rng.integers(0, 255, (WORDS, 8), dtype=np.uint8)
    tree = Tree(leaves[::3].copy(), leaves, np.array([0, 3, 6], np.uint32))
    projection = rng.integers(-20, 20, (64, 8), dtype=np.int8)
    embedding = HammingEmbedding(projection, np.zeros((WORDS, 64), np.int8))
    return Vocabulary(tree, embedding, np.linspace(0, 1, 65), "sift", 3, 8)


def images() -> list[Indexed]:
    """Of odd names, with sketches; one without keypoints, one with a warning and no category."""
    rng = np.random.default_rng(4)
    found = [
        (record(n), random_keypoints(rng, c, WORDS)) for n, c in zip(NAMES, COUNTS, strict=True)
    ]
    plain = ImageRecord(NAMES[3], ImageSize(65535, 1), 2**32 - 1, -1, bytes(range(16)))
    found[3] = (replace(plain, warning="décodé à moitié"), found[3][1])
    return found


def rejects() -> list[Reject]:
    """Two, with an odd name."""
    return [
        Reject("/shop/\udcfe.jpg", "corrupt_data", "cut short at 7 of 12 bytes", 12, -5),
        Reject("/shop/void.png", "empty_file", "0 bytes", 0, 1_700_000_000_000_000_000),
    ]


def embedded(images: list[Indexed]) -> list[Indexed]:
    """The images with a vector each, an axis, so that nothing is rounded."""
    return [
        (r, replace(p, embedding=np.eye(DIMENSIONS, dtype=np.float16)[i % DIMENSIONS]))
        for i, (r, p) in enumerate(images)
    ]


def categorised(images: list[Indexed]) -> list[Indexed]:
    """The images with a category each, of every kind."""
    return [(replace(r, category=c), p) for (r, p), c in zip(images, TEXTS, strict=True)]


def unsketched(images: list[Indexed]) -> list[Indexed]:
    """The images as old formats have them."""
    return [(record, replace(points, sketch=None)) for record, points in images]


def write(
    folder: str,
    embedding: EmbeddingFacts | None = None,
    categories: CategoryFacts | None = None,
    *,
    sketches: bool = False,
) -> None:
    """Two segments: the second takes the place of an image, and removes another."""
    shown = images() if embedding is None else embedded(images())
    shown = shown if categories is None else categorised(shown)
    shown = shown if sketches else unsketched(shown)
    with IndexWriter(folder) as writer:
        options = FeatureOptions(max_keypoints=123)
        writer.create(options, vocabulary(), embedding, categories=categories, sketches=sketches)
        writer.commit(shown[:3], rejects())
        writer.commit([*shown[3:], (shown[0][0], shown[4][1])], removed=[1])


if __name__ == "__main__":
    write(
        sys.argv[1],
        EMBEDDING if "--embedded" in sys.argv else None,
        CATEGORIES if "--categorised" in sys.argv else None,
        sketches="--sketched" in sys.argv,
    )

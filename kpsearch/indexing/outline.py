"""A picture's sketch, in the two steps of indexing: seen with the picture, quantised with words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kpsearch.features import Mirrored, mirrored_keypoints, perceptual_hash
from kpsearch.index import NO_KEYPOINT, SKETCH_KEYPOINTS, Sketch
from kpsearch.options import FeatureOptions
from kpsearch.types import Features, Image
from kpsearch.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A `Sketch` before there are words for it."""

    perceptual_hash: int
    mirrored: Mirrored


def outline_of(image: Image, features: Features, options: FeatureOptions) -> Outline:
    """Of a grey picture and what was extracted from it."""
    numbered = features.take(np.arange(min(len(features), NO_KEYPOINT)))
    mirrored = mirrored_keypoints(image, numbered, options, most=SKETCH_KEYPOINTS)
    return Outline(perceptual_hash(image.pixels), mirrored)


def sketch_of(outline: Outline, vocabulary: Vocabulary) -> Sketch:
    """With the words and signatures of the descriptors in the mirror."""
    words = vocabulary.quantise(outline.mirrored.descriptors)
    return Sketch(
        perceptual_hash=outline.perceptual_hash,
        word=words.ids[:, 0],
        signature=words.signatures[:, 0],
        keypoint=outline.mirrored.rows.astype(np.uint16),
    )

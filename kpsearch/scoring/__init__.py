"""Posting lists to scores: arrays in, arrays out."""

from kpsearch.scoring.accumulate import best, sum_by_image, sum_heaviest
from kpsearch.scoring.kernels import Matches, hamming_matches
from kpsearch.scoring.weights import WEIGHTINGS, CollectionFacts, Weighting

__all__ = [
    "WEIGHTINGS",
    "CollectionFacts",
    "Matches",
    "Weighting",
    "best",
    "hamming_matches",
    "sum_by_image",
    "sum_heaviest",
]

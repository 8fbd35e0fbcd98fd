"""Features to visual words and Hamming signatures."""

from kpsearch.vocabulary.store import (
    load_vocabulary,
    same_vocabulary,
    unpack_vocabulary,
    vocabulary_arrays,
)
from kpsearch.vocabulary.tree import Metric
from kpsearch.vocabulary.vocabulary import MAX_WORDS, Vocabulary, train_vocabulary, words_for

__all__ = [
    "MAX_WORDS",
    "Metric",
    "Vocabulary",
    "load_vocabulary",
    "same_vocabulary",
    "train_vocabulary",
    "unpack_vocabulary",
    "vocabulary_arrays",
    "words_for",
]

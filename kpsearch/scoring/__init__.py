"""Posting lists to scores: arrays in, arrays out."""

from kpsearch.scoring.burstiness import BURSTINESS, sum_heaviest
from kpsearch.scoring.collection import CollectionFacts, PostingReader, Postings
from kpsearch.scoring.fusion import embedding_evidence
from kpsearch.scoring.grouping import group_repeats
from kpsearch.scoring.kernels import Matches, flat_positions, hamming_matches, list_blocks
from kpsearch.scoring.ranking import best
from kpsearch.scoring.recurrence import recurrence
from kpsearch.scoring.scorer import SCORERS, Scorer, Votes

__all__ = [
    "BURSTINESS",
    "SCORERS",
    "CollectionFacts",
    "Matches",
    "PostingReader",
    "Postings",
    "Scorer",
    "Votes",
    "best",
    "embedding_evidence",
    "flat_positions",
    "group_repeats",
    "hamming_matches",
    "list_blocks",
    "recurrence",
    "sum_heaviest",
]

"""How good retrieval and features are: ground truth, metrics, runs to exchange, tables."""

from kpsearch.evaluation.datasets import LAYOUTS, Layout, layout_of
from kpsearch.evaluation.manifest import read_truth
from kpsearch.evaluation.metrics import (
    Convention,
    average_precision,
    average_precision_at,
    ns_score,
    precision_at,
    r_precision,
    recall_at,
    relevant_positions,
)
from kpsearch.evaluation.outcomes import QueryOutcome, SourceSummary, summarise
from kpsearch.evaluation.pairs import (
    HomographyPair,
    PairMeasure,
    measure_pair,
    resized_homography,
)
from kpsearch.evaluation.pooled import micro_average_precision, recall_at_precision
from kpsearch.evaluation.protocols import PROTOCOLS, Measures, Protocol
from kpsearch.evaluation.querying import RankedHit, Ranking
from kpsearch.evaluation.run import Evaluation, evaluate, outcome_of
from kpsearch.evaluation.table import format_table
from kpsearch.evaluation.trec import TrecRun, read_run, read_trec, write_run
from kpsearch.evaluation.truth import Setup, Truth, TruthRow

__all__ = [
    "LAYOUTS",
    "PROTOCOLS",
    "Convention",
    "Evaluation",
    "HomographyPair",
    "Layout",
    "Measures",
    "PairMeasure",
    "Protocol",
    "QueryOutcome",
    "RankedHit",
    "Ranking",
    "Setup",
    "SourceSummary",
    "TrecRun",
    "Truth",
    "TruthRow",
    "average_precision",
    "average_precision_at",
    "evaluate",
    "format_table",
    "layout_of",
    "measure_pair",
    "micro_average_precision",
    "ns_score",
    "outcome_of",
    "precision_at",
    "r_precision",
    "read_run",
    "read_trec",
    "read_truth",
    "recall_at",
    "recall_at_precision",
    "relevant_positions",
    "resized_homography",
    "summarise",
    "write_run",
]

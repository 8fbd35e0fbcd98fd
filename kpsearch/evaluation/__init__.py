"""How good retrieval and features are: ground truth, metrics, runs to exchange, tables."""

from kpsearch.evaluation.manifest import Truth, TruthRow, read_truth
from kpsearch.evaluation.metrics import (
    Convention,
    QueryOutcome,
    SourceSummary,
    average_precision,
    ns_score,
    recall_at,
    summarise,
)
from kpsearch.evaluation.pairs import (
    HomographyPair,
    PairMeasure,
    measure_pair,
    resized_homography,
)
from kpsearch.evaluation.run import Evaluation, Ranking, evaluate
from kpsearch.evaluation.table import format_table
from kpsearch.evaluation.trec import read_run, write_run

__all__ = [
    "Convention",
    "Evaluation",
    "HomographyPair",
    "PairMeasure",
    "QueryOutcome",
    "Ranking",
    "SourceSummary",
    "Truth",
    "TruthRow",
    "average_precision",
    "evaluate",
    "format_table",
    "measure_pair",
    "ns_score",
    "read_run",
    "read_truth",
    "recall_at",
    "resized_homography",
    "summarise",
    "write_run",
]

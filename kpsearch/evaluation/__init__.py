"""How good retrieval is: ground truth, metrics, runs to exchange, tables to read."""

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
from kpsearch.evaluation.run import Evaluation, Ranking, evaluate
from kpsearch.evaluation.table import format_table
from kpsearch.evaluation.trec import read_run, write_run

__all__ = [
    "Convention",
    "Evaluation",
    "QueryOutcome",
    "Ranking",
    "SourceSummary",
    "Truth",
    "TruthRow",
    "average_precision",
    "evaluate",
    "format_table",
    "ns_score",
    "read_run",
    "read_truth",
    "recall_at",
    "summarise",
    "write_run",
]

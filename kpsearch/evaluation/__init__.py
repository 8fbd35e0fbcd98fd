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
from kpsearch.evaluation.table import format_table
from kpsearch.evaluation.trec import read_run, write_run

__all__ = [
    "Convention",
    "QueryOutcome",
    "SourceSummary",
    "Truth",
    "TruthRow",
    "average_precision",
    "format_table",
    "ns_score",
    "read_run",
    "read_truth",
    "recall_at",
    "summarise",
    "write_run",
]

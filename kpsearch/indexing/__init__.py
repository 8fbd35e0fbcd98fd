"""Pictures into an index."""

from kpsearch.indexing.build import build_index
from kpsearch.indexing.report import IndexReport, Progress, reject_line

__all__ = ["IndexReport", "Progress", "build_index", "reject_line"]

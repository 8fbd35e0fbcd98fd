"""Pictures into an index, and out of it."""

from kpsearch.indexing.build import build_index
from kpsearch.indexing.categories import read_categories
from kpsearch.indexing.removal import Removal, remove_images
from kpsearch.indexing.report import IndexReport, Progress, reject_line

__all__ = [
    "IndexReport",
    "Progress",
    "Removal",
    "build_index",
    "read_categories",
    "reject_line",
    "remove_images",
]

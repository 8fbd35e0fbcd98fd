"""The page on which a person reviews what deduplication found: one file, which needs no other."""

from kpsearch.dedup.review.page import write_review
from kpsearch.dedup.review.thumbnails import Thumbnails, make_thumbnails, thumbnail_side_px

__all__ = ["Thumbnails", "make_thumbnails", "thumbnail_side_px", "write_review"]

"""A query: its stages run, timed and explained."""

from kpsearch.search.category import in_words, require_category_model
from kpsearch.search.region import Region, crop
from kpsearch.search.searcher import Searcher
from kpsearch.search.stages import StageLog
from kpsearch.search.view import View

__all__ = ["Region", "Searcher", "StageLog", "View", "crop", "in_words", "require_category_model"]

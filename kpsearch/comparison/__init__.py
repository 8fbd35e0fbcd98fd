"""Runs of kpsearch, of deep models and of anything else, side by side on one ground truth."""

from kpsearch.comparison.embedding_files import Embeddings, read_embeddings
from kpsearch.comparison.exact_search import DISTANCES, Distance, nearest
from kpsearch.comparison.facts import Facts, parse_facts
from kpsearch.comparison.fusion import METHODS, Recipe, fuse, parse_recipe
from kpsearch.comparison.identifiers import PictureNames
from kpsearch.comparison.measures import require_answers
from kpsearch.comparison.page import write_comparison_page
from kpsearch.comparison.plots import Plot, write_plots
from kpsearch.comparison.runs import DEPTH, Ranking, Run, RunFile, load_run
from kpsearch.comparison.standings import Comparison, Standing, checked_baseline, compare
from kpsearch.comparison.table import comparison_json, format_comparison

__all__ = [
    "DEPTH",
    "DISTANCES",
    "METHODS",
    "Comparison",
    "Distance",
    "Embeddings",
    "Facts",
    "PictureNames",
    "Plot",
    "Ranking",
    "Recipe",
    "Run",
    "RunFile",
    "Standing",
    "checked_baseline",
    "compare",
    "comparison_json",
    "format_comparison",
    "fuse",
    "load_run",
    "nearest",
    "parse_facts",
    "parse_recipe",
    "read_embeddings",
    "require_answers",
    "write_comparison_page",
    "write_plots",
]

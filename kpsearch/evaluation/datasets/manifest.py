"""A manifest CSV of one's own; `kpsearch.evaluation.manifest` reads it."""

from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.manifest import read_truth

LAYOUT = Layout("manifest", read_truth, ("manifest", "metric-learning"))

"""Public data sets as they are distributed, each as a `Truth`: one small file a layout."""

from kpsearch.evaluation.datasets.layout import LAYOUTS, Layout, layout_of

__all__ = ["LAYOUTS", "Layout", "layout_of"]

"""Bulk work over processes: the only door to joblib, and to processes that may die."""

from kpsearch.parallel.ordered import CHUNKS_A_WINDOW, map_in_order
from kpsearch.parallel.threads import available_cpus, single_threaded, single_threaded_products

__all__ = [
    "CHUNKS_A_WINDOW",
    "available_cpus",
    "map_in_order",
    "single_threaded",
    "single_threaded_products",
]

"""Bulk work over processes: the only door to joblib, and to processes that may die."""

from kpsearch.parallel.ordered import CHUNKS_A_WINDOW, map_in_order
from kpsearch.parallel.pictures import on_pictures
from kpsearch.parallel.threads import available_cpus, single_threaded, single_threaded_products

__all__ = [
    "CHUNKS_A_WINDOW",
    "available_cpus",
    "map_in_order",
    "on_pictures",
    "single_threaded",
    "single_threaded_products",
]

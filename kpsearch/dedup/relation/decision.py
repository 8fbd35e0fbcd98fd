"""From figures to the odds that merging is right, and to the name of the relation.

The odds are a logistic regression (`tools/fit_relations.py` prints the coefficients, and how they
do on pairs that they were not fitted to). The names follow from rules on the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log1p, sqrt
from types import MappingProxyType

from kpsearch.dedup.records import Relation

Figures = Mapping[str, float]

MOST_LOG_ODDS = 12.0
"""Beyond which a regression on some thousands of pairs cannot know."""
EXACT_LOG_ODDS = 20.0
LEAST_DRAWN_CELLS = 10.0
"""With a drawing, in the overlap: fewer are not evidence for anything."""
LEAST_TRACKS_AGREEING = 0.2
PERSPECTIVE = 0.025
"""Change of depth over the overlap from which a camera, not an editor, was at work."""

def camera(f: Figures) -> float:
    """0 for what an editor did to a file, 1 for what perspective shows to be another photo."""
    return min(f["perspective"] / PERSPECTIVE, 1.0)


TERMS: Mapping[str, Callable[[Figures], float]] = MappingProxyType(
    {
        "replaced": lambda f: sqrt(f["replaced"]),
        "one-sided": lambda f: sqrt(f["one_sided"]),
        "recoloured": lambda f: sqrt(f["recoloured"]),
        "recoloured alone": lambda f: sqrt(f["recoloured_alone"]),
        "recoloured drawing": lambda f: sqrt(f["recoloured_drawing"]),
        "chroma": lambda f: min(f["chroma"], 0.5),
        "agreement": lambda f: f["agreement"],
        "lowest agreement": lambda f: f["agreement_low"],
        "agreeing": lambda f: f["agreeing"],
        "agreeing everywhere": lambda f: f["agreeing_everywhere"],
        "replaced everywhere": lambda f: sqrt(f["replaced_everywhere"]),
        "core of the smaller": lambda f: min(f["core_a"], f["core_b"]),
        "core of the larger": lambda f: max(f["core_a"], f["core_b"]),
        "drawn cells": lambda f: log1p(f["drawn_cells"]),
        "effective inliers": lambda f: log1p(f["effective_inliers"]),
        "tracks agreeing": lambda f: f["tracks_agreeing"],
        "cast": lambda f: f["cast"],
        "saturation": lambda f: f["saturation"],
        "regions": lambda f: log1p(f["regions"]),
        "largest region": lambda f: sqrt(f["largest_region"]),
        "both in it": lambda f: min(f["largest_is_recoloured"], f["largest_is_redrawn"]),
        "it is a label": lambda f: f["largest_fills_its_hull"],
        "it cuts": lambda f: f["drawn_around"],
        "label": lambda f: f["label"],
        "replaced elsewhere": lambda f: sqrt(f["replaced_elsewhere"]),
        "recoloured elsewhere": lambda f: sqrt(f["recoloured_elsewhere"]),
        "replaced on its ground": lambda f: f["replaced_on_its_ground"] * sqrt(f["replaced"]),
        "overwritten": lambda f: sqrt(f["overwritten"]),
        "patch": lambda f: sqrt(f["patch"]) * f["patch_solidity"] ** 4,
        "beside the patch": lambda f: sqrt(f["patch_elsewhere"]),
        "ragged patch": lambda f: sqrt(f["patch"]) * (1 - f["patch_solidity"]),
        "camera": lambda f: camera(f),
        "tracks of an editor": lambda f: (1 - camera(f)) * f["tracks_agreeing"],
        "agreement of an editor": lambda f: (1 - camera(f)) * f["agreement_low"],
        "replaced by an editor": lambda f: (1 - camera(f)) * sqrt(f["replaced"]),
        "blur": lambda f: min(f["sharpness_a"], f["sharpness_b"]),
    }
)
"""What the regression sees, each about 0 to 1 or a logarithm."""

INTERCEPT = 0.0
SLOPES: Mapping[str, float] = MappingProxyType(
    {"agreement": 6.0, "replaced": -20.0, "recoloured": -10.0, "core of the larger": 1.0}
)


def log_odds(figures: Figures) -> float:
    """Natural logarithm of the odds that merging is right."""
    total = INTERCEPT + sum(slope * TERMS[name](figures) for name, slope in SLOPES.items())
    return min(max(total, -MOST_LOG_ODDS), MOST_LOG_ODDS)


PART = 0.93
"""Share of a picture from which all of it counts as covered."""
SMALL_CORE = 0.35
"""Share of both pictures up to which what they have in common is a part of them."""


def named(figures: Figures, odds: float, *, mirrored: bool) -> Relation:
    """The relation of a to b."""
    if is_insufficient(figures):
        return Relation.INSUFFICIENT
    if odds <= 0:
        small = max(figures["core_a"], figures["core_b"]) < SMALL_CORE
        return Relation.SHARED_PART if small else Relation.VARIANT
    if mirrored:
        return Relation.MIRRORED
    if figures["perspective"] > PERSPECTIVE or figures["tracks_agreeing"] < 0.5:
        return Relation.SAME_ITEM
    whole_a, whole_b = figures["share_a"] >= PART, figures["share_b"] >= PART
    if whole_a == whole_b:
        return Relation.NEAR_DUPLICATE
    return Relation.CROP_OF if whole_a else Relation.CONTAINS


def is_insufficient(figures: Figures) -> bool:
    """Whether there is too little in the overlap to go by, or no overlay that holds."""
    return (
        figures["drawn_cells"] < LEAST_DRAWN_CELLS
        or figures["tracks_agreeing"] < LEAST_TRACKS_AGREEING
    )

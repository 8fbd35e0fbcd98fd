"""From figures to the odds that merging is right, and to the name of the relation.

The odds are a logistic regression (`tools/fit_relations.py` prints the coefficients, and how they
do on pairs that they were not fitted to). The names follow from rules on the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

from kpsearch.dedup.records import WHOLE, Relation

Figures = Mapping[str, float]

MOST_LOG_ODDS = 12.0
"""Beyond which a regression on some thousands of pairs cannot know."""
EXACT_LOG_ODDS = 20.0
LEAST_DRAWN_CELLS = 10.0
"""With a drawing, in the overlap: fewer are not evidence for anything."""
LEAST_TRACKS_AGREEING = 0.2
EDITED, PHOTOGRAPHED = 0.008, 0.016
"""Change of depth over the overlap up to which it may be noise in what an editor made of a file,
and from which a camera was surely at work. Where an affine transform does as well it is 0, as of
all of 505 copies and variants; 98 in 100 photos are above the second."""

AGAINST = (
    "replaced",
    "replaced_everywhere",
    "replaced_elsewhere",
    "doubtful",
    "recoloured",
    "recoloured_alone",
    "recoloured_drawing",
    "recoloured_elsewhere",
    "chroma",
    "cast",
    "regions",
    "largest_region",
    "covered",
    "patch",
    "patch_ragged",
    "patch_elsewhere",
)
"""Figures of which more can only speak against merging; 0 at best."""
FOR = ("core_larger", "core_sum", "drawn", "tracks_agreeing", "label")
"""Figures of which more can only speak for it."""
TRACE, MOST = 0.02, 0.7
"""Where "any at all" and "most" are reached."""


@dataclass(frozen=True, slots=True)
class Term:
    """One look at one figure: how much there is of it, or whether there is any.

    What a camera saw counts by itself, what only an editor could have done once more: a photo has
    blur, glare and bent paper; a file has its reasons for every difference.
    """

    figure: str
    saturates: bool
    """Whether it grows up to `TRACE`, or `MOST`, only."""
    of_files: bool
    """Whether it is nothing for a photo."""

    @property
    def name(self) -> str:
        """As in `SLOPES`."""
        look = "any " if self.saturates else ""
        return look + self.figure + (" in a file" if self.of_files else "")

    @property
    def sign(self) -> int:
        """1 if it speaks for merging, -1 if against."""
        return 1 if self.figure in FOR else -1

    def of(self, figures: Figures) -> float:
        """About 0 to 1."""
        value = figures[self.figure]
        if self.sign > 0:
            seen = min(value, MOST) if self.saturates else value
        else:
            seen = min(value, TRACE) / TRACE if self.saturates else sqrt(value)
        return seen * (1 - camera(figures)) if self.of_files else seen


TERMS = tuple(
    Term(figure, saturates, of_files)
    for figure in (*AGAINST, *FOR)
    for saturates in (False, True)
    for of_files in (False, True)
)


def camera(figures: Figures) -> float:
    """0 for what an editor did to a file, 1 for what perspective shows to be another photo."""
    seen = (figures["perspective"] - EDITED) / (PHOTOGRAPHED - EDITED)
    return min(max(seen, 0.0), 1.0)


INTERCEPT = -8.359
SLOPES: Mapping[str, float] = MappingProxyType(
    {
        "replaced": -1.520,
        "any replaced in a file": -0.359,
        "replaced_everywhere": -0.469,
        "any replaced_everywhere in a file": -0.046,
        "any replaced_elsewhere": -0.371,
        "any replaced_elsewhere in a file": -0.556,
        "doubtful": -2.135,
        "doubtful in a file": -0.184,
        "any doubtful in a file": -2.059,
        "recoloured": -1.412,
        "recoloured_alone": -1.270,
        "recoloured_alone in a file": -0.652,
        "recoloured_drawing": -2.615,
        "recoloured_drawing in a file": -1.480,
        "recoloured_elsewhere": -0.402,
        "chroma": -0.964,
        "cast in a file": -0.335,
        "regions in a file": -0.020,
        "any regions in a file": -0.343,
        "largest_region": -1.962,
        "any largest_region in a file": -0.019,
        "any covered": -0.564,
        "any covered in a file": -0.309,
        "patch": -0.493,
        "any patch": -0.443,
        "any patch in a file": -1.500,
        "patch_ragged in a file": -0.403,
        "any patch_elsewhere": -0.341,
        "any core_larger": 2.470,
        "any core_sum": 8.687,
        "any drawn": 5.036,
        "tracks_agreeing": 3.398,
        "label in a file": 0.676,
        "any label in a file": 0.730,
    }
)


MOST_HIDDEN = 0.15
"""Share of the core below something laid over it, beyond which nobody can know."""
HIDDEN_LOG_ODDS = 0.6
"""Of 23 such known pairs 15 were copies with a text on them, and 8 were not to be merged."""


def log_odds(figures: Figures) -> float:
    """Natural logarithm of the odds that merging is right."""
    known = (SLOPES.get(term.name, 0.0) * term.of(figures) for term in TERMS)
    total = INTERCEPT + sum(known)
    if figures["covered"] > MOST_HIDDEN:
        total = min(total, HIDDEN_LOG_ODDS)
    return min(max(total, -MOST_LOG_ODDS), MOST_LOG_ODDS)


LEAST_SHOWN = 0.8
"""Share of one of two files that the other has to show: two crops of one picture that overlap both
have something that the other lacks, and neither can go."""
SMALL_CORE = 0.35
"""Share of both pictures up to which what they have in common is a part of them."""


def named(figures: Figures, odds: float, *, mirrored: bool) -> Relation:
    """The relation of a to b."""
    if is_insufficient(figures):
        return Relation.INSUFFICIENT
    if odds <= 0:
        small = max(figures["core_a"], figures["core_b"]) < SMALL_CORE
        return Relation.SHARED_PART if small else Relation.VARIANT
    seen = figures["share_a"], figures["share_b"]
    if figures["perspective"] > EDITED or figures["tracks_agreeing"] < 0.5:
        return Relation.MIRRORED if mirrored else Relation.SAME_ITEM
    if max(seen) < LEAST_SHOWN:
        return Relation.SHARED_PART
    if mirrored:
        return Relation.MIRRORED
    whole_a, whole_b = (share >= WHOLE for share in seen)
    if whole_a == whole_b:
        return Relation.NEAR_DUPLICATE
    return Relation.CROP_OF if whole_a else Relation.CONTAINS


def is_insufficient(figures: Figures) -> bool:
    """Whether there is too little in the overlap to go by, or no overlay that holds."""
    return (
        figures["drawn_cells"] < LEAST_DRAWN_CELLS
        or figures["tracks_agreeing"] < LEAST_TRACKS_AGREEING
    )

"""What a reader should know besides the relation, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kpsearch.dedup.records import Relation
from kpsearch.dedup.relation.decision import LEAST_TRACKS_AGREEING

if TYPE_CHECKING:
    Figures = Mapping[str, float]

LEAST_TURN_DEG = 2.0
LEAST_MARK = 0.004
"""Share of the core that something was laid over, from which it is worth a word."""
LEAST_DIFFERENCE = 0.01


def note_of(figures: Figures, relation: Relation) -> str:
    """Remarks on a pair, with a semicolon between; empty where there is nothing to say."""
    remarks = [*_about_frames(figures)]
    if relation is Relation.INSUFFICIENT:
        remarks.append(_short_of(figures))
    elif relation.merges:
        remarks += _about_marks(figures)
    else:
        remarks += _about_differences(figures)
    return "; ".join(remarks)


def _about_frames(figures: Figures) -> list[str]:
    turn = round(figures["turn_deg"])
    remarks = [f"turned by {turn}°"] if abs(turn) > LEAST_TURN_DEG else []
    bordered = [side for side in "ab" if figures[f"bordered_{side}"]]
    if len(bordered) == 1:
        remarks.append(f"{bordered[0]} has a border")
    return remarks


def _about_marks(figures: Figures) -> list[str]:
    remarks = ["one is grey"] if figures["grey"] else []
    if max(figures[name] for name in ("covered", "largest_region", "one_sided")) > LEAST_MARK:
        remarks.append("text or a mark laid over")
    return remarks


def _about_differences(figures: Figures) -> list[str]:
    remarks = ["text or artwork differs"] if figures["replaced"] > LEAST_DIFFERENCE else []
    if figures["recoloured_alone"] > 2 * LEAST_DIFFERENCE:
        remarks.append("colours differ")
    return remarks


def _short_of(figures: Figures) -> str:
    if figures["tracks_agreeing"] < LEAST_TRACKS_AGREEING:
        return "the two cannot be laid over each other"
    return "too little texture to compare"

"""Copies of pictures with a known relation, variants, and whole sets to judge deduplication by."""

from kpsearch.synthetic.copies.copy import Copy
from kpsearch.synthetic.copies.kinds import KINDS, Kind, copy_picture
from kpsearch.synthetic.copies.planning import DedupSpec, PlannedPicture, plan_set
from kpsearch.synthetic.copies.shared_parts import PARTS, paste_part
from kpsearch.synthetic.copies.truth import IGNORE, TruePair, true_pairs
from kpsearch.synthetic.copies.variants import VARIANTS, draw_variant
from kpsearch.synthetic.copies.writing import write_dedup_set

__all__ = [
    "IGNORE",
    "KINDS",
    "PARTS",
    "VARIANTS",
    "Copy",
    "DedupSpec",
    "Kind",
    "PlannedPicture",
    "TruePair",
    "copy_picture",
    "draw_variant",
    "paste_part",
    "plan_set",
    "true_pairs",
    "write_dedup_set",
]

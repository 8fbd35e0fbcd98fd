"""INRIA Copydays (Douze et al. 2009): copies of 157 photos, by JPEG, by cropping, and stronger.

    FOLDER/original/200000.jpg, 200100.jpg ...
    FOLDER/strong/200001.jpg ...
    FOLDER/jpegqual/3/200000.jpg ...  jpegqual/5 ... jpegqual/75
    FOLDER/crops/10/200000.jpg ...    crops/15 ... crops/80

The first four digits number the photo. The originals are the catalogue, every other block present
is a set of queries, a source of its own.
"""

from __future__ import annotations

import os
import re

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import pictures_below
from kpsearch.evaluation.truth import Truth, TruthRow

_NAME = re.compile(r"(\d{4})\d{2}")
_BLOCK = re.compile(r"original|strong|(?:jpegqual|crops)/(\d+)")


def read(folder: str) -> Truth:
    """The ground truth of the blocks in ``folder``, one source for each but the originals."""
    if not os.path.isdir(os.path.join(folder, "original")):
        raise UnusableFile(f"{folder}: no folder original in it; see docs/evaluation.md")
    rows: dict[str, list[TruthRow]] = {}
    for path in pictures_below(folder):
        block = os.path.dirname(os.path.relpath(path, os.path.abspath(folder)))
        name = _NAME.fullmatch(os.path.splitext(os.path.basename(path))[0])
        if name and _BLOCK.fullmatch(block):
            role = "reference" if block == "original" else "query"
            rows.setdefault(block, []).append(TruthRow(path, name[1], role, source=block))
    return Truth(tuple(row for block in sorted(rows, key=_order) for row in rows[block]))


def _order(block: str) -> tuple[str, int]:
    kind, _, strength = block.partition("/")
    return kind, int(strength or 0)


LAYOUT = Layout("copydays", read, ("copydays",))

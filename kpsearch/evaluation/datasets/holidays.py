"""INRIA Holidays (Jégou, Douze & Schmid 2008): 500 scenes, 1,491 photos.

    FOLDER/jpg/100000.jpg, 100001.jpg, 100100.jpg ...

The first four digits number the scene; the photo whose last two are 00 is its query. It stays in
the gallery of the others and is left out of its own ranking, as ``holidays_map.py`` does.
"""

from __future__ import annotations

import re

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import pictures_by_stem
from kpsearch.evaluation.truth import Truth, TruthRow

_NAME = re.compile(r"(\d{4})(\d{2})")


def read(folder: str) -> Truth:
    """The ground truth of the photos below ``folder``."""
    rows = [
        TruthRow(path, match[1], "both" if match[2] == "00" else "reference", source="Holidays")
        for stem, path in sorted(pictures_by_stem(folder).items())
        if (match := _NAME.fullmatch(stem))
    ]
    if not any(row.is_query for row in rows):
        raise UnusableFile(f"{folder}: no query (100000.jpg, 100100.jpg ...) in it")
    return Truth(tuple(rows))


LAYOUT = Layout("holidays", read, ("holidays",))

"""UKBench (Nistér & Stewénius 2006): 2,550 things, four pictures each, every one a query.

    FOLDER/full/ukbench00000.jpg ... ukbench10199.jpg

Pictures 4i to 4i + 3 show thing i. Any beginning or part of the set will do.
"""

from __future__ import annotations

import re

from kpsearch.errors import UnusableFile
from kpsearch.evaluation.datasets.layout import Layout
from kpsearch.evaluation.datasets.pictures import pictures_by_stem
from kpsearch.evaluation.truth import Truth, TruthRow

_NAME = re.compile(r"ukbench(\d{5})")


def read(folder: str) -> Truth:
    """The ground truth of the pictures below ``folder``; every one is its own gallery."""
    numbers = {
        int(match[1]): path
        for stem, path in pictures_by_stem(folder).items()
        if (match := _NAME.fullmatch(stem))
    }
    if not numbers:
        raise UnusableFile(f"{folder}: no ukbench00000.jpg or the like in it")
    return Truth(
        tuple(
            TruthRow(path, f"{number // 4:04d}", "both", source="UKBench")
            for number, path in sorted(numbers.items())
        )
    )


LAYOUT = Layout("ukbench", read, ("ukbench", "manifest"))

"""What a run of indexing reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kpsearch.images import escape_path
from kpsearch.types import Reject

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how many pictures are done, and of how many."""


@dataclass(slots=True)
class IndexReport:
    """What a run of `build_index` did."""

    generation: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    pruned: int = 0
    """Dropped, because their files are gone."""
    still_rejected: int = 0
    """Rejected by an earlier run, for a reason that lies in the file, and not changed since."""
    categories_unused: int = 0
    """Categories given for paths that are not among the pictures."""
    keypoints: int = 0
    without_features: int = 0
    words: int = 0
    rejects: list[Reject] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(path, what was odd about it) of pictures that were accepted all the same."""
    seconds: dict[str, float] = field(default_factory=dict)


def reject_line(reject: Reject) -> str:
    """How a reject is shown on a terminal."""
    return f"rejected {escape_path(reject.path)}: {reject.code}: {reject.text}"

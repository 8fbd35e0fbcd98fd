"""The stages of a query as they run: timed, and explained in a line each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kpsearch.types import CategoryOutcome, Stage


@dataclass(slots=True)
class StageLog:
    """Collects the stages of one query as they run."""

    stages: list[Stage] = field(default_factory=list)
    verified_images: int = 0
    """Set by the stage that verifies."""
    category: CategoryOutcome | None = None
    """Set where a query is about a category."""

    @contextmanager
    def stage(self, name: str) -> Iterator[StageNote]:
        """Time a stage; call what is yielded with the line that explains it."""
        note = StageNote()
        started = time.perf_counter()
        yield note
        spent = (time.perf_counter() - started) * 1000
        self.stages.append(Stage(name, spent, note.detail))


@dataclass(slots=True)
class StageNote:
    """Takes the line that explains a stage."""

    detail: str = ""

    def __call__(self, detail: str) -> None:
        """Set it; the last one counts."""
        self.detail = detail

"""What the page shows: answers, with the pictures that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kpsearch.types import Answer, Hit, ImageSize


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture ready to be shown."""

    source: str
    """Address relative to the page, or a data URI."""
    size: ImageSize
    alt: str
    """What a reader who cannot see it is told."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands where a picture would, if it could still be read."""

    reason: str


Shown = Picture | Missing


@dataclass(frozen=True, slots=True, eq=False)
class HitView:
    """One row in the table of hits."""

    hit: Hit
    thumbnail: Shown
    right: bool | None = None
    """Whether this is what the query shows; None where nobody knows."""


@dataclass(frozen=True, slots=True, eq=False)
class AnswerView:
    """One card of the page."""

    answer: Answer
    thumbnail: Shown
    matches: tuple[Shown, ...]
    """Match pictures of the best verified hits."""
    hits: tuple[HitView, ...]
    right: bool | None = None
    """Whether the answer is the right one; None where nobody knows."""

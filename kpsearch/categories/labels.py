"""What a picture can be labelled with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SEPARATOR = "/"
"""Between a category and one within it: ``Packages/Milk`` is within ``Packages``."""


class Label(NamedTuple):
    """What a classifier tells apart: a category, or a subcategory of one."""

    category: str
    """What the search is restricted by."""
    subcategory: str = ""
    """A finer class, for the training; empty where there is none."""

    def __str__(self) -> str:
        return f"{self.category} : {self.subcategory}" if self.subcategory else self.category


def categories_of(labels: Iterable[Label]) -> tuple[str, ...]:
    """The distinct categories, in the order in which they come first."""
    return tuple(dict.fromkeys(label.category for label in labels))


def related(a: str, b: str) -> bool:
    """Whether two categories are one, or one is within the other."""
    return a == b or _within(a, b) or _within(b, a)


def _within(inner: str, outer: str) -> bool:
    return inner.startswith(outer + SEPARATOR)

"""What a file of the corpus must get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True)
class Case:
    """A file and its outcome."""

    path: str
    code: str = ""
    """Of the reject; empty for a picture that is accepted."""
    size: tuple[int, int] = (64, 48)
    """Width and height of an accepted picture, upright."""
    frames: int = 1
    warned: bool = False

    def at(self, path: str) -> Case:
        """The same outcome for the file at ``path``."""
        return replace(self, path=path)


class Made(NamedTuple):
    """Name and content of a file, and its outcome."""

    name: str | bytes
    data: bytes
    case: Case


def bad(name: str | bytes, data: bytes, code: str) -> Made:
    """A file that is rejected."""
    return Made(name, data, Case("", code))


def good(name: str | bytes, data: bytes, **outcome: object) -> Made:
    """A file that is accepted."""
    return Made(name, data, Case("", **outcome))

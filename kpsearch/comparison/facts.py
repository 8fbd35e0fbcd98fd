"""What a run costs: milliseconds a query and bytes an image, where somebody says so."""

from __future__ import annotations

import json
import os
import reprlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kpsearch.errors import UnusableFile, UsageError


@dataclass(frozen=True, slots=True)
class Facts:
    """The costs of a run; None where unknown."""

    milliseconds: float | None = None
    """Of a query, from the picture's file to the ranking."""
    bytes_per_image: float | None = None
    """Of the index, for each reference."""

    def updated(self, other: Facts) -> Facts:
        """These, but what ``other`` knows as it says."""
        return Facts(
            self.milliseconds if other.milliseconds is None else other.milliseconds,
            self.bytes_per_image if other.bytes_per_image is None else other.bytes_per_image,
        )


def total(facts: Iterable[Facts]) -> Facts:
    """The costs of running all of them; unknown as soon as one is."""
    known = list(facts)
    return Facts(
        _sum([fact.milliseconds for fact in known]),
        _sum([fact.bytes_per_image for fact in known]),
    )


def facts_beside(path: str) -> Facts:
    """What ``kpsearch evaluate --json`` wrote beside a run, in a file of the same stem.

    The milliseconds are the sum of the median of each stage. No such file, no facts; raises
    `UnusableFile` for one that is there and is not of that kind.
    """
    beside = os.path.splitext(path)[0] + ".json"
    try:
        with open(beside, encoding="utf-8") as file:
            measures = json.load(file)
    except FileNotFoundError:
        return Facts()
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableFile(f"{beside}: cannot be read as JSON: {error}; {_ADVICE}") from error
    if not isinstance(measures, dict):
        raise UnusableFile(f"{beside}: is no JSON object; {_ADVICE}")
    stages, size = measures.get("timings_ms"), measures.get("bytes_per_image")
    if stages is not None and not isinstance(stages, dict):
        raise UnusableFile(
            f"{beside}: timings_ms is {reprlib.repr(stages)}, not milliseconds by stage; {_ADVICE}"
        )
    try:
        return Facts(
            _cost(sum(_cost(ms, "timings_ms") for ms in stages.values()), "timings_ms")
            if stages
            else None,
            None if size is None else _cost(size, "bytes_per_image"),
        )
    except ValueError as error:
        raise UnusableFile(f"{beside}: {error}; {_ADVICE}") from error


_ADVICE = "it lies beside a run, where kpsearch evaluate --json would; move it away"


def parse_facts(text: str) -> tuple[str, Facts]:
    """The run's name and its costs, from ``NAME:ms=12.5,bytes=2048``; either may be left out."""
    name, _, costs = text.rpartition(":")
    given: dict[str, float] = {}
    for part in costs.split(","):
        key, _, value = part.partition("=")
        if key.strip() not in ("ms", "bytes") or key.strip() in given:
            raise UsageError(f"--facts {text}: say NAME:ms=MILLISECONDS,bytes=BYTES")
        try:
            given[key.strip()] = _cost(float(value), key.strip())
        except ValueError as error:
            raise UsageError(f"--facts {text}: {error}") from None
    if not name:
        raise UsageError(f"--facts {text}: name the run before the colon")
    return name, Facts(given.get("ms"), given.get("bytes"))


def _cost(value: Any, key: str) -> float:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not 0 <= value <= sys.float_info.max:  # whole numbers of JSON have no bound
        raise ValueError(f"{key} is {reprlib.repr(value)}; a number from 0 up is wanted")
    return float(value)


def _sum(values: Iterable[float | None]) -> float | None:
    known = list(values)
    return None if None in known else float(sum(value or 0.0 for value in known))

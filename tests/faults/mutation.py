"""What may become of a mutant, over blocks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.corpus.mutants import mutant
from tests.faults.reader import Outcome, read_mutants

CODES = frozenset(
    {
        "empty_file",
        "not_an_image",
        "unsupported_format",
        "too_many_pixels",
        "too_small",
        "corrupt_data",
        "decode_failed",
        "out_of_memory",
    }
)
"""What a regular file of less than 64 MiB may be rejected with."""
BLOCK = 250
MIN_SIDE, MAX_SIDE, MAX_PIXELS = 16, 30_000, 100_000_000


@dataclass
class Mutation:
    """The counts of a run, and everything that should not have happened."""

    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    slowest: str = ""


def run_mutants(
    count: int, *, seed: int, limit_s: int, progress: Callable[[int], None] = lambda _: None
) -> Mutation:
    """Read ``count`` mutants, a process a block; one that takes longer than the limit is killed."""
    result = Mutation()
    for first in range(0, count, BLOCK):
        run = read_mutants(seed, first, min(first + BLOCK, count), limit_s=limit_s)
        if run.stderr:
            result.faults.append(f"leaked on stderr from {first} on: {run.stderr[:500]}")
        for number, outcome in sorted(run.outcomes.items()):
            name = mutant(seed, number)[0]
            result.codes[outcome.code or "accepted"] += 1
            if (fault := fault_of(outcome)) is not None:
                result.faults.append(f"{name}: {fault}")
            if outcome.seconds > result.slowest_s:
                result.slowest_s, result.slowest = outcome.seconds, name
        progress(min(first + BLOCK, count))
    return result


def fault_of(outcome: Outcome) -> str | None:
    """What is wrong with an outcome; None for a sane picture and for a reject."""
    if outcome.code:
        return None if outcome.code in CODES and outcome.text else outcome.code
    width, height = outcome.size
    if tuple(outcome.shape) != (height, width):
        return f"{width} x {height} pixels said, {outcome.shape} given"
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        return f"{width} x {height} pixels"
    return None if width * height <= MAX_PIXELS else f"{width} x {height} pixels"

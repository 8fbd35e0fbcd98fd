"""The figures of large catalogues as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from dedup_bench.scale.running import ScaleFigures
from kpsearch.evaluation import format_table


def scale_tables(figures: Sequence[ScaleFigures]) -> str:
    """A column a catalogue, and how each grows from the one before."""
    headers = ["", *(f"{each.pictures:,} pictures" for each in figures)]
    stages = list(dict.fromkeys(stage for each in figures for stage in each.seconds))
    kinds = list(dict.fromkeys(kind for each in figures for kind in each.recall))
    rows: list[Sequence[str | None]] = [
        ["keypoints", *(f"{each.keypoints:,}" for each in figures)],
        ["words", *(f"{each.words:,}" for each in figures)],
        ["index, MB", *(f"{each.index_mb:,.0f}" for each in figures)],
        *([f"{s}, s", *(_or_none(each.seconds.get(s), ".1f") for each in figures)] for s in stages),
        ["all of the job, s", *(f"{each.total_s:.1f}" for each in figures)],
        ["times the one before", *_growth(figures)],
        ["of processors, s", *(f"{each.cpu_s:.1f}" for each in figures)],
        ["peak memory, MB", *(f"{each.peak.resident_mb:,.0f}" for each in figures)],
        ["without mapped files, MB", *(f"{each.peak.own_mb:,.0f}" for each in figures)],
        ["pairs looked at", *(f"{each.candidates:,}" for each in figures)],
        ["pairs verified", *(f"{each.verified:,}" for each in figures)],
        *(
            [f"recall, {kind}", *(_or_none(each.recall.get(kind), ".3f") for each in figures)]
            for kind in kinds
        ),
        ["verified, nothing in common", *(str(each.unrelated) for each in figures)],
        ["(index written, s)", *(f"{each.written_s:.1f}" for each in figures)],
    ]
    return format_table(headers, rows, align="l" + "r" * len(figures))


def _or_none(value: float | None, form: str) -> str | None:
    return None if value is None else format(value, form)


def _growth(figures: Sequence[ScaleFigures]) -> list[str | None]:
    ratios = [f"{now.total_s / before.total_s:.1f}" for before, now in pairwise(figures)]
    return [None, *ratios]

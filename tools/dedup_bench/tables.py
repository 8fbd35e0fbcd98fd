"""The figures of a set as text, and its errors as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from dedup_bench.engine import Judgement
from dedup_bench.figures import NOT_FOUND, Recalls, SetFigures
from dedup_bench.labelled import DIFFERENT, LOOK_ALIKE, LabelledPair, LabelledSet
from dedup_bench.measures import PRECISIONS
from kpsearch.dedup.records import Relation
from kpsearch.evaluation import format_table
from kpsearch.synthetic.copies import IGNORE


def set_tables(found: SetFigures) -> str:
    """All tables of a set."""
    seconds = ", ".join(f"{stage} {spent:.1f}" for stage, spent in found.seconds.items())
    parts = [
        f"{found.name}: {found.pictures} pictures, {found.duplicates} pairs to merge",
        _methods(found),
        "",
        "recall where all pairs are ranked, at the threshold of 90% / 99% precision",
        _recalls(found.kinds, list(found.methods)),
        "",
        "within reach, at 99% precision",
        _reach(found),
        "",
        "relations, true by told",
        _confusion(found),
        "",
        *_told(found),
        f"seconds: {seconds}",
    ]
    return "\n".join(parts)


def _methods(found: SetFigures) -> str:
    headers = ["method", "micro-AP", *(f"recall at {p:.0%}" for p in PRECISIONS)]
    rows = [
        [name, f"{m.micro_ap:.3f}", *(f"{recall:.3f}" for recall in m.recall)]
        for name, m in found.methods.items()
    ]
    return format_table(headers, rows)


def _recalls(kinds: Mapping[str, Recalls], methods: Sequence[str]) -> str:
    rows = [
        [name, str(each.pairs), *(_slashed(each.recall[method]) for method in methods)]
        for name, each in kinds.items()
    ]
    return format_table(
        ["transformation", "pairs", *methods], rows, align="lr" + "r" * len(methods)
    )


def _slashed(shares: Iterable[float]) -> str:
    return " / ".join(f"{share:.2f}" for share in shares)


def _reach(found: SetFigures) -> str:
    rows = [
        [name, str(each.pairs), *(f"{each.recall[method][-1]:.3f}" for method in found.methods)]
        for name, each in found.reach.items()
    ]
    return format_table(["pairs that are", "pairs", *found.methods], rows)


def _confusion(found: SetFigures) -> str:
    """Rows and columns in the order of `Relation`; no column that is empty."""
    confusion = found.relations.confusion
    order = [*(relation.value for relation in Relation), LOOK_ALIKE, DIFFERENT, IGNORE, NOT_FOUND]
    told = [name for name in order if any(name in row for row in confusion.values())]
    rows = [
        [name, *(str(confusion[name].get(column, 0)) for column in told)]
        for name in order
        if name in confusion
    ]
    return format_table(["true", *told], rows)


def _told(found: SetFigures) -> list[str]:
    said = found.relations
    return [
        f"merged as it is: {said.accepted} pairs, {_percent(said.accepted_right, said.accepted)} "
        f"right, recall {said.recall_of_accepted:.3f}",
        f"in groups: {said.grouped} pairs, {_percent(said.grouped_right, said.grouped)} right",
        f"variants and look-alikes merged: {said.variants_merged:.1%}; with a relation that "
        f"merges: {said.variants_called_duplicates:.1%}",
        f"duplicates called variants: {said.duplicates_called_variants:.1%}",
        f"insufficient evidence: {said.insufficient} pairs",
    ]


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "none"


ERROR_COLUMNS = ("path_a", "path_b", "true", "transformation", "strength", "told", "log_odds")


def errors_text(truth: LabelledSet, judgement: Judgement) -> str:
    """As CSV: pairs merged that should not be, the surest first, then pairs missed.

    What is ignored is neither.
    """
    listed = {(pair.a, pair.b): pair for pair in truth.pairs}
    told = {(pair.a, pair.b): pair for pair in judgement.pairs}
    merged = {
        (pair.a, pair.b): -pair.log_odds
        for pair, accepted in zip(judgement.pairs, judgement.accepted, strict=True)
        if accepted
    }
    wrong = [key for key in merged if key not in listed or not _is_right(listed[key])]
    missed = [key for key, pair in listed.items() if pair.merges and key not in merged]
    sheet = io.StringIO()
    rows = csv.writer(sheet, lineterminator="\n")
    rows.writerow(ERROR_COLUMNS)
    for a, b in [*sorted(wrong, key=merged.__getitem__), *missed]:
        true, found = listed.get((a, b)), told.get((a, b))
        rows.writerow(
            (
                *(truth.paths[a], truth.paths[b]),
                *(
                    (true.relation, true.transformation, true.strength)
                    if true
                    else (DIFFERENT, "", "")
                ),
                *((found.relation, f"{found.log_odds:.2f}") if found else (NOT_FOUND, "")),
            )
        )
    return sheet.getvalue()


def _is_right(pair: LabelledPair) -> bool:
    return pair.merges or pair.relation == IGNORE

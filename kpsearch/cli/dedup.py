"""``kpsearch dedup``: which pictures of a catalogue show the same thing, and what people decide."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import index_option, jobs_option, json_flag

if TYPE_CHECKING:
    from kpsearch.dedup.job import Outcome
    from kpsearch.dedup.report import Report

FOUND = 8
"""Exit status: there are duplicates."""
SHOWN = 20
"""Groups on the terminal; all are in the report."""

decisions_option = click.option(
    "--decisions",
    metavar="FILE",
    help="CSV of what people have decided.  [default: INDEX.decisions.csv, beside the index]",
)


@click.group(invoke_without_command=True, subcommand_metavar="[decide]")
@index_option
@click.option(
    "--against",
    metavar="INDEX2",
    help="Compare with the pictures of this index, instead of with each other.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="REPORT",
    help="Folder of the report, and of what an unfinished run has done.  [default: INDEX.dedup]",
)
@click.option(
    "--precision",
    default=0.99,
    show_default=True,
    type=float,
    help="Share of the merged pairs that are to be right.",
)
@click.option(
    "--keep",
    default="largest",
    show_default=True,
    type=click.Choice(["largest", "oldest", "first", "sharpest"]),
    help="Which picture of a group to keep.",
)
@decisions_option
@click.option("--json-lines", is_flag=True, help="Write groups.jsonl, a group a line.")
@jobs_option
@json_flag
@click.pass_context
def dedup(ctx: click.Context, /, **given: Any) -> None:
    """Find the duplicates of a catalogue, and say what each pair is.

    Writes pairs.csv, groups.json and review.html to REPORT. Run again after an interrupt, it goes
    on where it was; run again with another --precision or --keep, or after `dedup decide`, it
    concludes anew from what it has found. Exit status 8 says that there are duplicates, 0 that
    there are none.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    from kpsearch.cli.output import print_json, progress_bars, require_folder_place
    from kpsearch.dedup.calibration import require_precision
    from kpsearch.dedup.decisions import default_path, read_decisions
    from kpsearch.dedup.job import Job
    from kpsearch.dedup.report import write_report
    from kpsearch.dedup.written import note_written, require_recorded
    from kpsearch.errors import UsageError
    from kpsearch.options import DedupOptions

    index = given["index"]
    folder = given["folder"] or _default_folder(index, given["against"])
    require_folder_place(folder)
    options = DedupOptions(require_precision(given["precision"]), given["keep"])
    if given["decisions"] is not None and not os.path.exists(given["decisions"]):
        raise UsageError(f"{given['decisions']}: there is no such file")
    decisions = read_decisions(given["decisions"] or default_path(index))
    require_recorded(folder, decisions)
    with (
        progress_bars() as progress,
        Job(
            index,
            os.path.join(folder, "job"),
            against=given["against"],
            n_jobs=given["jobs"],
            progress=progress,
        ) as job,
    ):
        outcome = job.conclude(options, decisions)
        report = write_report(
            folder,
            outcome,
            options,
            title=os.path.basename(os.path.abspath(index)),
            lines=given["json_lines"],
            n_jobs=given["jobs"],
            progress=progress,
        )
        note_written(folder)
        job.tidy()
    for warning in outcome.warnings:
        click.echo(f"kpsearch: {warning}", err=True)
    if given["as_json"]:
        print_json(report.summary)
    else:
        click.echo(describe(outcome, report))
    if outcome.found_duplicates:
        ctx.exit(FOUND)


def _refuse_options(ctx: click.Context) -> None:
    """`dedup -i X decide` would record for another index than X."""
    from kpsearch.errors import UsageError

    named = click.core.ParameterSource.COMMANDLINE
    given = [name for name in ctx.params if ctx.get_parameter_source(name) is named]
    if given:
        raise UsageError("options of `dedup decide` come after `decide`")


def _default_folder(index: str, against: str | None) -> str:
    beside = os.path.abspath(index)
    if against is None:
        return f"{beside}.dedup"
    return f"{beside}-against-{os.path.basename(os.path.abspath(against))}.dedup"


def describe(outcome: Outcome, report: Report) -> str:
    """What was found, as text."""
    from kpsearch.evaluation.table import format_table
    from kpsearch.images import escape_path

    lines = [f"{name + ':':<11}{escape_path(fact)}" for name, fact in report.told.items()]
    if outcome.groups:
        weakest = {(pair.a, pair.b): pair.confidence for pair in outcome.pairs}
        rows = [
            [
                str(len(group.members)),
                f"{weakest[group.weakest]:.3f}",
                escape_path(outcome.entries[group.keeper].path),
                ", ".join(escape_path(outcome.entries[n].path) for n in group.members[1:4])
                + (" …" if len(group.members) > 4 else ""),
            ]
            for group in outcome.groups[:SHOWN]
        ]
        lines += ["", format_table(["pictures", "weakest", "keep", "others"], rows, align="rrll")]
        if len(outcome.groups) > SHOWN:
            lines.append(f"and {len(outcome.groups) - SHOWN} more groups")
    return "\n".join([*lines, "", *(f"wrote {escape_path(path)}" for path in report.paths)])


@dedup.command()
@click.argument("files", nargs=-1, required=True, metavar="CSV...")
@index_option
@decisions_option
@json_flag
def decide(files: tuple[str, ...], index: str, decisions: str | None, as_json: bool) -> None:
    """Record what people have decided of pairs: same, variant or different.

    CSV is what the review page exports, or pairs.csv with its column "verdict" filled in. Decisions
    are kept by the content of the pictures, beside the index: they hold for a new index of the same
    pictures, are not asked again, and the confidence of other pairs learns from them.
    """
    from dataclasses import asdict

    from kpsearch.cli.output import print_json
    from kpsearch.dedup.decisions import default_path, filled_in, record
    from kpsearch.images import escape_path
    from kpsearch.index import Snapshot

    if decisions is None:
        Snapshot.open(index)  # under a mistyped name nobody would find them again
    path = decisions or default_path(index)
    given = [filled_in(file) for file in files]  # all are read before any is recorded
    for file, one in zip(files, given, strict=True):
        recorded = record(path, one)
        if as_json:
            print_json({"decisions": path, **asdict(recorded)})
        else:
            told = f"{recorded.new} new, {recorded.changed} changed, {recorded.known} known already"
            click.echo(f"{escape_path(file)}: {told}; kept in {escape_path(path)}")

"""``kpsearch evaluate``: how good is it on pictures with known answers?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import (
    chosen_features,
    chosen_vocabulary,
    feature_options,
    jobs_option,
)

if TYPE_CHECKING:
    from kpsearch.evaluation import Convention, Evaluation


@click.command()
@click.argument("manifest", metavar="MANIFEST.csv")
@click.option("--index", metavar="DIR", help="Keep the index here.  [default: a temporary one]")
@feature_options
@click.option("--no-verify", is_flag=True, help="Rank by score alone, without geometry.")
@click.option(
    "--weighting", default="likelihood", show_default=True, help="likelihood, hamming or tfidf."
)
@click.option("--keep-bursts", is_flag=True, help="Count every match of a repeated pattern.")
@click.option(
    "--ap",
    "convention",
    type=click.Choice(["rectangle", "trapezoid"]),
    default="rectangle",
    show_default=True,
    help="How average precision is integrated; trapezoid is Oxford's.",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the measures as JSON.")
@click.option("--run", "run_file", metavar="FILE", help="Write the rankings as a TREC run.")
@jobs_option
def evaluate(
    manifest: str,
    index: str | None,
    words: int | None,
    vocabulary: str | None,
    no_verify: bool,
    weighting: str,
    keep_bursts: bool,
    convention: Convention,
    json_file: str | None,
    run_file: str | None,
    jobs: int,
    **extraction: Any,
) -> None:
    """Index the references of a ground truth, run its queries and print how good that is.

    MANIFEST.csv has the columns path, instance, category, role (reference, query or both) and
    source.
    """
    import tempfile

    from kpsearch import evaluation
    from kpsearch.cli.output import print_reject, progress_bars
    from kpsearch.options import ScoringOptions, SearchOptions, VerificationOptions

    truth = evaluation.read_truth(manifest)
    with tempfile.TemporaryDirectory(prefix="kpsearch-") as scratch, progress_bars() as progress:
        result = evaluation.evaluate(
            truth,
            index or scratch,
            features=chosen_features(extraction, index or scratch),
            vocabulary=chosen_vocabulary(words, vocabulary),
            search=SearchOptions(
                scoring=ScoringOptions(weighting=weighting, remove_bursts=not keep_bursts),
                verification=None if no_verify else VerificationOptions(),
            ),
            convention=convention,
            n_jobs=jobs,
            progress=progress,
            on_reject=print_reject,
        )
    if json_file:
        with click.open_file(json_file, "w", atomic=True) as file:
            json.dump(result.to_json(), file, indent=1)
    if run_file:
        evaluation.write_run(run_file, result.run(), tag="kpsearch")
    click.echo(summary(result))


def summary(result: Evaluation) -> str:
    """The measures as tables."""
    from kpsearch.evaluation import format_table

    headers = ["source", "queries", "mAP", "recall@1", "recall@5", "N-S", "no match"]
    rows = [
        [
            name or "(no source)",
            s.queries,
            _figure(s.map),
            _figure(s.recall_at_1),
            _figure(s.recall_at_5),
            _figure(s.ns),
            s.no_match,
        ]
        for name, s in result.sources.items()
    ]
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in result.timings_ms.items())
    return "\n".join(
        [
            format_table(headers, rows, align="lrrrrrr"),
            "",
            f"median ms a query: {stages}",
            f"{result.bytes_per_image:.0f} bytes an image, "
            f"{result.bytes_per_keypoint:.2f} bytes a keypoint",
        ]
    )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"

"""``kpsearch evaluate``: how good is it on pictures with known answers?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import (
    chosen_embedding,
    chosen_features,
    chosen_search,
    chosen_vocabulary,
    embedding_options,
    feature_options,
    jobs_option,
    layout_options,
    search_options,
)

if TYPE_CHECKING:
    from kpsearch.evaluation import Convention, Evaluation


@click.command()
@click.argument("truth", metavar="MANIFEST.csv|FOLDER")
@layout_options
@click.option("--index", metavar="DIR", help="Keep the index here.  [default: a temporary one]")
@feature_options
@search_options
@embedding_options("embed-")
@click.option(
    "--scorer",
    metavar="NAME",
    default="likelihood",
    show_default=True,
    help="What ranks the images: likelihood, hamming, tfidf or asmk.",
)
@click.option(
    "--burstiness",
    metavar="NAME",
    help="How matches of a repeated pattern count: none, removal, within, between or both; asmk "
    "has its own way.  [default: removal]",
)
@click.option(
    "--no-grouping", is_flag=True, help="Let keypoints that repeat within the query vote each."
)
@click.option(
    "--ap",
    "convention",
    type=click.Choice(["rectangle", "trapezoid"]),
    help="How average precision is integrated.  [default: as the protocol has it]",
)
@click.option("--json", "json_file", metavar="FILE", help="Write the measures as JSON.")
@click.option("--run", "run_file", metavar="FILE", help="Write the rankings as a TREC run.")
@jobs_option
def evaluate(
    truth: str,
    layout: str,
    protocol: str | None,
    index: str | None,
    words: int | None,
    vocabulary: str | None,
    scorer: str,
    burstiness: str | None,
    no_grouping: bool,
    convention: Convention | None,
    json_file: str | None,
    run_file: str | None,
    jobs: int,
    **chosen: Any,
) -> None:
    """Index the references of a ground truth, run its queries and print how good that is.

    MANIFEST.csv has the columns path, instance, category, role (reference, query or both) and
    source. With --layout, FOLDER holds a public data set as it is distributed; docs/evaluation.md
    says where it comes from and what is measured on it.
    """
    import tempfile
    from dataclasses import replace

    from kpsearch import evaluation
    from kpsearch.cli.output import (
        print_reject,
        progress_bars,
        require_place,
        say_what_plays_no_part,
    )
    from kpsearch.errors import UsageError
    from kpsearch.options import ScoringOptions
    from kpsearch.scoring import BURSTINESS, SCORERS

    for output in (json_file, run_file):
        if output is not None:
            require_place(output)
    if index == "":
        raise UsageError("an empty path names no index; is a variable not set?")
    for registry, name in ((SCORERS, scorer), (BURSTINESS, burstiness)):
        if name is not None:
            registry.resolve(name)  # an unknown name is told before anything is indexed
    if scorer == "asmk" and burstiness is not None:
        raise UsageError("--burstiness has no effect with --scorer asmk; leave it out")
    if chosen_embedding(chosen) is not None and chosen["fuse"] is None:
        raise UsageError("the options --embed-... are of a model: --fuse MODEL.onnx")
    if chosen["category"] == "auto" and chosen["category_model"] is None and index is None:
        raise UsageError("a new index remembers no classifier: --category-model MODEL.onnx")
    data = evaluation.layout_of(layout)
    scoring = data.protocol(protocol)
    if convention is not None and json_file is None and not scoring.has_mean_ap:
        raise UsageError(f"protocol {scoring.name} prints no mAP for --ap; --json has one")
    pictures = data.load(truth)
    say_what_plays_no_part(pictures)
    with tempfile.TemporaryDirectory(prefix="kpsearch-") as scratch, progress_bars() as progress:
        result = evaluation.evaluate(
            pictures,
            index or scratch,
            features=chosen_features(chosen, index or scratch),
            vocabulary=chosen_vocabulary(words, vocabulary),
            search=replace(
                chosen_search(chosen),
                scoring=ScoringOptions(
                    scorer=scorer,
                    burstiness=burstiness or ScoringOptions().burstiness,
                    group_bursts=not no_grouping,
                ),
            ),
            protocol=scoring,
            embedding=chosen_embedding(chosen),
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
    """The measures as a table, and what they cost."""
    from kpsearch.evaluation import format_table

    first = result.measures[0]
    setups = any(measures.setup for measures in result.measures)
    headers = ["source", *(["setup"] if setups else []), "queries", *first.values, "no match"]
    rows = [
        [
            "(all)" if m.source is None else m.source or "(no source)",
            *([m.setup] if setups else []),
            m.queries,
            *map(_figure, m.values.values()),
            m.no_match,
        ]
        for m in result.measures
    ]
    names = 2 if setups else 1
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in result.timings_ms.items())
    return "\n".join(
        [
            format_table(headers, rows, align="l" * names + "r" * (len(headers) - names)),
            "",
            f"median ms a query: {stages}" if stages else "no query could be read",
            f"{result.bytes_per_image:.0f} bytes an image, "
            f"{result.bytes_per_keypoint:.2f} bytes a keypoint",
        ]
    )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"

"""``kpsearch query``: which items is this a picture of?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import index_option, json_flag

if TYPE_CHECKING:
    from kpsearch.search import Region
    from kpsearch.types import Answer


class RegionType(click.ParamType[Any]):
    """A rectangle, X,Y,W,H in pixels of the upright picture."""

    name = "X,Y,W,H"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Region:
        """Four whole numbers."""
        from kpsearch.search import Region

        if isinstance(value, Region):
            return value
        parts = str(value).split(",")
        if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
            self.fail(f"{value!r} is not X,Y,W,H in whole pixels", param, ctx)
        return Region(*(int(part) for part in parts))


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@index_option
@click.option(
    "-n", "limit", default=10, show_default=True, type=click.IntRange(1), help="Hits shown."
)
@click.option("--roi", "region", type=RegionType(), help="Ask about this rectangle of the picture.")
@click.option("--no-verify", is_flag=True, help="Rank by score alone, without geometry.")
@click.option("--explain", is_flag=True, help="Say what each stage did and how long it took.")
@click.option("--draw", metavar="DIR", help="Write a picture of each match, and a page of them.")
@json_flag
@click.pass_context
def query(
    ctx: click.Context,
    images: tuple[str, ...],
    index: str,
    limit: int,
    region: Region | None,
    no_verify: bool,
    explain: bool,
    draw: str | None,
    as_json: bool,
) -> None:
    """Find the indexed pictures that show what IMAGE shows."""
    from kpsearch.cli.output import print_json, print_reject, rejected_json
    from kpsearch.errors import ImageRejected
    from kpsearch.options import SearchOptions, VerificationOptions
    from kpsearch.search import Searcher
    from kpsearch.types import Reject

    searcher = Searcher.open(index)
    options = SearchOptions(limit=limit, verification=None if no_verify else VerificationOptions())
    answers: list[Answer] = []
    for image in images:
        try:
            answer = searcher.query(image, options, region=region)
        except ImageRejected as error:
            reject = Reject(error.path, error.code, error.text)
            print_reject(reject)
            if as_json:
                print_json(rejected_json(reject))
            continue
        answers.append(answer)
        _show(answer, as_json=as_json, explain=explain, checked=not no_verify)
    if draw is not None and answers:
        _draw(answers, draw, index, searcher)
    if len(answers) < len(images):
        ctx.exit(1)


def _show(answer: Answer, *, as_json: bool, explain: bool, checked: bool) -> None:
    from kpsearch.cli.output import hit_json, print_json

    if as_json:
        result = {
            "query": answer.query,
            "hits": [hit_json(hit) for hit in answer.hits],
            "no_match": checked and not answer.verified,
            "no_features": answer.keypoints == 0,
            "warnings": list(answer.warnings),
            "timings_ms": {name: round(ms, 3) for name, ms in answer.timings_ms.items()},
        }
        if explain:
            result["explain"] = {stage.name: stage.detail for stage in answer.stages}
        print_json(result)
        return
    click.echo(describe(answer, explain=explain, checked=checked))


def describe(answer: Answer, *, explain: bool, checked: bool) -> str:
    """An answer as text: what it means, a table of hits, and the stages if asked for."""
    from kpsearch.evaluation.table import format_table
    from kpsearch.images import escape_path

    lines = [f"{escape_path(answer.query)}: {_verdict(answer, checked)}"]
    if answer.hits:
        rows = [
            [
                hit.rank,
                f"{hit.score:.1f}",
                hit.inliers,
                "yes" if hit.verified else "no",
                hit.id,
                escape_path(hit.path),
            ]
            for hit in answer.hits
        ]
        headers = ["rank", "score", "inliers", "verified", "id", "image"]
        lines.append(format_table(headers, rows, align="rrrlrl"))
    if explain:
        stages = [[s.name, f"{s.milliseconds:.1f}", s.detail] for s in answer.stages]
        lines += ["", format_table(["stage", "ms", "what it did"], stages, align="lrl")]
    return "\n".join([*lines, ""])


def _verdict(answer: Answer, checked: bool) -> str:
    if answer.keypoints == 0:
        return "no_features: the picture has no keypoint to search by"
    if not answer.hits:
        return "nothing in the index is like it"
    if not checked:
        return "not verified by geometry"
    verified = answer.verified_images
    if not verified:
        return "no match: no hit is verified, these are the nearest"
    return f"{verified} verified match{'es' if verified > 1 else ''}"


def _draw(answers: list[Answer], folder: str, index: str, searcher: Any) -> None:
    from kpsearch.report import write_match_report

    page = write_match_report(
        folder,
        answers,
        title="Query results",
        index_facts={
            "index": index,
            "images": str(searcher.snapshot.images),
            "keypoints": str(searcher.snapshot.keypoints),
        },
    )
    click.echo(f"wrote {page}", err=True)

"""``kpsearch query``: which items is this a picture of?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kpsearch.cli.options import chosen_search, index_option, json_flag, search_options

if TYPE_CHECKING:
    from kpsearch.options import SearchOptions
    from kpsearch.search import Region, Searcher
    from kpsearch.types import Answer, Hit, Reject


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
@click.option("--roi", "region", type=RegionType(), help="Ask about this rectangle of one picture.")
@click.option(
    "--together", is_flag=True, help="All pictures show one thing: one answer for all of them."
)
@search_options
@click.option("--explain", is_flag=True, help="Say what each stage did and how long it took.")
@click.option("--draw", metavar="DIR", help="Write a picture of each match, and a page of them.")
@json_flag
@click.pass_context
def query(
    ctx: click.Context,
    /,
    images: tuple[str, ...],
    index: str,
    limit: int,
    region: Region | None,
    together: bool,
    explain: bool,
    draw: str | None,
    as_json: bool,
    **search: Any,
) -> None:
    """Find the indexed pictures that show what IMAGE shows."""
    from kpsearch.cli.output import print_json, print_reject, rejected_json
    from kpsearch.errors import UsageError
    from kpsearch.search import Searcher

    if region is not None and len(images) > 1:
        raise UsageError(f"--roi is of one picture, not of {len(images)}; ask about one at a time")
    searcher = Searcher.open(index)
    options = chosen_search(search, limit=limit)
    answers: list[Answer] = []
    asked: list[tuple[str, ...]] = [images] if together else [(image,) for image in images]
    rejected = 0
    for pictures in asked:
        answer, rejects = _ask(searcher, pictures, options, region)
        rejected += len(rejects)
        for reject in rejects:
            print_reject(reject)
            if as_json and answer is None:
                print_json(rejected_json(reject))
        if answer is not None:
            answers.append(answer)
            _show(answer, as_json=as_json, explain=explain)
    if draw is not None and answers:
        _draw(answers, draw, index, searcher)
    if rejected:
        ctx.exit(1)


def _ask(
    searcher: Searcher, pictures: tuple[str, ...], options: SearchOptions, region: Region | None
) -> tuple[Answer | None, list[Reject]]:
    """The answer to the pictures that can be used, None without any, and those that cannot."""
    from kpsearch.errors import ImageRejected
    from kpsearch.types import Reject

    usable, rejects = list(pictures), list[Reject]()
    while usable:
        try:
            if len(pictures) == 1:
                return searcher.query(usable[0], options, region=region), rejects
            return searcher.query_together(usable, options), rejects
        except ImageRejected as error:
            rejects.append(Reject(error.path, error.code, error.text))
            usable = [picture for picture in usable if picture != error.path]
    return None, rejects


def _show(answer: Answer, *, as_json: bool, explain: bool) -> None:
    from dataclasses import asdict

    from kpsearch.cli.output import hit_json, print_json

    if as_json:
        result = {
            "query": answer.query,
            "pictures": list(answer.pictures),
            "hits": [hit_json(hit) for hit in answer.hits],
            "no_match": not answer.matched,
            "no_features": answer.keypoints == 0,
            "warnings": list(answer.warnings),
            "timings_ms": {name: round(ms, 3) for name, ms in answer.timings_ms.items()},
        }
        if answer.category is not None:
            result["category"] = asdict(answer.category)
        if explain:
            result["explain"] = {stage.name: stage.detail for stage in answer.stages}
        print_json(result)
        return
    click.echo(describe(answer, explain=explain))


def describe(answer: Answer, *, explain: bool) -> str:
    """An answer as text: what it means, a table of hits, and the stages if asked for."""
    from kpsearch.evaluation.table import format_table
    from kpsearch.images import escape_path
    from kpsearch.search import in_words

    names = ", ".join(escape_path(picture) for picture in answer.pictures)
    lines = [f"{names}: {_verdict(answer)}"]
    if answer.category is not None:
        lines.append(escape_path(f"searched in {in_words(answer.category)}"))
    if answer.hits:
        columns = [
            ("rank", "r", [hit.rank for hit in answer.hits]),
            ("confidence", "r", [f"{hit.confidence:.3f}" for hit in answer.hits]),
            ("score", "r", [f"{hit.score:.1f}" for hit in answer.hits]),
            ("inliers", "r", [hit.inliers for hit in answer.hits]),
            ("verified", "l", ["yes" if hit.verified else "no" for hit in answer.hits]),
            ("id", "r", [hit.id for hit in answer.hits]),
            ("image", "l", [escape_path(hit.path) + _remark(hit) for hit in answer.hits]),
        ]
        if all(hit.cosine is not None for hit in answer.hits):
            columns.insert(5, ("cosine", "r", [f"{hit.cosine:.2f}" for hit in answer.hits]))
        headers, align, values = zip(*columns, strict=True)
        rows = [list(row) for row in zip(*values, strict=True)]
        lines.append(format_table(list(headers), rows, align="".join(align)))
    if explain:
        stages = [[s.name, f"{s.milliseconds:.1f}", s.detail] for s in answer.stages]
        lines += ["", format_table(["stage", "ms", "what it did"], stages, align="lrl")]
    return "\n".join([*lines, ""])


def _remark(hit: Hit) -> str:
    """What is unusual about how a hit was found."""
    if hit.via is not None:
        return f"  (through {hit.via})"
    return "  (mirrored)" if hit.verified and hit.mirrored else ""


def _verdict(answer: Answer) -> str:
    if answer.keypoints == 0 and not answer.hits:
        return "no_features: the picture has no keypoint to search by"
    if not answer.hits:
        return "nothing in the index is like it"
    if not answer.matched:
        return "no match: no hit is likely right, these are the nearest"
    likely = sum(hit.log_odds >= 0 for hit in answer.hits)
    return f"{likely} match{'es' if likely > 1 else ''}"


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

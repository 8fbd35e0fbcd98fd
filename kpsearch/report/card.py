"""One query on the page: its picture, its matches, the table of hits, where the time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpsearch.report.markup import (
    count,
    duration,
    escape_name,
    escape_text,
    name_cell,
    picture,
    truth_mark,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kpsearch.report.views import AnswerView, HitView
    from kpsearch.types import Stage


def answer_card(number: int, view: AnswerView) -> str:
    """The card of the ``number``-th query, an ``article``."""
    return f"""
<article class="card" id="query-{number}" aria-labelledby="name-{number}">
<div class="query">
{picture(view.thumbnail, "thumbnail")}
{_heading(number, view)}
</div>
<div class="findings">
{_matches(view)}
{_warnings(view.answer.warnings)}
{_hits(view.hits)}
{_stages(view.answer.stages)}
</div>
</article>"""


def status(view: AnswerView) -> str:
    """ "matched" or "no match", as the answer is."""
    return "matched" if view.answer.matched else "no match"


def _heading(number: int, view: AnswerView) -> str:
    answer, kind = view.answer, status(view)
    mark = truth_mark(view.right, yes="the right answer", no="not the right answer")
    width, height = answer.image_size
    facts = f"{width} &times; {height} pixels<br>{count(answer.keypoints, 'keypoint')}"
    return (
        f'<h2 id="name-{number}" title="{escape_name(answer.query)}">{name_cell(answer.query)}</h2>'
        f'<p class="status"><span class="badge {kind.replace(" ", "-")}">{kind}</span>{mark}</p>'
        f'<p class="facts">{facts}</p>'
    )


def _matches(view: AnswerView) -> str:
    if not view.answer.keypoints:
        return '<p class="note">No match: the picture has no keypoints to search by.</p>'
    note = "" if view.answer.matched else '<p class="note">No match: no hit is likely right.</p>'
    if not view.matches:
        return note
    shown = "\n".join(picture(match, "match") for match in view.matches)
    return f'{note}<div class="matches">{shown}</div>'


def _warnings(warnings: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escape_text(warning)}</p>' for warning in warnings)


def _hits(hits: Sequence[HitView]) -> str:
    if not hits:
        return ""
    rows = "\n".join(_row(view) for view in hits)
    return f"""<table>
<thead><tr><th scope="col" class="number">Rank</th><th scope="col" class="small">Picture</th>
<th scope="col">Item</th><th scope="col" class="number">Confidence</th>
<th scope="col" class="number">Score</th>
<th scope="col" class="number">Inliers</th><th scope="col">Verified</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>"""


def _row(view: HitView) -> str:
    hit = view.hit
    mark = truth_mark(view.right, yes="a right item", no="another item") if view.right else ""
    kind, verified = ("", "yes") if hit.verified else (' class="unverified"', "no")
    return (
        f'<tr{kind}><td class="number">{hit.rank}</td>'
        f'<td class="small">{picture(view.thumbnail, "tiny")}</td>'
        f'<td class="item" title="{escape_name(hit.path)}">'
        f"{name_cell(hit.path, after=mark, below=escape_text(hit.category))}</td>"
        f'<td class="number" data-label="Confidence">{hit.confidence:.3f}</td>'
        f'<td class="number" data-label="Score">{hit.score:.4g}</td>'
        f'<td class="number" data-label="Inliers">{hit.inliers}</td>'
        f'<td data-label="Verified">{verified}</td></tr>'
    )


def _stages(stages: Sequence[Stage]) -> str:
    """A bar with a part a stage, as long as its share of the time, and its legend."""
    if not stages:
        return ""
    total = duration(sum(stage.milliseconds for stage in stages))
    parts = "".join(
        f'<span style="flex-grow:{max(stage.milliseconds, 0):.3f}"></span>' for stage in stages
    )
    label = f"{total} in {count(len(stages), 'stage')}"
    return f"""<div class="stages">
<div class="bar" role="img" aria-label="{label}">{parts}</div>
<ul>{"".join(_stage(stage) for stage in stages)}<li class="total">{total} in all</li></ul>
</div>"""


def _stage(stage: Stage) -> str:
    return (
        f'<li title="{escape_text(stage.detail)}"><i></i>{escape_text(stage.name)} '
        f"<b>{duration(stage.milliseconds)}</b></li>"
    )

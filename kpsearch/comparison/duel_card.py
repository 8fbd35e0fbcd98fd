"""Wins and losses on the page: each query with the first hits of both runs."""

from __future__ import annotations

from kpsearch.comparison.examples import Duel, Example, Found
from kpsearch.report import Gallery
from kpsearch.report.markup import count, escape_name, escape_text, name_cell, picture, truth_mark


def duel_section(duel: Duel, gallery: Gallery) -> str:
    """The section of one run against the baseline, a ``section``."""
    run, baseline = escape_name(duel.run), escape_name(duel.baseline)
    figures = (
        f"<span><b>{duel.won:,}</b> better</span><span><b>{duel.lost:,}</b> worse</span>"
        f"<span><b>{duel.drawn:,}</b> the same</span>"
    )
    return f"""
<section class="duel">
<h2 class="title"><bdi>{run}</bdi> against <bdi>{baseline}</bdi>, query by query</h2>
<p class="figures">{figures}</p>
{_side(f"Where <bdi>{run}</bdi> is better", duel.wins, gallery)}
{_side(f"Where <bdi>{baseline}</bdi> is better", duel.losses, gallery)}
</section>"""


def _side(title: str, examples: tuple[Example, ...], gallery: Gallery) -> str:
    if not examples:
        return ""
    return f"<h3>{title}</h3>" + "\n".join(_card(example, gallery) for example in examples)


def _card(example: Example, gallery: Gallery) -> str:
    source = f'<p class="facts">{escape_text(example.source)}</p>' if example.source else ""
    return f"""
<article class="card">
<div class="query">
{picture(gallery.item(example.query), "thumbnail")}
<h2 title="{escape_name(example.query)}">{name_cell(example.query)}</h2>
{source}
</div>
<div class="sides">
{_found(example.ours, example.relevant, gallery)}
{_found(example.theirs, example.relevant, gallery)}
</div>
</article>"""


def _found(found: Found, relevant: frozenset[str], gallery: Gallery) -> str:
    hits = "".join(_hit(path, path in relevant, gallery) for path, _ in found.top)
    return (
        f'<div class="side"><p><b><bdi>{escape_name(found.run)}</bdi></b> '
        f'<span>AP {found.average_precision:.3f}</span> <span class="first">{_first(found)}</span>'
        f"</p><ol>{hits}</ol></div>"
    )


def _hit(path: str, right: bool, gallery: Gallery) -> str:
    kind = "right" if right else "wrong"
    mark = truth_mark(right, yes="a right item", no="another item")
    return (
        f'<li class="{kind}" title="{escape_name(path)}">'
        f"{picture(gallery.item(path), 'hit')}{mark}</li>"
    )


def _first(found: Found) -> str:
    """Where the first right picture is."""
    if found.first_right is not None:
        return f"first right one at rank {found.first_right:,}"
    return f"no right one in {count(found.hits, 'hit')}" if found.hits else "nothing found"

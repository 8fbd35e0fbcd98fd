"""The page as a file: what was done, the data, and the script that shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources

from kpsearch.dedup.records import Entry, Group, JudgedPair
from kpsearch.dedup.review.payload import (
    Payload,
    core_block,
    detail_blocks,
    gather,
    picture_blocks,
)
from kpsearch.dedup.review.selection import Selection, select
from kpsearch.dedup.review.stylesheet import STYLESHEET
from kpsearch.dedup.review.thumbnails import Thumbnails, thumbnail_side_px
from kpsearch.replacing import replacing
from kpsearch.report import render_document
from kpsearch.report.markup import count, escape_text, facts_list

_SCRIPTS = ("data.js", "decisions.js", "listing.js", "drawing.js", "review.js")
"""One script in this order: each needs those before it."""
_DATA = "<!-- data -->"
"""Stands for the data in the frame of the page; text that is escaped cannot be this."""


def write_review(
    path: str | os.PathLike[str],
    groups: Sequence[Group],
    *,
    pairs: Sequence[JudgedPair],
    entries: Sequence[Entry],
    thumbnails: Thumbnails,
    title: str,
    summary: Mapping[str, str],
) -> None:
    """Write the page, one HTML file that loads nothing, replacing a file already there.

    ``entries`` are all pictures of the job by number; ``summary`` says what was done, in the order
    to show: name of a fact -> its value. ``thumbnails`` is asked once, for each picture shown (of
    files of equal bytes for the first); `make_thumbnails`, given its options, is one. The
    thumbnails pass through, they are never in memory together. Of a job that is larger than
    anybody can review the page has a part, and says so. Equal input, equal bytes.

    Raises what ``thumbnails`` does, and as `replacing`.
    """
    payload = gather(select(groups, pairs, entries), entries)
    side_px = thumbnail_side_px(len(payload.thumbnails))
    shown = [entries[number] for number in payload.thumbnails]
    frame = render_document(
        title,
        header="\n".join([facts_list(summary), _figures(groups, entries, payload.selection)]),
        main=_MAIN + _DATA,
        style=STYLESHEET,
        script=_script(),
    )
    before, after = frame.split(_DATA)
    with replacing(path) as file:
        file.write(before.encode())
        for block in _blocks(payload, side_px):
            file.write(block.encode("ascii"))
        for block in picture_blocks(thumbnails(shown, side_px)):
            file.write(block.encode("ascii"))
        file.write(after.encode())


def _blocks(payload: Payload, side_px: int) -> Iterator[str]:
    yield core_block(payload, side_px)
    yield from detail_blocks(payload)


def _script() -> str:
    """The files of the package as one script, whose names stay its own."""
    folder = resources.files(__package__)
    parts = [folder.joinpath(name).read_text("utf-8") for name in _SCRIPTS]
    return "\n(() => {\n" + "\n".join(parts) + "})();\n"


def _figures(groups: Sequence[Group], entries: Sequence[Entry], selection: Selection) -> str:
    """What was found, in one line, and in one more what of it is not on the page."""
    spare = [number for group in groups for number in group.members[1:]]
    megabytes = sum(entries[number].size_bytes for number in spare) / 1e6
    parts = [
        count(len(groups), "group"),
        f"{count(len(spare), 'picture')} to spare",
        f"{megabytes:,.1f} MB in them",
        f"{count(len(selection.singles) + selection.more_pairs, 'pair')} not merged",
    ]
    spans = "".join("<span><b>{}</b> {}</span>".format(*part.split(" ", 1)) for part in parts)
    return f'<p class="figures">{spans}</p>{_left_out(selection)}'


def _left_out(selection: Selection) -> str:
    left = [
        *([count(selection.more_groups, "group")] if selection.more_groups else []),
        *([count(selection.more_pairs, "pair")] if selection.more_pairs else []),
    ]
    if not left:
        return ""
    text = (
        f"This page shows what is most in need of a decision; {' and '.join(left)} had no room."
        " All pairs are in pairs.csv, all groups in groups.json."
    )
    return f'<p class="note">{escape_text(text)}</p>'


_MAIN = """\
<noscript><p class="note">This page needs JavaScript, its own and no other, to show pictures and
take decisions. The tables beside it have all that was found.</p></noscript>
<form class="tools" id="tools" hidden aria-label="What to show">
<label>Show <select id="kind"><option value="">groups and pairs</option>
<option value="group">groups</option><option value="pair">pairs not merged</option></select></label>
<label>Relation <select id="relation"><option value="">any</option></select></label>
<span class="range"><label for="low">Confidence</label>
<input id="low" type="number" min="0" max="100" step="any" value="0">
<label for="high">to</label>
<input id="high" type="number" min="0" max="100" step="any" value="100"> %</span>
<label>Decided <select id="decided"><option value="">or not</option>
<option value="no">not yet</option><option value="yes">yes</option></select></label>
<label class="search">Path <input id="text" type="search" placeholder="contains"
 autocomplete="off" spellcheck="false"></label>
<label>Order <select id="order"><option value="">as found</option>
<option value="doubt">most doubtful first</option><option value="sure">surest first</option>
<option value="size">largest first</option><option value="path">by path</option></select></label>
<span class="actions"><button type="button" id="difference" aria-pressed="true"
 aria-keyshortcuts="x">Differences</button>
<button type="button" id="undo" aria-keyshortcuts="u" disabled>Undo</button>
<button type="button" id="export" aria-keyshortcuts="e" disabled>Export decisions</button>
<button type="button" id="help" aria-keyshortcuts="?">Keys</button></span>
</form>
<p class="count" id="count">Loading&hellip;</p>
<p class="visually-hidden" id="said" role="status"></p>
<div id="cards"></div>
<nav class="pages" id="pages" aria-label="Pages" hidden>
<button type="button" id="back">Back</button><span id="place"></span>
<button type="button" id="forward">Forward</button></nav>
<dialog id="keys" aria-labelledby="keys-title"><h2 id="keys-title">Keys</h2>
<dl>
<div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous pair</dd></div>
<div><dt><kbd>s</kbd></dt><dd>same: one of the two is enough</dd></div>
<div><dt><kbd>v</kbd></dt><dd>variant: one design, another product</dd></div>
<div><dt><kbd>d</kbd></dt><dd>different</dd></div>
<div><dt><kbd>u</kbd></dt><dd>undo the last decision</dd></div>
<div><dt><kbd>x</kbd></dt><dd>differences and outlines on or off</dd></div>
<div><dt><kbd>/</kbd></dt><dd>search the paths</dd></div>
<div><dt><kbd>e</kbd></dt><dd>export the decisions</dd></div>
<div><dt><kbd>?</kbd></dt><dd>this help</dd></div>
</dl>
<p>A decision leads to the next pair that has none. Where two pictures differ is tinted; a frame
shows where one lies in the other. Decisions stay in this browser until they are exported: give the
file to <code>kpsearch dedup decide</code>.</p>
<form method="dialog"><label><input type="checkbox" id="keys-on" checked> single keys work</label>
<button>Close</button></form></dialog>
"""

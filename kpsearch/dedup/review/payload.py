"""The data of the page: compact JSON in blocks that a browser reads, and does not run.

``core`` has what filters and sorting need; ``details-N`` what is drawn of a pair, ``pictures-N``
the thumbnails, each a list that is parsed when one of its rows is shown. Rows are arrays, the order
of their columns is that of `_picture`, `_pair`, `_group` and `_detail` here and of ``data.js``.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import xxhash

from kpsearch.dedup.records import Entry, JudgedPair, Relation, Verdict
from kpsearch.dedup.review.overlays import outlines, run_lengths
from kpsearch.dedup.review.selection import GroupCard, Selection, same_bytes
from kpsearch.dedup.review.thumbnails import Thumbnail
from kpsearch.images import escape_path
from kpsearch.report import Missing

DETAILS_A_BLOCK = 64
PICTURES_A_BLOCK = 32
_SURE = 1e6
"""Log-odds that stand for certainty."""
_RELATIONS = tuple(Relation)
_VERDICTS = (None, *Verdict)


@dataclass(frozen=True, slots=True)
class Payload:
    """What the blocks are made of: pictures and pairs by their rows on the page."""

    selection: Selection
    entries: Sequence[Entry]
    pictures: tuple[int, ...]
    """Number of each picture shown, in the order shown."""
    thumbnails: tuple[int, ...]
    """Number of the first picture of each content shown: files of equal bytes share one."""
    pairs: tuple[JudgedPair, ...]
    """Those of the groups, then those in none."""


def gather(selection: Selection, entries: Sequence[Entry]) -> Payload:
    """The pictures and pairs that ``selection`` shows, each once."""
    singles = [single.pair for single in selection.singles]
    pairs = [link for card in selection.groups for link in card.links] + singles
    members = [member for card in selection.groups for member in card.members]
    ends = [end for pair in pairs for end in (pair.a, pair.b)]
    pictures = tuple(dict.fromkeys(members + ends))
    first: dict[bytes, int] = {}
    for picture in pictures:
        first.setdefault(entries[picture].content_hash, picture)
    return Payload(selection, entries, pictures, tuple(first.values()), tuple(pairs))


def core_block(payload: Payload, side_px: int) -> str:
    """The block ``core``, with the id under which the browser keeps what a person decides.

    The id follows from the pictures and the pairs, so that a page made again goes on where the
    one before it was left.
    """
    entries, selection = payload.entries, payload.selection
    row_of = {picture: row for row, picture in enumerate(payload.pictures)}
    contents = [entries[first].content_hash for first in payload.thumbnails]
    thumbnail_of = {content: row for row, content in enumerate(contents)}
    first_row = 0
    groups = []
    for card in selection.groups:
        groups.append(_group(card, row_of, first_row))
        first_row += len(card.links)
    core = {
        "relations": _RELATIONS,
        "merging": [relation.merges for relation in _RELATIONS],
        "verdicts": _VERDICTS,
        "evidence": _evidence_names(payload.pairs),
        "sidePx": side_px,
        "detailsABlock": DETAILS_A_BLOCK,
        "picturesABlock": PICTURES_A_BLOCK,
        "pictures": [
            _picture(entries[number], thumbnail_of[entries[number].content_hash])
            for number in payload.pictures
        ],
        "pairs": [_pair(pair, row_of, same_bytes(pair, entries)) for pair in payload.pairs],
        "groups": groups,
        "firstSingle": first_row,
        "leftOutOf": [[place + 1 for place in one.left_out_of] for one in selection.singles],
    }
    report = xxhash.xxh3_64_hexdigest(_json(core).encode())
    return _block("core", {"report": report, **core})


def detail_blocks(payload: Payload) -> Iterator[str]:
    """The blocks ``details-N``."""
    names = _evidence_names(payload.pairs)
    rows = (_detail(pair, names, payload.entries) for pair in payload.pairs)
    return _blocks("details", rows, DETAILS_A_BLOCK)


def picture_blocks(thumbnails: Iterable[Thumbnail]) -> Iterator[str]:
    """The blocks ``pictures-N``: base64 of a file, or "!" and why there is none."""
    rows = (
        f"!{thumbnail.reason}"
        if isinstance(thumbnail, Missing)
        else base64.b64encode(thumbnail).decode("ascii")
        for thumbnail in thumbnails
    )
    return _blocks("pictures", rows, PICTURES_A_BLOCK)


def _picture(entry: Entry, thumbnail: int) -> list[Any]:
    """The name to show is there where it is not that of the file."""
    shown = escape_path(entry.path)
    row = [entry.path, *entry.size, entry.size_bytes, entry.content_hash.hex(), thumbnail]
    return row if shown == entry.path else [*row, shown]


def _pair(pair: JudgedPair, row_of: dict[int, int], same: bool) -> list[Any]:
    return [
        row_of[pair.a],
        row_of[pair.b],
        _RELATIONS.index(pair.relation),
        _short(min(max(pair.log_odds, -_SURE), _SURE)),
        _VERDICTS.index(pair.verdict),
        int(same),
    ]


def _group(card: GroupCard, row_of: dict[int, int], first_pair: int) -> list[Any]:
    """The pairs of groups follow one another, so that their first and their number say which."""
    return [
        [row_of[member] for member in card.members],
        first_pair,
        len(card.links),
        next(
            (i for i, link in enumerate(card.links) if (link.a, link.b) == card.group.weakest), -1
        ),
        card.more_members,
        card.more_links,
        len(card.group.left_out),
    ]


def _detail(pair: JudgedPair, names: Sequence[str], entries: Sequence[Entry]) -> list[Any]:
    grids = pair.difference
    return [
        pair.note,
        [_short(pair.evidence.get(name, math.nan)) for name in names],
        *outlines(pair, entries[pair.a], entries[pair.b]),
        *(("", "") if grids is None else (run_lengths(grids.a), run_lengths(grids.b))),
    ]


def _evidence_names(pairs: Iterable[JudgedPair]) -> list[str]:
    return sorted({name for pair in pairs for name in pair.evidence})


def _short(figure: float) -> float | None:
    """Four digits of a figure; what JSON has no number for is null."""
    return float(f"{figure:.4g}") if math.isfinite(figure) else None


def _blocks(name: str, rows: Iterable[Any], size: int) -> Iterator[str]:
    waiting, number = iter(rows), 0
    while some := list(islice(waiting, size)):
        yield _block(f"{name}-{number}", some)
        number += 1


def _block(name: str, value: Any) -> str:
    return f'<script type="application/json" id="{name}">{_json(value)}</script>\n'


def _json(value: Any) -> str:
    """ASCII without "<", so that no name can end the block that it is in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")

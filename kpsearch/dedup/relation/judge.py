"""From a verified pair and its two pictures to what they are to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.records import Entry, JudgedPair, Relation, VerifiedPair
from kpsearch.dedup.relation.coverage import Content, content_of, covered, fill, pose
from kpsearch.dedup.relation.decision import (
    EXACT_LOG_ODDS,
    MOST_LOG_ODDS,
    camera,
    log_odds,
    named,
)
from kpsearch.dedup.relation.difference import difference_map
from kpsearch.dedup.relation.figures import compared, content_figures, track_figures
from kpsearch.dedup.relation.notes import note_of
from kpsearch.dedup.relation.opening import opened
from kpsearch.dedup.relation.overlay import scaling
from kpsearch.dedup.relation.registration import Registered, register
from kpsearch.errors import ImageRejected
from kpsearch.geometry import inverse, projected_outline
from kpsearch.images import read_image
from kpsearch.types import ImageSize

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.types import Image

    Homography = npt.NDArray[np.float64]

PLAIN_SHARE = 0.04
"""Of a picture's pixels that differ from their neighbour: with fewer it has no texture."""


def judge_pair(pair: VerifiedPair, a: Entry, b: Entry) -> JudgedPair:
    """What picture a is to picture b; opens both, which are kept open for the pairs to come.

    A file that cannot be read, or has changed, is insufficient evidence, and the note says why.
    Pairs of one content are expected to be settled before. About 0.1 s.
    """
    try:
        image_a, image_b = opened(a), opened(b)
    except ImageRejected as rejected:
        return _unread(pair, rejected)
    if same_pixels(image_a, image_b) and _whole_pixels_equal(image_a, image_b):
        return _exact(pair)
    return compare(image_a, image_b, pair)


def judge_hash_pair(a: Entry, b: Entry) -> JudgedPair | None:
    """A pair that only the perceptual hash proposes: geometry has verified nothing in it.

    Equal pixels are `Relation.EXACT`; otherwise plain pictures are insufficient evidence. Others
    are laid over each other as wholes, which finds copies whose keypoints compression has ruined;
    None, no relation at all, where those do not merge: a hash alone says nothing.
    """
    pair = _whole_on_whole(a, b)
    try:
        image_a, image_b = opened(a), opened(b)
    except ImageRejected as rejected:
        return _unread(pair, rejected)
    if same_pixels(image_a, image_b) and _whole_pixels_equal(image_a, image_b):
        return _exact(pair)
    if max(_texture(image_a), _texture(image_b)) <= PLAIN_SHARE:
        note = "alike at a glance, with too little texture to compare"
        return JudgedPair(a.number, b.number, Relation.INSUFFICIENT, -1.0, note=note)
    found = compare(image_a, image_b, pair)
    return found if found.relation.merges else None


def compare(a: Image, b: Image, pair: VerifiedPair) -> JudgedPair:
    """What the pixels say of a pair: (h, w, 3) BGR pictures, as large as they are or smaller."""
    pixels_a = np.ascontiguousarray(a.pixels[:, ::-1]) if pair.mirrored else a.pixels
    to_a, to_b = _as_opened(a), _as_opened(b)
    registered = register(pixels_a, b.pixels, to_b @ pair.transform @ inverse(to_a))
    if registered is None or len(_overlap(pixels_a, b.pixels, registered)) < 3:
        return _apart(pair)
    contents = content_of(pixels_a), content_of(b.pixels)
    figures = track_figures(registered)
    figures |= coverage_figures(pixels_a, b.pixels, contents, registered)
    of_files = camera(figures) < 1
    if of_files:
        registered = registered.without(fill(*contents, registered.laid))
    else:
        registered = registered.straightened()
        figures |= track_figures(registered)
    comparison = compared(registered, of_files=of_files)
    figures |= content_figures(comparison)
    figures |= core_figures(figures)
    odds = log_odds(figures)
    relation = named(figures, odds, mirrored=pair.mirrored)
    if relation is Relation.INSUFFICIENT or (odds > 0 and not relation.merges):
        odds = min(odds, -1.0)
    laid = registered.laid
    transform = inverse(to_b) @ inverse(laid.from_b) @ laid.from_a @ to_a
    return JudgedPair(
        a=pair.a,
        b=pair.b,
        relation=relation,
        log_odds=odds,
        evidence=figures,
        transform=transform / transform[2, 2],
        mirrored=pair.mirrored,
        difference=difference_map(
            comparison, laid, (a.pixels.shape, b.pixels.shape), mirrored=pair.mirrored
        ),
        note=note_of(figures, relation),
    )


def coverage_figures(
    a: npt.NDArray[np.uint8],
    b: npt.NDArray[np.uint8],
    contents: tuple[Content, Content],
    registered: Registered,
) -> dict[str, float]:
    """How much of each the other covers, and the pose of a on b."""
    laid = registered.laid
    transform = inverse(laid.from_b) @ laid.from_a
    content_a, content_b = contents
    sizes = [ImageSize(pixels.shape[1], pixels.shape[0]) for pixels in (a, b)]
    laid_how = pose(transform, _overlap(a, b, registered))
    return {
        "share_a": covered(content_a, sizes[1], inverse(transform)),
        "share_b": covered(content_b, sizes[0], transform),
        "bordered_a": float(content_a.bordered),
        "bordered_b": float(content_b.bordered),
        "turn_deg": laid_how.turn_deg,
        "stretch": laid_how.stretch,
        "perspective": laid_how.perspective,
    }


def _overlap(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], registered: Registered
) -> npt.NDArray[np.float32]:
    """(m, 2) the part of a that b shows; empty where a correction left none."""
    back = inverse(registered.laid.from_a) @ registered.laid.from_b
    sizes = [ImageSize(pixels.shape[1], pixels.shape[0]) for pixels in (b, a)]
    return projected_outline(back, sizes[0], sizes[1])


def core_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """Share of each picture that is of the core."""
    core_a, core_b = (figures[f"share_{side}"] * figures["core"] for side in "ab")
    return {
        "core_a": core_a,
        "core_b": core_b,
        "core_larger": max(core_a, core_b),
        "core_sum": core_a + core_b,
    }


def same_pixels(a: Image, b: Image) -> bool:
    """Whether two pictures, as opened, are of one size and equal."""
    return a.size == b.size and np.array_equal(a.pixels, b.pixels)


def _whole_pixels_equal(a: Image, b: Image) -> bool:
    """The same of the pictures in full, which are read again if they were shrunk."""
    if a.pixels.shape[:2] == (a.size.height, a.size.width):
        return True
    whole = [read_image(image.path, colour=True) for image in (a, b)]
    return np.array_equal(whole[0].pixels, whole[1].pixels)


def _as_opened(image: Image) -> Homography:
    """Pixels of the original to those of the picture as opened."""
    height, width = image.pixels.shape[:2]
    return scaling(width / image.size.width, height / image.size.height)


def _texture(image: Image) -> float:
    """Share of a picture's pixels that differ from the next one beyond noise."""
    levels = image.pixels.astype(np.int16)
    across = np.abs(levels[:, 2:] - levels[:, :-2]).max(axis=2)[1:-1]
    down = np.abs(levels[2:] - levels[:-2]).max(axis=2)[:, 1:-1]
    return float((np.maximum(across, down) > 24).mean()) if across.size else 0.0


def _whole_on_whole(a: Entry, b: Entry) -> VerifiedPair:
    onto = scaling(b.size.width / a.size.width, b.size.height / a.size.height)
    return VerifiedPair(a.number, b.number, 0.0, (0.0, 0.0), 0, 0.0, 0.0, onto)


def _exact(pair: VerifiedPair) -> JudgedPair:
    return JudgedPair(
        pair.a, pair.b, Relation.EXACT, EXACT_LOG_ODDS, transform=np.eye(3), note="the same pixels"
    )


def _unread(pair: VerifiedPair, rejected: ImageRejected) -> JudgedPair:
    note = f"not compared: {rejected.path}: {rejected.text}"
    return JudgedPair(pair.a, pair.b, Relation.INSUFFICIENT, -1.0, note=note, opened=False)


def _apart(pair: VerifiedPair) -> JudgedPair:
    note = "the two cannot be laid over each other"
    return JudgedPair(pair.a, pair.b, Relation.INSUFFICIENT, -MOST_LOG_ODDS, note=note)

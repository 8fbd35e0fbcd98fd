"""The keypoints of one picture as the index has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.geometry import Frames
from kpsearch.index.sketch import NO_KEYPOINT

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.matching.forward import Forward
    from kpsearch.index import Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """n keypoints of a picture, or what a mirror shows of n of them."""

    numbers: npt.NDArray[np.integer]
    """Of the keypoints within their picture."""
    words: npt.NDArray[np.uint32]
    signatures: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.words)

    def take(self, rows: npt.NDArray[np.intp]) -> Points:
        """The keypoints at ``rows``."""
        return Points(self.numbers[rows], self.words[rows], self.signatures[rows])


def points_of(snapshot: Snapshot, forward: Forward, slot: int) -> Points:
    """The keypoints of the picture in a slot."""
    number, _, keypoints = _located(snapshot, slot)
    words, signatures = forward.of(number, keypoints)
    return Points(np.arange(len(words)), words, signatures)


def sketch_of(snapshot: Snapshot, slot: int) -> Points:
    """Its strongest keypoints, with the words and signatures that they have in a mirror."""
    segment, image = snapshot.locate(slot)
    numbers = segment.array("mirrored/keypoint")[image]
    rows = np.flatnonzero(numbers != NO_KEYPOINT)
    words = segment.array("mirrored/word")[image]
    return Points(numbers, words, segment.array("mirrored/signature")[image]).take(rows)


def frames_of(snapshot: Snapshot, slot: int) -> Frames:
    """Where the keypoints of the picture in a slot are."""
    number, image, keypoints = _located(snapshot, slot)
    rows = np.arange(keypoints.start, keypoints.stop)
    found = snapshot.segments[number].geometry(rows, np.full(len(rows), image))
    return Frames(found.xy, found.scale, found.angle_rad)


def mirrored_frames(frames: Frames, width: int, *, upright: bool = False) -> Frames:
    """As in a mirror: x becomes ``width`` - 1 - x, and an orientation π less it.

    Keypoints that are left ``upright`` are so in the mirror, too.
    """
    xy = frames.xy * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    if upright:
        return Frames(xy, frames.scale, frames.angle_rad)
    angle = np.mod(np.float32(np.pi) - frames.angle_rad, np.float32(2 * np.pi))
    return Frames(xy, frames.scale, angle)


def _located(snapshot: Snapshot, slot: int) -> tuple[int, int, slice]:
    """Number of the segment of a slot, the image's in it, and its keypoints' there."""
    number = int(np.searchsorted(snapshot.slot_start, slot, side="right")) - 1
    image = slot - int(snapshot.slot_start[number])
    start = snapshot.segments[number].keypoint_start
    return number, image, slice(int(start[image]), int(start[image + 1]))

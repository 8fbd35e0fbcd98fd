"""Copies of drawn keypoints: moved by a similarity, a crop, a homography, or a mirror."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from dedup_bench.scale.keypoints import (
    FLIPPED_BITS,
    NOISE_OCTAVES,
    NOISE_PX,
    NOISE_RAD,
    REPEATED,
    SAME_WORD,
    Drawn,
    WordLaw,
    draw_keypoints,
    seen_again,
)
from kpsearch.types import ImageSize

Homography = npt.NDArray[np.float64]


def copy_of(drawn: Drawn, kind: str, law: WordLaw, rng: np.random.Generator) -> Drawn:
    """What is found in a copy: of the keypoints it shows `REPEATED`, and new ones for the rest."""
    if kind == "mirrored":
        drawn = _turned_over(drawn)
    path, size = _path(drawn.size, kind, rng)
    moved = _moved(drawn, path, size, rng)
    inside = np.flatnonzero(((moved.xy >= 0) & (moved.xy < np.array(size))).all(axis=1))
    again = inside[rng.random(len(inside)) < REPEATED]
    flips = float(rng.uniform(*FLIPPED_BITS))
    same = seen_again(moved.take(again), law, rng, same_word=SAME_WORD, flips=flips)
    new = draw_keypoints(law, size, max(len(inside) - len(again), 4), rng)
    return same.and_also(new, _about_as_strong(again, len(new), rng))


def _about_as_strong(
    again: npt.NDArray[np.intp], new: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """An order in which what was strong is strong again; new keypoints are of any strength."""
    highest = max(int(again.max(initial=0)), 1)
    near = again + rng.normal(0, highest / 20, len(again))
    ranks = np.concatenate([near, rng.random(new) * highest])
    return np.argsort(ranks, kind="stable")


def _turned_over(drawn: Drawn) -> Drawn:
    flip = np.array([-1.0, 1.0])
    return replace(
        drawn,
        word=drawn.mirrored_word,
        signature=drawn.mirrored_signature,
        mirrored_word=drawn.word,
        mirrored_signature=drawn.signature,
        xy=drawn.xy * flip + (drawn.size.width - 1, 0),
        angle_rad=np.mod(np.pi - drawn.angle_rad, 2 * np.pi),
    )


def _path(size: ImageSize, kind: str, rng: np.random.Generator) -> tuple[Homography, ImageSize]:
    """Where pixels go, and the size of the copy."""
    zoom = float(2 ** rng.uniform(-1, 0.4))
    if kind == "crop":
        share = math.sqrt(rng.uniform(0.4, 0.9))
        start = rng.random(2) * (1 - share) * size
        path = np.diag([zoom, zoom, 1.0]) @ _shift(-start)
        return path, _size(np.array(size) * share * zoom)
    turn = float(rng.choice([0.0, 0.0, rng.normal(0, 0.2)])) if kind != "mirrored" else 0.0
    middle = np.array(size) / 2
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    spin = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    if kind == "homography":
        spin[2, :2] = rng.uniform(-0.25, 0.25, 2) / np.array(size)
    return _shift(middle * zoom) @ spin @ _shift(-middle), _size(np.array(size) * zoom)


def _shift(by: npt.NDArray[np.float64]) -> Homography:
    return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1]], np.float64)


def _size(sides: npt.NDArray[np.float64]) -> ImageSize:
    return ImageSize(max(round(float(sides[0])), 16), max(round(float(sides[1])), 16))


def _moved(drawn: Drawn, path: Homography, size: ImageSize, rng: np.random.Generator) -> Drawn:
    """The keypoints through a homography, each scaled and turned as its surroundings are."""
    lifted = drawn.xy @ path[:, :2].T + path[:, 2]
    depth = lifted[:, 2:]
    xy = lifted[:, :2] / depth
    # The derivative of (u/w, v/w) is ((u', v') − (x, y) w') / w.
    jacobian = (path[:2, :2] - xy[:, :, None] * path[2, :2]) / depth[:, :, None]
    zoom = np.sqrt(np.abs(np.linalg.det(jacobian)))
    along = np.stack([np.cos(drawn.angle_rad), np.sin(drawn.angle_rad)], axis=1)
    turned = np.einsum("nij,nj->ni", jacobian, along)
    angle = np.arctan2(turned[:, 1], turned[:, 0]) + rng.normal(0, NOISE_RAD, len(drawn))
    return replace(
        drawn,
        size=size,
        xy=xy + rng.normal(0, NOISE_PX, xy.shape),
        scale=drawn.scale * zoom * 2 ** rng.normal(0, NOISE_OCTAVES, len(drawn)),
        angle_rad=np.mod(angle, 2 * np.pi),
    )

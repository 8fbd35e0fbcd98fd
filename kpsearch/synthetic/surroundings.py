"""What is behind and beside the pack: a shelf, a table, a wall, a heap of other things."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from kpsearch.synthetic.canvas import Canvas, blank_canvas
from kpsearch.synthetic.colours import Tint, mix, oklch, tint
from kpsearch.synthetic.noise import fractal_noise
from kpsearch.synthetic.outlines import blob, moved, rectangle, star

Pixels = npt.NDArray[np.uint8]
Surrounding = Callable[[Canvas, np.random.Generator], None]


def paint_table(canvas: Canvas, rng: np.random.Generator) -> None:
    """Wood: noise drawn out along the grain."""
    board = tint(float(rng.uniform(45, 75)), chroma=0.06, lightness=float(rng.uniform(0.45, 0.75)))
    canvas.wash(board, focus=(float(rng.uniform(-1, 1)), -0.5), grain=0.05)
    thin = fractal_noise(canvas.height, 24, rng=rng, cell_px=canvas.height / 25, octaves=4)
    streaks = cv2.resize(np.clip(thin * 255, 0, 255), canvas.pixels.shape[1::-1])
    canvas.stamp(streaks.astype(np.uint8), 0, 0, board.dark, opacity=0.7)
    for y in np.arange(rng.uniform(0, 0.3), 1, 0.28) * canvas.height:
        canvas.stroke(np.array([[0, y], [canvas.width, y]]), board.dark, thickness_px=2)


def paint_wall(canvas: Canvas, rng: np.random.Generator) -> None:
    """A plain surface, a little uneven, with an edge somewhere."""
    plain = tint(float(rng.uniform(0, 360)), chroma=0.02, lightness=float(rng.uniform(0.6, 0.88)))
    canvas.wash(plain, focus=(float(rng.uniform(-1, 1)), -0.8), grain=0.05)
    level = float(rng.uniform(0.6, 0.95)) * canvas.height
    floor = rectangle(-2, level, canvas.width + 4, canvas.height)
    canvas.shade(floor, Tint(plain.body, plain.dark, mix(plain.dark, (0, 0, 0), 0.4)))


def paint_shelf(canvas: Canvas, rng: np.random.Generator) -> None:
    """A shop's shelf: a dark back, boards and price rails."""
    canvas.wash(tint(250, chroma=0.012, lightness=0.5), focus=(0.0, -1.0))
    metal = Tint(oklch(0.95, 0.01, 250), oklch(0.85, 0.01, 250), oklch(0.6, 0.01, 250))
    for level in (float(rng.uniform(0.02, 0.12)), float(rng.uniform(0.88, 0.96))):
        top, thick = level * canvas.height, canvas.height * 0.05
        canvas.shade(rectangle(-2, top, canvas.width + 4, thick), metal)
        for x in np.arange(rng.uniform(0, 0.2), 1, 0.27) * canvas.width:
            tag = rectangle(x, top + thick * 0.1, canvas.width * 0.11, thick * 0.8)
            canvas.fill(tag, oklch(0.97, 0.03, float(rng.choice([90, 30]))))
            for k in range(3):
                row = top + thick * (0.28 + 0.2 * k)
                line = np.array([[x + 4, row], [x + canvas.width * rng.uniform(0.04, 0.1), row]])
                canvas.stroke(line, (40, 40, 40), thickness_px=2)


def paint_clutter(canvas: Canvas, rng: np.random.Generator) -> None:
    """Things of all sorts lying about."""
    paint_table(canvas, rng)
    for _ in range(26):
        x, y = rng.random(2) * (canvas.width, canvas.height)
        size = canvas.width * float(rng.uniform(0.03, 0.15))
        shapes = (blob(rng), star(5, 0.5), rectangle(-1, -0.6, 2, 1.2, radius=0.15))
        shape = shapes[int(rng.integers(3))]
        thing = moved(shape, x, y, scale=size, turn_rad=float(rng.uniform(0, 6.3)))
        canvas.fill(thing + size * 0.08, (40, 40, 45))
        chroma, lightness = float(rng.uniform(0.0, 0.18)), float(rng.uniform(0.3, 0.8))
        canvas.shade(thing, tint(float(rng.uniform(0, 360)), chroma=chroma, lightness=lightness))


SURROUNDINGS: Mapping[str, Surrounding] = MappingProxyType(
    {
        "clutter": paint_clutter,
        "shelf": paint_shelf,
        "table": paint_table,
        "wall": paint_wall,
    }
)


def set_scene(
    frame: tuple[int, int],
    homography: npt.NDArray[np.float64],
    size: tuple[int, int],
    *,
    others: Sequence[Pixels],
    rng: np.random.Generator,
) -> Canvas:
    """A photo of ``frame`` (height, width) without the pack.

    ``others`` stand beside it in its plane, as on a shelf: the pack is ``size`` (height, width)
    and lands where ``homography`` says.
    """
    canvas = blank_canvas(*frame, rng=rng)
    kind = "shelf" if others else str(rng.choice(sorted(SURROUNDINGS)))
    SURROUNDINGS[kind](canvas, rng)
    for k, other in enumerate(others):
        canvas.pixels = lay_over(canvas.pixels, other, homography @ _beside(size, other, k))
    return canvas


def _beside(size: tuple[int, int], other: Pixels, k: int) -> npt.NDArray[np.float64]:
    """Put ``other`` left or right of the pack, feet level, the k-th of them further out."""
    scale = size[0] / other.shape[0]
    wide, gap = other.shape[1] * scale, size[1] * 0.04
    steps = k // 2
    right = size[1] + gap + steps * (wide + gap)
    left = -(steps + 1) * (wide + gap)
    placed = np.diag([scale, scale, 1.0])
    placed[0, 2] = left if k % 2 else right
    return placed


def lay_over(ground: Pixels, pack: Pixels, homography: npt.NDArray[np.float64]) -> Pixels:
    """``ground`` with ``pack`` seen through ``homography`` on top, its edge anti-aliased."""
    height, width = ground.shape[:2]
    shrink = np.sqrt(abs(np.linalg.det(homography[:2, :2])))
    if shrink < 0.8:
        # Linear interpolation alone would alias what is made smaller.
        pack = np.asarray(cv2.GaussianBlur(pack, (0, 0), 0.42 / shrink), dtype=np.uint8)
    view = cv2.warpPerspective(
        pack, homography, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    solid = np.full(pack.shape[:2], 255, dtype=np.uint8)
    mask = cv2.warpPerspective(solid, homography, (width, height), flags=cv2.INTER_LINEAR)
    alpha = mask.astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(view, ground, alpha, 1 - alpha), dtype=np.uint8)

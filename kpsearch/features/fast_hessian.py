"""The fast-Hessian detector of SURF: blobs where box-filtered second derivatives peak.

After Bay, Ess, Tuytelaars & Van Gool, "Speeded-Up Robust Features (SURF)", CVIU 110 (2008), §3.
All sums over boxes come from one integral image, so a filter costs the same whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

OCTAVES = 4
FILTERS_AN_OCTAVE = 4
XY_WEIGHT = 0.9
"""Balances Dxy against Dxx and Dyy (eq. 4)."""
TILE_PIXELS = 25_000
"""Determinants are computed in bands of so many: their intermediate arrays stay in the cache."""
FLATTEST = 1e-9
"""Least determinant of a quadratic that has a top."""
NEIGHBOURHOOD = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Blobs:
    """n blobs, strongest first."""

    xy: npt.NDArray[np.float32]
    """(n, 2), pixel centres at whole numbers."""
    size: npt.NDArray[np.float32]
    """(n,) side in pixels of the filter that fits best, interpolated."""
    response: npt.NDArray[np.float32]
    """(n,) determinant of the Hessian, in grey levels squared."""
    bright: npt.NDArray[np.bool_]
    """(n,) by the sign of the Laplacian: True for light blobs on dark ground."""


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Determinants for one filter: ``values[i, j]`` is centred at size // 2 + step · (j, i)."""

    size: int
    step: int
    values: npt.NDArray[np.float32]

    def within(self, larger: _Layer) -> npt.NDArray[np.float32]:
        """The values at the centres that a larger filter has values for."""
        skip = (larger.size - self.size) // 2 // self.step
        rows, columns = larger.values.shape
        return self.values[skip : skip + rows, skip : skip + columns]

    def highest_around(self) -> _Layer:
        """At each centre the highest of the 3 × 3 values about it."""
        highest = cv2.dilate(self.values, NEIGHBOURHOOD)
        return replace(self, values=np.asarray(highest, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Peaks:
    """Maxima, in position and scale, of the middle one of three layers."""

    layers: tuple[npt.NDArray[np.float32], ...]
    """The three, at the centres of the largest."""
    size: int
    size_step: int
    step: int
    origin: int
    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]

    @property
    def responses(self) -> npt.NDArray[np.float32]:
        return self.layers[1][self.rows, self.columns]

    def strongest(self, least: float) -> _Peaks:
        chosen = self.responses >= least
        return replace(self, rows=self.rows[chosen], columns=self.columns[chosen])


def fast_hessian(integral: npt.NDArray[np.int32], threshold: float, max_blobs: int) -> Blobs:
    """The strongest blobs of a picture, given its (h + 1, w + 1) integral image.

    Sums that are beyond 32 bits may wrap: their differences come out right all the same.

    Blobs are found by determinant (eq. 3), kept where no neighbour in position and scale is
    stronger, and interpolated (§3.4). Ties for the last place are all kept.
    """
    found = [
        _peaks((octave[middle - 1], octave[middle], octave[middle + 1]), threshold)
        for octave in _octaves(integral)
        for middle in range(1, len(octave) - 1)
    ]
    responses = np.concatenate([np.empty(0, np.float32), *(peaks.responses for peaks in found)])
    least = threshold
    if len(responses) > max_blobs:
        least = float(np.partition(responses, -max_blobs)[-max_blobs])
    rows = [_interpolated(peaks.strongest(least), integral) for peaks in found]
    table = np.concatenate([np.empty((0, 5)), *rows]).astype(np.float32)
    x, y, size, response, bright = table[np.lexsort((table[:, 1], table[:, 0], -table[:, 3]))].T
    return Blobs(np.stack([x, y], axis=1), size.copy(), response.copy(), bright > 0)


def _octaves(integral: npt.NDArray[np.int32]) -> Iterator[list[_Layer]]:
    """The layers of each octave whose filters fit into the picture.

    Octave o samples every 2^o pixels with filters of 3·(2^(o+1)·i + 1) pixels, i = 1 … 4
    (§3.3); half of them are in the octave before and are only thinned out.
    """
    before: dict[int, _Layer] = {}
    for octave in range(OCTAVES):
        step = 1 << octave
        sizes = [3 * (2 * step * i + 1) for i in range(1, FILTERS_AN_OCTAVE + 1)]
        layers = [
            _Layer(size, step, np.ascontiguousarray(before[size].values[::2, ::2]))
            if size in before
            else _Layer(size, step, hessian_determinants(integral, size, step))
            for size in sizes
            if size < min(integral.shape)
        ]
        yield layers
        before = {layer.size: layer for layer in layers}


def hessian_determinants(
    integral: npt.NDArray[np.int32], size: int, step: int
) -> npt.NDArray[np.float32]:
    """Determinants of the box-filtered Hessian, at centres size // 2 + step · (row, column).

    Filters are ``size`` pixels wide, with lobes of a third of it; responses are divided
    by their area.
    """
    lobe, centre = size // 3, size // 2
    length = 2 * lobe - 1
    margin = (size - length) // 2
    weight = np.float32(1 / size**2)
    height, width = ((side - 1 - size) // step + 1 for side in integral.shape)
    found = np.empty((height, width), np.float32)
    band_rows = max(1, TILE_PIXELS // integral.shape[1])
    for first in range(0, height, band_rows):
        band = found[first : first + band_rows]
        rows = partial(_row_sums, integral[first * step :], len(band), step)
        columns = partial(_column_sums, width, step)
        strip = rows(margin, margin + length)
        xx = columns(strip, 0, size) - 3 * columns(strip, lobe, 2 * lobe)
        yy = columns(rows(0, size), margin, margin + length)
        yy -= 3 * columns(rows(lobe, 2 * lobe), margin, margin + length)
        upper_less_lower = rows(centre - lobe, centre) - rows(centre + 1, centre + 1 + lobe)
        xy = columns(upper_less_lower, centre - lobe, centre)
        xy -= columns(upper_less_lower, centre + 1, centre + 1 + lobe)
        np.multiply(xx, weight, out=band, dtype=np.float32)
        band *= np.multiply(yy, weight, dtype=np.float32)
        band -= np.square(np.multiply(xy, np.float32(XY_WEIGHT) * weight, dtype=np.float32))
    return found


def _row_sums(
    integral: npt.NDArray[np.int32], windows: int, step: int, top: int, bottom: int
) -> npt.NDArray[np.int32]:
    """Sums over the rows from ``top`` to ``bottom`` of each window, ``step`` rows apart."""
    span = step * (windows - 1) + 1
    return integral[bottom : bottom + span : step] - integral[top : top + span : step]


def _column_sums(
    windows: int, step: int, sums: npt.NDArray[np.int32], left: int, right: int
) -> npt.NDArray[np.int32]:
    """Sums over the columns from ``left`` to ``right`` of each window, ``step`` columns apart."""
    span = step * (windows - 1) + 1
    return sums[:, right : right + span : step] - sums[:, left : left + span : step]


def _peaks(octave: tuple[_Layer, _Layer, _Layer], threshold: float) -> _Peaks:
    smaller, middle, larger = octave
    layers = tuple(layer.within(larger) for layer in octave)
    below, here, above = (layer.highest_around().within(larger) for layer in octave)
    values = layers[1]
    highest = (values > threshold) & (values == here) & (values > below) & (values >= above)
    highest[[0, -1]] = False
    highest[:, [0, -1]] = False
    rows, columns = np.nonzero(highest)
    return _Peaks(
        layers=layers,
        size=middle.size,
        size_step=middle.size - smaller.size,
        step=larger.step,
        origin=larger.size // 2,
        rows=rows,
        columns=columns,
    )


def _interpolated(peaks: _Peaks, integral: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """(n, 5): x, y, size, response and sign of the Laplacian, by a quadratic through 27 values.

    A peak whose quadratic tops more than a sample away stays where it is (Brown & Lowe 2002).
    """
    around = np.array(
        [
            [[layer[peaks.rows + i, peaks.columns + j] for j in (-1, 0, 1)] for i in (-1, 0, 1)]
            for layer in peaks.layers
        ],
        np.float64,
    )
    offset = _top_of_quadratic(around)
    offset[(np.abs(offset) > 1).any(axis=1)] = 0
    x = peaks.origin + peaks.step * (peaks.columns + offset[:, 0])
    y = peaks.origin + peaks.step * (peaks.rows + offset[:, 1])
    size = peaks.size + peaks.size_step * offset[:, 2]
    return np.stack([x, y, size, peaks.responses, _laplacian_sign(peaks, integral)], axis=1)


def _top_of_quadratic(around: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(3, 3, 3, n) values by size, y and x -> (n, 3) offsets in x, y and size.

    −H⁻¹g by finite differences (Brown & Lowe 2002), and zero where the quadratic has no single top.
    """
    middle = around[1, 1, 1]
    x, y, s = around[1, 1, ::2], around[1, ::2, 1], around[::2, 1, 1]
    gradient = np.stack([x[1] - x[0], y[1] - y[0], s[1] - s[0]], axis=1) / 2
    hessian = np.empty((len(middle), 3, 3))
    for axis, (low, high) in enumerate((x, y, s)):
        hessian[:, axis, axis] = high - 2 * middle + low
    mixed = {(0, 1): around[1, ::2, ::2], (0, 2): around[::2, 1, ::2], (1, 2): around[::2, ::2, 1]}
    for (one, other), corners in mixed.items():
        twist = (corners[1, 1] - corners[1, 0] - corners[0, 1] + corners[0, 0]) / 4
        hessian[:, one, other] = hessian[:, other, one] = twist
    flat = np.abs(np.linalg.det(hessian)) < FLATTEST
    hessian[flat] = np.eye(3)
    gradient[flat] = 0
    return np.asarray(-np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0])


def _laplacian_sign(peaks: _Peaks, integral: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """+1 where the blob is brighter than its surroundings, -1 where it is darker.

    Where the determinant is positive Dxx and Dyy have the same sign, that of the Laplacian:
    so Dxx is enough. It is negative at the middle of a bright blob.
    """
    lobe = peaks.size // 3
    top = peaks.origin + peaks.step * peaks.rows - (lobe - 1)
    left = peaks.origin + peaks.step * peaks.columns - peaks.size // 2
    bottom = top + 2 * lobe - 1

    def column(offset: int) -> npt.NDArray[np.int32]:
        return integral[bottom, left + offset] - integral[top, left + offset]

    xx = column(peaks.size) - column(0) - 3 * (column(2 * lobe) - column(lobe))
    return -np.sign(xx)

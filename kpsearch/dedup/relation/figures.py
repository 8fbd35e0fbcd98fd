"""The figures that a judgement rests on, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kpsearch.dedup.relation.colour import Colour, compare_colour
from kpsearch.dedup.relation.disagreement import (
    Disagreement,
    agreeing_cells,
    core_of,
    disagreement,
    doubtful_cells,
    hull,
    regions,
)
from kpsearch.dedup.relation.patches import Patch, largest_patch
from kpsearch.dedup.relation.structure import Structure, compare_structure

if TYPE_CHECKING:
    import numpy.typing as npt

    from kpsearch.dedup.relation.registration import Registered

    Mask = npt.NDArray[np.bool_]


ENOUGH_CELLS = 400
"""With a drawing: more make nothing surer."""
LEAST_SURE_CELLS = 20
"""With the same drawing, for light to be known from them alone."""
MOST_SHINING = 0.4
"""Share of a patch's drawing that both pictures have, from which it only is of another colour."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All that was found out about two overlaid pictures, by cells of their frame."""

    structure: Structure
    colour: Colour
    seen: Disagreement
    disagreement: Disagreement
    """Without what something that was laid over one of them hides."""
    patch: Patch
    covered: float
    """Share of the core that something laid over it hides, which then does not count."""


def compared(registered: Registered, *, of_files: bool) -> Comparison:
    """Structure, colour, and where they disagree; ``of_files`` where no camera came between."""
    laid = registered.laid
    structure = compare_structure(laid.a, laid.b, laid.valid, laid.grid)
    core = core_of(structure, of_files=of_files)
    sure = agreeing_cells(structure) & core
    sure = sure if sure.sum() >= LEAST_SURE_CELLS else core
    colour = compare_colour(laid.a, laid.b, structure.valid, sure)
    patch = largest_patch(laid.a, laid.b, core, sure)
    found = disagreement(structure, colour, core)
    shining = _share(found.agreeing & patch.inner, found.drawn & patch.inner)
    if patch.covers and shining < MOST_SHINING:
        counted = found.without(patch.cells)
        return Comparison(structure, colour, found, counted, patch, patch.area)
    return Comparison(structure, colour, found, found, patch, 0.0)


def content_figures(comparison: Comparison) -> dict[str, float]:
    """Of what agrees and what does not; shares are of the core unless they say otherwise."""
    structure, colour, found = comparison.structure, comparison.colour, comparison.disagreement
    core, drawn = found.core, found.drawn
    cells = max(float(core.sum()), 1.0)
    doubtful = doubtful_cells(structure, usual=_quality(structure, found.agreeing & core))
    return {
        "doubtful": float((doubtful & drawn & core).sum()) / cells,
        "drawn_cells": float((drawn & core).sum()),
        "drawn": min(float((drawn & core).sum()) / ENOUGH_CELLS, 1.0),
        "agreeing": _share(found.agreeing & core, drawn & core),
        "agreeing_everywhere": _share(found.agreeing, drawn),
        "agreement": _quality(structure, core & drawn),
        "agreement_low": _quantile(structure.correlation[drawn & core], 0.1),
        "replaced": float((found.replaced & core).sum()) / cells,
        "replaced_everywhere": _share(found.replaced, structure.valid),
        "overwritten": float((found.overwritten & core).sum()) / cells,
        "one_sided": float((found.one_sided & core).sum()) / cells,
        "recoloured": float((found.recoloured & core).sum()) / cells,
        "recoloured_alone": float((found.recoloured & core & ~found.redrawn).sum()) / cells,
        "recoloured_drawing": _share(
            found.recoloured & found.agreeing & core, found.agreeing & core
        ),
        "chroma": float(np.sqrt((colour.residual[core] ** 2).sum() / cells)),
        "cast": colour.cast,
        "saturation": abs(float(np.log(colour.saturation))),
        "grey": float(colour.grey),
        "core": _share(hull(found.agreeing) & structure.valid, structure.valid),
        **_region_figures(comparison, cells),
        "covered": comparison.covered,
        "patch": comparison.patch.area,
        "patch_ragged": comparison.patch.area * min(1 - comparison.patch.solidity, 0.3),
        "patch_elsewhere": comparison.patch.elsewhere,
        "sharpness_a": structure.sharpness_a,
        "sharpness_b": structure.sharpness_b,
    }


def _region_figures(comparison: Comparison, cells: float) -> dict[str, float]:
    """Of connected disagreements: how many, how large, and how like a label the largest is."""
    found = comparison.disagreement
    parts = [part for part in regions(found.any & found.core) if part.sum() >= 3]
    largest = parts[0] if parts else np.zeros(found.core.shape, np.bool_)
    return {
        "regions": float(len(parts)),
        "largest_region": float(largest.sum()) / cells,
        "label": _fill(largest) * _share(largest & found.recoloured, largest),
        "replaced_elsewhere": float((found.replaced & found.core & ~largest).sum()) / cells,
        "recoloured_elsewhere": float((found.recoloured & found.core & ~largest).sum()) / cells,
    }


def track_figures(registered: Registered) -> dict[str, float]:
    """Of the tracks that registered a pair."""
    return {
        "tracks": float(registered.tracks),
        "tracks_agreeing": registered.agreeing / max(registered.tracks, 1),
    }


def _quality(structure: Structure, cells: Mask) -> float:
    """How well drawings correlate in some cells, the surer ones counting more; 0 without any."""
    weights = structure.weight * cells
    agreement = np.clip(structure.correlation, 0, 1)
    return float((weights * agreement).sum() / max(weights.sum(), 1e-6))


def _share(part: Mask, whole: Mask) -> float:
    """Of the cells of ``whole`` that are of ``part``; 0 of none."""
    return float(part.sum()) / max(float(whole.sum()), 1.0)


def _quantile(values: npt.NDArray[np.floating], share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else 0.0


def _fill(region: Mask) -> float:
    """Share of its bounding box that a region fills: 1 for a label, little for a stroke."""
    if not region.any():
        return 0.0
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    return float(region.sum()) / float(box)

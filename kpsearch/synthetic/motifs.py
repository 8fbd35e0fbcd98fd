"""What packs show, by name: adding a subject is one painter and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kpsearch.synthetic import morsels, plants
from kpsearch.synthetic.spots import Painter

MOTIFS: Mapping[str, Painter] = MappingProxyType(
    {
        "bean": plants.paint_bean,
        "berry": plants.paint_berry,
        "chilli": plants.paint_chilli,
        "chunk": morsels.paint_chunk,
        "citrus": plants.paint_citrus,
        "crisp": morsels.paint_crisp,
        "drop": morsels.paint_drop,
        "fish": morsels.paint_fish,
        "flower": plants.paint_flower,
        "grain": plants.paint_grain,
        "leaf": plants.paint_leaf,
        "nut": plants.paint_nut,
        "paw": morsels.paint_paw,
        "round_fruit": plants.paint_round_fruit,
        "swirl": morsels.paint_swirl,
    }
)

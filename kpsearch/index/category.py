r"""What an index knows of an image's category, and the text that its record keeps of it.

A catalogue knows the category of a picture; a classifier only a set that holds it, most often. Of
the latter all names are kept: the likeliest one alone would hide the picture each time that it is
wrong. The grammar of the text, in ``images/category``::

    text      = "" | own | predicted
    own       = name                        ; "\" before a name that begins with "?" or "\"
    predicted = "?" name *( "|" name )      ; the likeliest first; "\" before each "|" and "\" in it

So ``Packages/Milk`` is a category as the catalogue has it, ``?Milk|Yoghurt`` one that is predicted
to be either, and nothing says that nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_PREDICTED, _BETWEEN, _ESCAPE = "?", "|", "\\"
_ALTERNATIVE = re.compile(r"(?:\\.|[^|\\]|\\\Z)+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImageCategory:
    """The names that an image's category may have; none where nothing is known."""

    names: tuple[str, ...] = ()
    """Of a prediction, the likeliest first."""
    predicted: bool = False

    @classmethod
    def own(cls, name: str) -> ImageCategory:
        """As the catalogue has it; an empty name says that it has none."""
        return cls((name,) if name else ())

    @classmethod
    def parse(cls, text: str) -> ImageCategory:
        """Of the text in a record; every text is one."""
        if not text.startswith(_PREDICTED):
            return cls.own(text.removeprefix(_ESCAPE))
        found = _ALTERNATIVE.findall(text.removeprefix(_PREDICTED))
        names = tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in found)
        return cls(names, predicted=bool(names))

    def __str__(self) -> str:
        """The text that a record keeps."""
        if self.predicted:
            escaped = (re.sub(r"([|\\])", r"\\\1", name) for name in self.names)
            return _PREDICTED + _BETWEEN.join(escaped)
        name = "".join(self.names)
        return _ESCAPE + name if name.startswith((_PREDICTED, _ESCAPE)) else name


@dataclass(frozen=True, slots=True, eq=False)
class CategoryColumn:
    """The categories of n images."""

    distinct: tuple[ImageCategory, ...]
    code: npt.NDArray[np.intp]
    """(n,) number of each image's among the distinct ones."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> CategoryColumn:
        """From the texts of the records."""
        numbers: dict[str, int] = {}
        code = np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.intp)
        return cls(tuple(map(ImageCategory.parse, numbers)), code)

    def where(self, holds: Callable[[ImageCategory], bool]) -> npt.NDArray[np.bool_]:
        """(n,) the images for whose category something holds; it is asked once a category."""
        return np.array([holds(category) for category in self.distinct], np.bool_)[self.code]

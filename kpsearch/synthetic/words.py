"""Invented words: brand names, people, titles and the fine print nobody reads."""

from __future__ import annotations

import numpy as np

_ONSETS = ("B", "Br", "C", "D", "F", "Fl", "G", "Gr", "H", "K", "L", "M", "N", "P", "R", "S")
_VOWELS = ("a", "e", "i", "o", "u", "ae", "eo")
_MIDDLES = ("l", "ll", "m", "n", "nd", "r", "rr", "s", "st", "t", "v", "z", "rk", "lm", "nt", "x")
_ENDINGS = (
    *(
        "a",
        "o",
        "ia",
        "el",
        "en",
        "in",
        "ora",
        "ella",
        "etta",
        "ino",
        "o & Co",
        "ero",
        "ita",
        "ley",
    ),
    *("wick", "ford", "ton", "ova", "us", "ix", "ana", "ello", "elle", "by", "well", "son"),
)
_SUFFIXES = ("", "", "", "", "", "", " Farm", " Bros", " Mill", " Nord", " Sol", " 1884", " House")

_SMALL_PRINT = (
    "wheat flour sugar palm oil cocoa mass whey powder salt emulsifier lecithin natural flavouring "
    "glucose syrup milk solids barley malt extract citric acid pectin vitamin niacin iron "
    "riboflavin starch maize rice oats colour carotene antioxidant ascorbic may contain traces of "
    "nuts soya keep cool and dry best before see side of pack produced for packed in a protective "
    "atmosphere recycle with card at kerbside shake well once open use within three days aqua "
    "glycerin parfum limonene linalool sodium laureth sulfate keep out of reach of children avoid "
    "contact with eyes dosage wash cold rinse thoroughly"
)

_ADJECTIVES = (
    *("Amber", "Silent", "Last", "Hidden", "Winter", "Golden", "Broken", "Paper", "Northern"),
    *("Crimson", "Distant", "Hollow", "Burning", "Electric", "Velvet", "Salt", "Glass", "Wild"),
)
_NOUNS = (
    *("Harbour", "Garden", "Letter", "Orchard", "Machine", "River", "Kingdom", "Shadow", "Engine"),
    *(
        "Lighthouse",
        "Season",
        "Archive",
        "Mountain",
        "Signal",
        "Voyage",
        "Island",
        "Mirror",
        "Tide",
    ),
)


def brand_name(number: int, seed: int) -> str:
    """The invented name of a brand; roots repeat after some 46,000 brands, not before.

    The number is scrambled by an affine map modulo the size of the name space, then read off
    digit by digit, so that names are unique without a table of those given.
    """
    parts = (_ONSETS, _VOWELS, _MIDDLES, _ENDINGS)
    space = int(np.prod([len(part) for part in parts]))
    # 7919 shares no factor with the sizes of the lists, so the map is a permutation.
    code = (number * 7919 + seed * 104_729) % space
    rounds = number // space
    name = ""
    for part in parts:
        code, digit = divmod(code, len(part))
        name += part[digit]
    return name + _SUFFIXES[(number * 5 + rounds) % len(_SUFFIXES)]


def title_words(rng: np.random.Generator) -> str:
    """A title for a book or a film."""
    noun = pick(_NOUNS, rng)
    form = rng.integers(3)
    if form == 0:
        return f"The {pick(_ADJECTIVES, rng)} {noun}"
    if form == 1:
        return f"{pick(_ADJECTIVES, rng)} {noun}"
    return f"{noun} of the {pick(_ADJECTIVES, rng)} {pick(_NOUNS, rng)}"


def fine_print(count: int, rng: np.random.Generator) -> list[str]:
    """``count`` words of small print, with amounts and commas here and there."""
    stock = _SMALL_PRINT.split()
    words = [stock[k] for k in rng.integers(len(stock), size=count)]
    for k in np.flatnonzero(rng.random(count) < 0.3):
        words[k] += ","
    for k in np.flatnonzero(rng.random(count) < 0.1):
        words[k] += f" ({rng.integers(1, 60)}%)"
    return words


def pick(choices: tuple[str, ...], rng: np.random.Generator) -> str:
    """One of ``choices``."""
    return choices[int(rng.integers(len(choices)))]

"""The kinds of goods in the catalogue: what they are called and what their packs promise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flavour:
    """What tells one variant of a line from the next."""

    name: str
    hue_deg: float
    """Hue in OKLCH: 25 red, 60 orange, 100 yellow, 145 green, 200 teal, 260 blue, 310 violet."""
    motif: str
    """Name of the artwork's subject, see `motifs`."""


@dataclass(frozen=True, slots=True)
class Category:
    """A shelf of the shop."""

    name: str
    nouns: tuple[str, ...]
    formats: tuple[str, ...]
    amounts: tuple[str, ...]
    claims: tuple[str, ...]
    flavours: tuple[Flavour, ...]


_FRUIT = (
    Flavour("Strawberry", 20, "berry"),
    Flavour("Orange", 60, "citrus"),
    Flavour("Lemon", 100, "citrus"),
    Flavour("Apple", 135, "round_fruit"),
    Flavour("Cherry", 10, "round_fruit"),
    Flavour("Blueberry", 270, "round_fruit"),
    Flavour("Wild Berry", 340, "berry"),
    Flavour("Lime & Mint", 150, "leaf"),
)
_ROAST = (
    Flavour("Dark Roast", 40, "bean"),
    Flavour("Vanilla", 95, "flower"),
    Flavour("Hazelnut", 65, "nut"),
    Flavour("Decaf", 250, "bean"),
    Flavour("Caramel", 75, "swirl"),
    Flavour("Organic", 145, "leaf"),
    Flavour("Mocha", 20, "chunk"),
)
_SWEET = (
    Flavour("Milk", 260, "chunk"),
    Flavour("Dark 70%", 30, "chunk"),
    Flavour("Hazelnut", 70, "nut"),
    Flavour("Sea Salt", 220, "swirl"),
    Flavour("Raspberry", 0, "berry"),
    Flavour("Orange", 55, "citrus"),
    Flavour("Mint", 165, "leaf"),
    Flavour("Honey", 90, "drop"),
)
_SAVOURY = (
    Flavour("Sea Salt", 250, "crisp"),
    Flavour("Paprika", 30, "chilli"),
    Flavour("Sour Cream", 145, "swirl"),
    Flavour("Sweet Chilli", 15, "chilli"),
    Flavour("Lime", 125, "citrus"),
    Flavour("Tomato & Basil", 35, "round_fruit"),
    Flavour("Roasted Corn", 95, "grain"),
    Flavour("Black Pepper", 290, "bean"),
)
_SCENTS = (
    Flavour("Lavender", 305, "flower"),
    Flavour("Aloe", 150, "leaf"),
    Flavour("Ocean", 235, "drop"),
    Flavour("Citrus", 85, "citrus"),
    Flavour("Rose", 0, "flower"),
    Flavour("Coconut Milk", 70, "swirl"),
    Flavour("Green Tea", 130, "leaf"),
    Flavour("Pure", 210, "drop"),
)
_PETS = (
    Flavour("Chicken", 80, "paw"),
    Flavour("Salmon", 30, "fish"),
    Flavour("Tuna", 250, "fish"),
    Flavour("Lamb & Rice", 320, "paw"),
    Flavour("Rabbit & Herbs", 145, "leaf"),
    Flavour("Beef", 15, "paw"),
)
_VOLUMES = (
    Flavour("Book One", 255, "planet"),
    Flavour("Book Two", 25, "mountains"),
    Flavour("Book Three", 145, "tree"),
    Flavour("Book Four", 300, "skyline"),
    Flavour("Book Five", 85, "mountains"),
    Flavour("Book Six", 190, "planet"),
)
_EDITIONS = (
    Flavour("Director's Cut", 20, "skyline"),
    Flavour("Series One", 250, "planet"),
    Flavour("Series Two", 160, "mountains"),
    Flavour("Special Edition", 80, "skyline"),
    Flavour("The Return", 310, "tree"),
    Flavour("Series Three", 40, "planet"),
)
_FOOD_CLAIMS = (
    *("NEW RECIPE", "100% NATURAL", "NO ADDED SUGAR", "HIGH IN FIBRE", "VEGAN", "GLUTEN FREE"),
    *("SOURCE OF VITAMIN C", "+20% FREE", "FAMILY PACK", "OVEN BAKED", "FAIRLY TRADED"),
)
_CARE_CLAIMS = (
    *("SKIN TESTED", "0% PARABENS", "48H CARE", "NEW", "BIODEGRADABLE", "2 IN 1", "SENSITIVE"),
    *("ULTRA CONCENTRATED", "96% NATURAL ORIGIN", "50 WASHES"),
)
_COVER_CLAIMS = ("BESTSELLER", "2 MILLION COPIES", "AWARD WINNER", "NEW", "5 STARS")

CATEGORIES: tuple[Category, ...] = (
    Category(
        "cereal",
        ("Crunchy Muesli", "Golden Flakes", "Oat Rings", "Honey Clusters", "Porridge Oats"),
        ("box",),
        ("375 g", "500 g", "750 g", "425 g"),
        _FOOD_CLAIMS,
        (*_FRUIT[:4], *_SWEET[2:3], *_SWEET[6:], Flavour("Wholegrain", 75, "grain")),
    ),
    Category(
        "chocolate",
        ("Fine Chocolate", "Pralines", "Truffles", "Chocolate Bar", "Wafer Bites"),
        ("box", "pouch", "wide_box"),
        ("100 g", "180 g", "85 g", "250 g"),
        _FOOD_CLAIMS,
        _SWEET,
    ),
    Category(
        "coffee",
        ("Ground Coffee", "Whole Beans", "Espresso", "Filter Coffee", "Instant Coffee"),
        ("pouch", "can_label", "box"),
        ("250 g", "500 g", "1 kg", "200 g"),
        _FOOD_CLAIMS,
        _ROAST,
    ),
    Category(
        "tea",
        ("Herbal Tea", "Infusion", "Green Tea", "Fruit Tea", "Evening Tea"),
        ("box", "wide_box"),
        ("20 bags", "40 bags", "25 bags", "50 g"),
        _FOOD_CLAIMS,
        (*_FRUIT, Flavour("Camomile", 95, "flower"), Flavour("Peppermint", 160, "leaf")),
    ),
    Category(
        "juice",
        ("Pressed Juice", "Smoothie", "Nectar", "Lemonade", "Sparkling Drink"),
        ("bottle_label", "can_label", "box"),
        ("1 L", "330 ml", "750 ml", "250 ml"),
        _FOOD_CLAIMS,
        _FRUIT,
    ),
    Category(
        "snacks",
        ("Potato Crisps", "Tortilla Chips", "Crackers", "Corn Puffs", "Mixed Nuts"),
        ("pouch", "box", "can_label"),
        ("150 g", "175 g", "90 g", "200 g"),
        _FOOD_CLAIMS,
        _SAVOURY,
    ),
    Category(
        "cosmetics",
        ("Body Lotion", "Shampoo", "Shower Gel", "Hand Cream", "Face Wash"),
        ("bottle_label", "box", "pouch"),
        ("250 ml", "400 ml", "75 ml", "200 ml"),
        _CARE_CLAIMS,
        _SCENTS,
    ),
    Category(
        "cleaning",
        ("Washing Liquid", "Dish Soap", "All Purpose Cleaner", "Fabric Softener", "Powder"),
        ("bottle_label", "box", "pouch"),
        ("1.5 L", "500 ml", "750 ml", "2 kg"),
        _CARE_CLAIMS,
        _SCENTS,
    ),
    Category(
        "pet-food",
        ("Adult Dry Food", "Tender Chunks", "Crunchy Treats", "Fine Pate", "Junior Menu"),
        ("can_label", "pouch", "box"),
        ("400 g", "800 g", "2 kg", "85 g"),
        _FOOD_CLAIMS,
        _PETS,
    ),
    Category("books", ("",), ("cover",), ("",), _COVER_CLAIMS, _VOLUMES),
    Category("films", ("",), ("cover",), ("DVD",), _COVER_CLAIMS, _EDITIONS),
)
"""In no order that matters; a brand keeps to two of them."""

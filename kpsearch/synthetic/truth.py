"""What is known of an item without drawing it."""

from __future__ import annotations

from dataclasses import dataclass

from kpsearch.errors import UsageError
from kpsearch.synthetic.products import CATEGORIES, Category, Flavour
from kpsearch.synthetic.spec import CatalogueSpec, Stream, random_stream
from kpsearch.synthetic.words import brand_name, pick, title_words


@dataclass(frozen=True, slots=True)
class ItemTruth:
    """The known truth of one item."""

    instance: str
    """``item-000042``; ``stranger-000007`` for a pack that is in no catalogue."""
    line: str
    """Items of one line share a design."""
    brand: str
    variant_of: str
    """The instance of the line's first item; empty for that item itself."""
    flavour: str
    category: str
    title: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where item ``number`` stands: which brand, which line, which variant of the line."""

    number: int
    brand: int
    line: int
    variant: int


@dataclass(frozen=True, slots=True)
class Wording:
    """What the pack says it is."""

    brand: str
    noun: str
    flavour: Flavour
    amount: str
    category: Category


@dataclass(frozen=True, slots=True)
class Aspects:
    """In what a pack differs from the item it is made after, which stays in its line.

    A line has as many variants as are asked for; those from ``spec.variants_per_line`` on are in
    no catalogue.
    """

    text: int | None = None
    """The variant whose flavour's name it has, another amount, and other numbers on the panel."""
    artwork: int | None = None
    """The variant whose motif it shows."""
    turned_deg: float = 0.0
    """By how much all hues but that of the logo are turned."""


OWN = Aspects()


def place_of(spec: CatalogueSpec, i: int) -> Place:
    """The place of item ``i`` >= 0; from ``spec.items`` on, packs not in the catalogue."""
    if i < 0:
        raise UsageError(f"item numbers start at 0, not {i}")
    line, variant = divmod(i, spec.variants_per_line)
    return Place(number=i, brand=line // spec.lines_per_brand, line=line, variant=variant)


def wording_of(spec: CatalogueSpec, i: int, aspects: Aspects = OWN) -> Wording:
    """What is printed on item ``i``; all but the flavour is common to its line.

    Another text than the item's own says another amount as well.
    """
    place = place_of(spec, i)
    brand_rng = random_stream(spec.seed, Stream.BRAND, place.brand)
    shelves = brand_rng.integers(len(CATEGORIES), size=2)
    rng = random_stream(spec.seed, Stream.NAMES, place.line)
    category = CATEGORIES[int(rng.choice(shelves))]
    noun = pick(category.nouns, rng) or title_words(rng)
    order = rng.permutation(len(category.flavours)).tolist()
    amount = int(rng.integers(len(category.amounts)))
    if aspects.text is not None:
        amount += 1 + aspects.text
    return Wording(
        brand=brand_name(place.brand, spec.seed),
        noun=noun,
        flavour=_mixed_flavour(category, order, place.variant, aspects),
        amount=category.amounts[amount % len(category.amounts)],
        category=category,
    )


def _mixed_flavour(category: Category, order: list[int], own: int, aspects: Aspects) -> Flavour:
    """Name and motif of the variants that the aspects say, in the item's own hue, turned."""
    name, motif = (
        _flavour(category, order, own if variant is None else variant)
        for variant in (aspects.text, aspects.artwork)
    )
    hue_deg = (_flavour(category, order, own).hue_deg + aspects.turned_deg) % 360
    return Flavour(name.name, hue_deg, motif.motif)


def _flavour(category: Category, order: list[int], variant: int) -> Flavour:
    """The variant's flavour: one each while they last, then mixtures of two."""
    count = len(order)
    first = category.flavours[order[variant % count]]
    rounds = variant // count
    if rounds == 0:
        return first
    second = category.flavours[order[(variant + rounds) % count]]
    mean_hue = (first.hue_deg + 0.35 * (second.hue_deg - first.hue_deg)) % 360
    return Flavour(f"{first.name} & {second.name}", mean_hue, second.motif)


def instance_id(spec: CatalogueSpec, i: int) -> str:
    """The name of item ``i`` in manifests and truth files."""
    if i >= spec.first_stranger:
        return f"stranger-{(i - spec.first_stranger) // spec.variants_per_line:06d}"
    return f"item-{i:06d}"


def item_truth(spec: CatalogueSpec, i: int) -> ItemTruth:
    """All that is known of item ``i``."""
    place, words = place_of(spec, i), wording_of(spec, i)
    parts = (words.brand, words.noun, words.flavour.name, words.amount)
    return ItemTruth(
        instance=instance_id(spec, i),
        line=f"line-{place.line:06d}",
        brand=words.brand,
        variant_of=instance_id(spec, i - place.variant) if place.variant else "",
        flavour=words.flavour.name,
        category=words.category.name,
        title=" ".join(part for part in parts if part),
    )

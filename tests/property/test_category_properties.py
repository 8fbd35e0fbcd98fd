"""Categories of images as text, and searches restricted to any images at all."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kpsearch.features import extract_features
from kpsearch.images import mirror, read_image
from kpsearch.index import CategoryColumn, ImageCategory
from kpsearch.index.manifest import Manifest, parse
from kpsearch.index.packing import pack
from kpsearch.options import (
    CategoryFacts,
    ClassifierFacts,
    ExpansionOptions,
    FeatureOptions,
    SearchOptions,
    VerificationOptions,
)
from kpsearch.search import Searcher, StageLog, View
from kpsearch.search.category import NOT_VERIFIED, Restriction
from kpsearch.search.view import placed
from kpsearch.types import CategoryOutcome, Hit
from tests.indexes import written

texts = settings(max_examples=50)
names = st.text(st.sampled_from("a?|\\/ é\n"), min_size=1, max_size=6) | st.text(min_size=1)
categories = (
    st.just(ImageCategory())
    | st.builds(ImageCategory.own, names)
    | st.builds(
        ImageCategory,
        st.lists(names, min_size=1, max_size=4).map(tuple),
        predicted=st.just(True),
    )
)


@texts
@given(categories)
def test_a_category_is_what_its_text_says(category):
    assert ImageCategory.parse(str(category)) == category


@texts
@given(categories, categories)
def test_two_categories_never_have_one_text(one, other):
    assert (str(one) == str(other)) == (one == other)


@texts
@given(st.text(st.sampled_from("a?|\\")))
def test_every_text_is_a_category(text):
    category = ImageCategory.parse(text)
    assert "" not in category.names
    assert ImageCategory.parse(str(category)) == category


@texts
@given(st.lists(st.sampled_from(["", "a", "b", "?a|b", "?b", "a/b"])))
def test_a_column_knows_each_images_category(texts):
    column = CategoryColumn.of(texts)
    assert [str(column.distinct[code]) for code in column.code] == texts
    held = column.where(lambda category: "a" in category.names)
    assert held.tolist() == ["a" in ImageCategory.parse(text).names for text in texts]


@texts
@given(names, st.floats(1e-6, 0.999), st.booleans())
def test_a_manifest_remembers_its_classifier(model, alpha, remembers):
    entry = written(pack({}, {"kind": "test"}), "v.h5")[1]
    facts = CategoryFacts(ClassifierFacts(model, "0" * 32), alpha) if remembers else None
    manifest = Manifest(1, "0", FeatureOptions(), entry, categories=facts)
    assert parse(manifest.to_bytes()) == manifest
    version = json.loads(manifest.to_bytes())["format_version"]
    assert version == manifest.format_version == (5 if remembers else 3)


# Any restriction of a search, on the nine packs and their photos

few = settings(max_examples=10)
UNRESTRICTED = CategoryOutcome("auto", (), 9, 9)
masks = st.lists(st.booleans(), min_size=9, max_size=9).map(lambda m: np.array(m, np.bool_))
UNGUIDED = SearchOptions(verification=VerificationOptions(guided=0))
"""The best few are matched again: of some images others than of all."""
ways = st.sampled_from(
    [
        UNGUIDED,
        replace(UNGUIDED, limit=3),
        replace(UNGUIDED, mirrored=True),
        replace(UNGUIDED, expansion=ExpansionOptions()),
    ]
)


@pytest.fixture(scope="module")
def searcher(catalogue_index):
    searcher = Searcher.open(catalogue_index)
    assert searcher.snapshot.slots == 9
    return searcher


@pytest.fixture(scope="module")
def views(catalogue, searcher):
    """The views of each photo, by whether it is mirrored too; the last is of a stranger."""
    with open(catalogue / "manifest.csv", encoding="utf-8") as file:
        photos = [row["path"] for row in csv.DictReader(file) if row["role"] == "query"]

    @cache
    def of(number: int, mirrored: bool) -> list[View]:
        picture = read_image(catalogue / photos[number])
        options = searcher.snapshot.manifest.features
        view = View.whole(extract_features(picture, options))
        turned = extract_features(mirror(picture), options)
        other = placed(turned, replace(view.placement, mirrored=True))
        return [view, other] if mirrored else [view]

    assert len(photos) == 4
    return of


def told(hit: Hit) -> tuple[object, ...]:
    transform = None if hit.transform is None else hit.transform.tobytes()
    return hit.path, hit.score, hit.verified, hit.inliers, transform, hit.mirrored, hit.via


@few
@given(st.integers(0, 3), masks, ways)
def test_a_restriction_leaves_out_the_others_or_changes_nothing(
    searcher, views, photo, mask, options
):
    asked, log, all_hits = views(photo, options.mirrored), StageLog(), replace(options, limit=9)
    plain = searcher.rank(asked, all_hits, StageLog())
    hits = searcher.rank(
        asked, options, log, restriction=Restriction(UNRESTRICTED, sought=mask.copy())
    )
    outcome = log.category
    slots = {hit.path: searcher.snapshot.find(hit.path) for hit in plain}
    inside = [hit for hit in plain if mask[slots[hit.path]]]
    if not any(hit.verified and hit.via is None for hit in inside):
        assert outcome == replace(UNRESTRICTED, whole=True, reason=NOT_VERIFIED)
        inside = list(plain)
        assert [hit.log_odds for hit in hits] == [hit.log_odds for hit in plain[: len(hits)]]
    else:
        assert outcome == UNRESTRICTED
    assume(options.expansion is None)  # else another seed may have found an image
    assert list(map(told, hits)) == list(map(told, inside[: options.limit]))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


@few
@given(st.integers(0, 3), masks, ways)
def test_a_category_by_name_is_a_smaller_index(searcher, views, photo, mask, options):
    asked = views(photo, options.mirrored)
    named = CategoryOutcome("name", ("name",), int(mask.sum()), 9)
    hits = searcher.rank(asked, options, StageLog(), restriction=Restriction(named, barred=~mask))
    others = [searcher.snapshot.record(int(slot)).path for slot in np.flatnonzero(~mask)]
    left = searcher.rank(asked, options, StageLog(), exclude=others)
    assert [(told(h), h.log_odds) for h in hits] == [(told(h), h.log_odds) for h in left]

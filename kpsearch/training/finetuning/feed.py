"""What the trained blocks of a network are fed with: pictures, past the frozen blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kpsearch.embedding.preprocessing import model_input
from kpsearch.options import EmbeddingOptions
from kpsearch.training.finetuning.augmentation import Pixels, augmented
from kpsearch.training.finetuning.network import GraphNetwork
from kpsearch.training.finetuning.options import Augmentation
from kpsearch.training.finetuning.pictures import Pictures
from kpsearch.types import ImageSize

Version = Callable[[int, int], npt.NDArray[np.generic]]
"""Number of a picture and of a version of it, to (1, 3, side, side) input of the network."""


class Feed:
    """Batches for `GraphNetwork.after_trunk`, while the frozen blocks stay what they are.

    What the frozen blocks make of a version is kept as long as there is room in memory.
    """

    def __init__(self, network: GraphNetwork, version: Version, *, memory_bytes: int) -> None:
        self._network = network
        self._version = version
        self._room_bytes = memory_bytes if network.frozen else 0
        self._kept: dict[tuple[int, int], Tensor] = {}

    def batch(self, numbers: Sequence[int], version: int) -> Tensor:
        """(n, ...), in the order of the pictures' numbers."""
        missing = [number for number in numbers if (number, version) not in self._kept]
        new = dict(zip(missing, self._made(missing, version), strict=True))
        found = [
            new[number] if number in new else self._kept[number, version] for number in numbers
        ]
        bytes_needed = sum(value.nbytes for value in new.values())
        if bytes_needed <= self._room_bytes:
            self._room_bytes -= bytes_needed
            self._kept |= {(number, version): value for number, value in new.items()}
        return torch.stack(found)

    def _made(self, numbers: Sequence[int], version: int) -> Sequence[Tensor]:
        if not numbers:
            return ()
        images = np.concatenate([self._version(number, version) for number in numbers])
        return self._network.trunk(torch.from_numpy(images)).unbind()


def augmented_versions(
    pictures: Pictures, preprocessing: EmbeddingOptions, augmentation: Augmentation, *, seed: int
) -> Version:
    """Any number of versions, each drawn from the seed, its own number and the picture's."""

    def version(number: int, which: int) -> npt.NDArray[np.generic]:
        rng = np.random.default_rng((seed, which, number))
        view = augmented(pictures[number], _side_px(preprocessing), augmentation, rng=rng)
        return _input(view, preprocessing, None)

    return version


def centred_versions(
    pictures: Pictures, preprocessing: EmbeddingOptions, shares: Sequence[float | None]
) -> Version:
    """The centre of a picture, as large a share of its shorter side as each of ``shares``."""
    return lambda number, which: _input(pictures[number], preprocessing, shares[which])


def _input(
    pixels: Pixels, preprocessing: EmbeddingOptions, crop: float | None
) -> npt.NDArray[np.generic]:
    side = _side_px(preprocessing)
    return model_input(
        pixels,
        ImageSize(side, side),
        replace(preprocessing, crop=crop),
        channels_first=True,
        dtype=np.float32,
    )


def _side_px(preprocessing: EmbeddingOptions) -> int:
    assert preprocessing.size is not None  # `finetune` has seen to it
    return preprocessing.size

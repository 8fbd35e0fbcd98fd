"""Gradual unfreezing: phases of epochs, each phase from the best weights of the one before."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

import numpy as np
import torch
from torch import Tensor

from kpsearch.options import EmbeddingOptions
from kpsearch.training.finetuning.descent import Descent
from kpsearch.training.finetuning.feed import Feed, Version, augmented_versions, centred_versions
from kpsearch.training.finetuning.network import GraphNetwork
from kpsearch.training.finetuning.objective import calibrated_loss, loss_of, picture_weights
from kpsearch.training.finetuning.options import FinetuneOptions, Phase
from kpsearch.training.finetuning.outcome import Epoch
from kpsearch.training.finetuning.pictures import Pictures
from kpsearch.training.finetuning.weights import copied, restore


class Course:
    """The training of one network, from the model as it was given to the best that was found."""

    def __init__(
        self,
        network: GraphNetwork,
        training: Pictures,
        validation: Pictures,
        preprocessing: EmbeddingOptions,
        options: FinetuneOptions,
        *,
        views: Sequence[float | None],
        judge: Callable[[], tuple[float, float]] | None = None,
    ) -> None:
        self._network = network
        self._training = training
        self._validation = validation
        self._options = options
        self._views = range(len(views))
        self._judge = judge
        self._augmented = augmented_versions(
            training, preprocessing, options.augmentation, seed=options.seed
        )
        self._centred = centred_versions(validation, preprocessing, views)
        self._weights = torch.from_numpy(picture_weights(training.samples, options.balance))
        self._targets = _targets(training)
        self._best = copied(network.weights)
        self._lowest = math.inf
        self.best = 0
        """Number of the epoch with the lowest validation loss; the last where nothing judges."""
        self.curves: list[Epoch] = []

    def run(self, progress: Callable[[int, int], None]) -> None:
        """All phases. However it ends, the network has the best weights then."""
        total = sum(phase.epochs for phase in self._options.phases)
        begun = 0
        try:
            self._judge_start()
            for number, phase in enumerate(self._options.phases, 1):
                for epoch in self._phase(number, phase):
                    progress(begun + epoch, total)
                begun += phase.epochs
        finally:
            restore(self._network.weights, self._best)

    def _judge_start(self) -> None:
        self._network.train_last(0)
        loss, accuracy = self._validate(self._feed(self._centred))
        self.curves.append(Epoch(0, 0, 0, 0.0, None, loss, accuracy, 0.0))

    def _phase(self, number: int, phase: Phase) -> Iterator[int]:
        """Epochs until the last few were no better; yields how many are done."""
        network = self._network
        network.train_last(phase.blocks)
        batches = math.ceil(len(self._training) / self._options.batch)
        descent = Descent(network, phase, self._options, steps=phase.epochs * batches)
        training, validation = self._feed(self._augmented), self._feed(self._centred)
        last_better = 0
        for done in range(1, phase.epochs + 1):
            begun = monotonic()
            train_loss = self._epoch(training, descent)
            loss, accuracy = self._validate(validation)
            last_better = done if self._keep_if_better(loss) else last_better
            place = (len(self.curves), number, len(network.blocks) - network.frozen, descent.rate)
            self.curves.append(Epoch(*place, train_loss, loss, accuracy, monotonic() - begun))
            yield done
            if self._options.patience is not None and done - last_better >= self._options.patience:
                break
        restore(network.weights, self._best)

    def _epoch(self, feed: Feed, descent: Descent) -> float:
        """Mean loss over all pictures, each learned from once, in this epoch's view."""
        epoch, options = len(self.curves) - 1, self._options
        order = np.random.default_rng((options.seed, epoch)).permutation(len(self._training))
        total = 0.0
        for begin in range(0, len(order), options.batch):
            numbers = order[begin : begin + options.batch]
            value = feed.batch(numbers.tolist(), epoch % options.versions)
            loss = loss_of(
                self._network.after_trunk(value),
                self._targets[numbers],
                self._weights[numbers],
                smoothing=options.label_smoothing,
            )
            descent.step(loss)
            total += loss.item() * len(numbers)
        return total / len(order)

    @torch.no_grad()
    def _validate(self, feed: Feed) -> tuple[float | None, float | None]:
        """Calibrated loss and accuracy of the weights as they are; None where nothing judges."""
        if self._judge is not None:
            return self._judge()
        pictures, size = range(len(self._validation)), self._options.batch
        if not pictures:
            return None, None
        logits = torch.cat(
            [
                self._mean_logits(feed, pictures[begin : begin + size])
                for begin in range(0, len(pictures), size)
            ]
        )
        targets = _targets(self._validation)
        accuracy = (logits.argmax(1) == targets).double().mean()
        return calibrated_loss(logits, targets), accuracy.item()

    def _mean_logits(self, feed: Feed, numbers: Sequence[int]) -> Tensor:
        """(n, K) on average over the views, as the classifier will answer."""
        each = [self._network.after_trunk(feed.batch(numbers, view)) for view in self._views]
        return torch.stack(each).mean(0)

    def _keep_if_better(self, loss: float | None) -> bool:
        if self._options.patience is not None and loss is not None:
            if not loss < self._lowest:
                return False
            self._lowest = loss
        self._best = copied(self._network.weights)
        self.best = len(self.curves)
        return True

    def _feed(self, version: Version) -> Feed:
        return Feed(self._network, version, memory_bytes=self._options.memory_bytes)


def _targets(pictures: Pictures) -> Tensor:
    return torch.tensor([sample.target for sample in pictures.samples], dtype=torch.int64)

"""Stochastic gradient descent through one phase of the training."""

from __future__ import annotations

import torch
from torch import Tensor

from kpsearch.training.finetuning.network import GraphNetwork
from kpsearch.training.finetuning.options import FinetuneOptions, Phase
from kpsearch.training.finetuning.schedule import rate_at
from kpsearch.training.finetuning.weights import copied


class Descent:
    """Momentum, clipped gradients and a scheduled rate for the weights that a phase trains.

    Weights decay towards where the phase found them, not towards 0 (L2-SP: Li et al., ICML 2018,
    eq. 3): a network with its batch normalisation folded in has no scale to lose.
    """

    def __init__(
        self, network: GraphNetwork, phase: Phase, options: FinetuneOptions, *, steps: int
    ) -> None:
        self._phase = phase
        self._options = options
        self._steps = steps
        self._step = 0
        self._parameters = network.trained_parameters()
        self._start = copied(self._parameters)
        self._optimizer = torch.optim.SGD(
            self._parameters.values(), lr=phase.rate, momentum=options.momentum
        )
        self.rate = 0.0
        """Of the last step."""

    def step(self, loss: Tensor) -> None:
        """One step down a loss that was computed with the weights as they are."""
        self.rate = rate_at(
            self._step, self._steps, peak=self._phase.rate, warm_up=self._options.warm_up
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self.rate
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._decay()
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), self._options.clip_norm)
        self._optimizer.step()
        self._step += 1

    @torch.no_grad()
    def _decay(self) -> None:
        for name, parameter in self._parameters.items():
            if parameter.grad is not None and parameter.ndim > 1:
                parameter.grad.add_(parameter - self._start[name], alpha=self._options.weight_decay)

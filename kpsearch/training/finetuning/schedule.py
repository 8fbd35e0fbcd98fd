"""Learning rates over a phase of training."""

from __future__ import annotations

from math import cos, pi


def rate_at(step: int, steps: int, *, peak: float, warm_up: float) -> float:
    """The rate of a step, counted from 0, of ``steps``.

    It rises linearly over the share ``warm_up`` of the steps (Goyal et al., arXiv 1706.02677,
    section 2.2), then falls along a half cosine, never quite to 0 (Loshchilov and Hutter, ICLR
    2017, eq. 5, without restarts).
    """
    rising = round(warm_up * steps)
    if step < rising:
        return peak * (step + 1) / (rising + 1)
    return peak * (1 + cos(pi * (step - rising) / (steps - rising))) / 2

"""The delta trace: how far apart the streams of two clips are, layer by layer (the paper, section 4.1).

    delta_l = mean_t ||x_l,t(positive) - x_l,t(negative)||

It is cumulative, and the stream itself grows: the norms of both streams are kept to relate it to. The same is
traced of what the model pools, before the final norm. Where that is a token of its own (CLS), its delta at
the embedding is exactly 0, since it has not yet read a pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuit_claims.measure.results import Apart, DeltaTrace
from circuit_claims.measure.runs import clean_walk
from circuit_claims.models.device import float64
from circuit_claims.models.residual import ResidualModel

__all__ = ["Apart", "DeltaTrace", "delta_trace"]

STREAMS = ("resid_pre", "resid_post")


def delta_trace(model: ResidualModel, positive_pixels: Tensor, negative_pixels: Tensor) -> DeltaTrace:
    """Trace two clips, each `[frame, 3, h, w]`, through the embedding and every block.

    Raises MeasurementError for clips of the wrong shape, and for NaN or Inf.
    """
    with torch.inference_mode():
        runs = [
            clean_walk(model, pixels, role)
            for role, pixels in (("positive", positive_pixels), ("negative", negative_pixels))
        ]
        trace: list[Apart] = []
        for (site, positive), (_, negative) in zip(*runs, strict=True):
            if site.kind in STREAMS:
                pooled = _norms(model.pool(positive), model.pool(negative))
                trace.append(Apart(*pooled, *_norms(positive[0], negative[0])))
        says = [model.readout(resid) for resid in (positive, negative)]
        tops = [int(readout.logits[0].argmax()) for readout in says]
    return DeltaTrace(trace[0], tuple(trace[1:]), *_norms(*(readout.summary for readout in says)), *tops)


def _norms(positive: Tensor, negative: Tensor) -> tuple[float, float, float]:
    """Mean over tokens of the norms of (positive - negative, positive, negative), each `[token, d_model]`."""
    p, n = float64(positive), float64(negative)
    delta, of_positive, of_negative = (float(value.norm(dim=-1).mean()) for value in (p - n, p, n))
    return delta, of_positive, of_negative

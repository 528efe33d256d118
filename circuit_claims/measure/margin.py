"""What an ablation is read by: the logit of the label that the model gave the clip, and its margin.

The margin is the label's logit minus the highest of the others: the label is lost where it is negative.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from circuit_claims.measure.digits import digits
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.runs import in_batches, narrow_at, require_finite
from circuit_claims.models.device import float64
from circuit_claims.models.residual import EVERY_ROW, Readout, ResidualModel
from circuit_claims.models.sites import resid_post


def run_on(model: ResidualModel, states: Tensor, start: int = 0) -> Readout:
    """Take streams on from `model.writes[start]` to what the model says.

    Args:
        model: the model.
        states: streams `[batch, token, d_model]` before that write, run in batches that the model fixes.
        start: index of the first write that is still to be added.

    Returns:
        The readout of the batch. Raises MeasurementError for NaN or Inf.
    """
    runs = [_run_on(model, batch, start) for batch in in_batches(model, states)]
    says = Readout(torch.cat([run.logits for run in runs]), torch.cat([run.summary for run in runs]))
    require_finite(model, "ablated run, logits", resid_post(model.n_layers - 1), says.logits)
    return says


def _run_on(model: ResidualModel, resid: Tensor, start: int) -> Readout:
    """One batch. From the last attention on only the tokens that the readout reads are computed."""
    narrow = narrow_at(model)
    if narrow is not None and start > narrow:
        resid = resid[:, model.reads]
    for index in range(start, len(model.writes)):
        rows = model.reads if index == narrow else EVERY_ROW
        resid = resid[:, rows] + model.writes[index].at(resid, rows)
    return model.readout(resid)


def margins(logits: Tensor, label: int) -> Tensor:
    """Logits `[batch, label]` -> the label's logit minus the highest other `[batch]`.

    Raises MeasurementError for a model of one label, which has no other.
    """
    if logits.shape[-1] < 2:
        raise MeasurementError("a model of one label has no margin: ablations are read by it")
    others = logits.clone()
    others[:, label] = -torch.inf
    return logits[:, label] - others.max(dim=-1).values


def said(logits: Tensor, label: int) -> list[dict[str, Any]]:
    """What each run `[batch, label]` says of the label, as the store keeps it."""
    found = zip(logits[:, label].tolist(), margins(logits, label).tolist(), strict=True)
    return [{"logit": digits(logit), "margin": digits(margin)} for logit, margin in found]


def spread(logits: Tensor) -> float:
    """The standard deviation of one run's logits `[1, label]` over the labels."""
    deviation: float = digits(float(float64(logits[0]).std(unbiased=False)))
    return deviation

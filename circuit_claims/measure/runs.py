"""Running clips: the clean run of a clip, which all measurements share, and patched states in batches.

What a clip's own run writes is asked for by the trace, every patch, every ablation and every probe. It is
kept while there is room (`RUNS_KEPT`), as long as the clip's pixels are: the next measurement of the same
clip goes on from what is there. Kept or not, the numbers are the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.models.residual import EVERY_ROW, ResidualModel, Write
from circuit_claims.models.sites import Site, resid_pre

STATE_TOKENS = {"cpu": 512}
"""Tokens of all states of one batch, at most. On a CPU a batch that leaves the cache is slower than none."""
STATE_TOKENS_ELSEWHERE = 65_536
RUNS_KEPT = 192 * 2**20
"""Bytes of clean runs kept for one model: every clip of the embedded set, three of a ViViT-B at 8 frames."""

T = TypeVar("T")
_MOST: ContextVar[int | None] = ContextVar("states in one batch, at most", default=None)
"""Set while a measurement is repeated in smaller batches."""
_KEPT: WeakIdKeyDictionary = WeakIdKeyDictionary()
"""By model, by pixels: the embedding and the writes of the run, as far as it went."""


class Step(NamedTuple):
    """One write of a clip's own run. The tensors are shared between measurements: never change them."""

    write: Write
    before: Tensor
    """The stream that it reads, `[1, token, d_model]`."""
    out: Tensor
    """What it writes."""
    after: Tensor
    """The stream with it."""


def clean_run(model: ResidualModel, pixels: Tensor, role: str, narrow: int | None = None) -> Iterator[Step]:
    """Each write of a clip's own run.

    From the write of index `narrow` on, `out` and `after` have only the rows that the readout reads.

    Call it under `torch.inference_mode()`. Raises MeasurementError for a clip of the wrong shape, and, naming
    `role`, at the first stream that has NaN or Inf.
    """
    parts = _kept(model, pixels)
    known = parts is not None and len(parts) > 0
    resid = parts[0] if parts and known else model.embed(one_clip(model, pixels, role))
    if parts is not None and not known:
        parts.append(resid)
    require_finite(model, role, resid_pre(0), resid)
    for index, write in enumerate(model.writes):
        rows = model.reads if index == narrow else EVERY_ROW
        shares = parts is not None and (narrow is None or index < narrow)
        if parts is not None and shares and index + 1 < len(parts):
            out = parts[index + 1]
        else:
            out = write.at(resid, rows)
            if parts is not None and shares:
                parts.append(out)
        after = resid[:, rows] + out
        if not all_finite(after):
            require_finite(model, role, write.site, out)
            require_finite(model, role, write.after, after)
        yield Step(write, resid, out, after)
        resid = after


def clean_walk(model: ResidualModel, pixels: Tensor, role: str) -> Iterator[tuple[Site, Tensor]]:
    """Every site of a clip's own run with its tensor, as `walk` has it; otherwise as `clean_run`."""
    for index, step in enumerate(clean_run(model, pixels, role)):
        if index == 0:
            yield resid_pre(0), step.before
        yield step.write.site, step.out
        yield step.write.after, step.after


def last_stream(run: Iterator[tuple[Site, Tensor]]) -> Tensor:
    """The stream that a run ends with, `[batch, token, d_model]`."""
    resid = torch.empty(0)
    for _, resid in run:  # noqa: B007 - the last is meant
        pass
    return resid


def _kept(model: ResidualModel, pixels: Tensor) -> list[Tensor] | None:
    """Where the run of these pixels is kept; None where there is no room."""
    if pixels.is_inference():
        return None  # such a tensor does not say whether it was changed
    if model not in _KEPT:
        _KEPT[model] = WeakIdKeyDictionary()
    runs = _KEPT[model]
    version, parts = runs.get(pixels, (None, None))
    if parts is not None and version == pixels._version:
        found: list[Tensor] = parts
        return found
    of_one = 4 * (1 + len(model.writes)) * model.n_tokens * model.d_model
    if (len(runs) + 1) * of_one > RUNS_KEPT:
        return None
    begun: list[Tensor] = []
    runs[pixels] = (pixels._version, begun)
    return begun


def one_clip(model: ResidualModel, pixels: Tensor, role: str) -> Tensor:
    """A clip `[frame, 3, h, w]` (or a batch of one) as `[1, frame, 3, h, w]` on the model's device."""
    batch = pixels[None] if pixels.ndim == 4 else pixels
    expected = [model.frames, 3, model.image_size, model.image_size]
    if list(batch.shape) != [1, *expected]:
        raise MeasurementError(
            f"{model.name}, {role}: pixels are {list(pixels.shape)}, and the model reads one clip {expected} "
            "(frame, channel, h, w); make it with model.preprocess(frames)"
        )
    if not all_finite(batch):
        raise MeasurementError(f"{model.name}, {role}: there are NaN or Inf among the pixels")
    return batch.to(model.device)


def checked(
    model: ResidualModel, role: str, run: Iterator[tuple[Site, Tensor]]
) -> Iterator[tuple[Site, Tensor]]:
    """A run, stopped with MeasurementError at the first site that has NaN or Inf."""
    for site, value in run:
        require_finite(model, role, site, value)
        yield site, value


def require_finite(model: ResidualModel, role: str, site: Site, value: Tensor) -> None:
    """Raise MeasurementError, naming model, role and site, unless every number is finite."""
    if not all_finite(value):
        count = int((~torch.isfinite(value)).sum())
        raise MeasurementError(
            f"{model.name}, {role}, {site}: {count} of {value.numel()} numbers are NaN or Inf; "
            "check the weights and the range of the pixels"
        )


def all_finite(value: Tensor) -> bool:
    """Whether every number is finite: one NaN or Inf makes the sum one too, and a sum is cheap."""
    return math.isfinite(float(value.sum())) or bool(torch.isfinite(value).all())


def batch_plan(model: ResidualModel) -> int:
    """States in one batch: fixed by the model and its kind of device, never by what happens to be free.

    Only where that did not fit (`backing_off`) there are fewer.
    """
    device = model.device.partition(":")[0]
    fixed = max(1, STATE_TOKENS.get(device, STATE_TOKENS_ELSEWHERE) // model.n_tokens)
    return min(fixed, _MOST.get() or fixed)


def backing_off(
    measure: Callable[[], T], model: Callable[[], ResidualModel], most: int | None = None
) -> tuple[T, int | None]:
    """Measure, and where the device runs out of memory, again with half the states in a batch.

    Numbers depend on the batches within float32's rounding only.

    Args:
        measure: what is measured, from its beginning.
        model: the model that it is measured on, asked for only where memory ran out.
        most: states in one batch at most, where more are known not to fit.

    Returns:
        What was measured, and the most states in a batch (None: as `batch_plan` has them). Raises
        MeasurementError where there is no memory for one state, and whatever else `measure` raises.
    """
    while True:
        before = _MOST.set(most)
        try:
            return measure(), most
        except RuntimeError as fault:
            if not _out_of_memory(fault):
                raise
            plan = batch_plan(model())
            if plan == 1:
                raise MeasurementError(_no_room(model())) from None
        finally:
            _MOST.reset(before)
        # Out here nothing holds what the failed attempt had made.
        _KEPT.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        most = plan // 2


def _out_of_memory(fault: Exception) -> bool:
    """Whether a device had no memory left; Apple's says it in words only."""
    return isinstance(fault, torch.OutOfMemoryError) or "MPS backend out of memory" in str(fault)


def _no_room(model: ResidualModel) -> str:
    return (
        f"{model.name}: {model.device} ran out of memory with one patched state in a batch; keep fewer "
        f"states beside it (--circuit-memory below {model.memory // 2**20}MiB), free the device, or take "
        "--circuit-device cpu"
    )


def in_chunks(model: ResidualModel, sites: Sequence[T], max_states: int) -> Iterator[Sequence[T]]:
    """The sites of one sweep in as few parts as the model's memory allows, each a sweep of its own.

    Besides the states there are the clean runs, and what a write computes for one batch (queries, keys,
    values, the hidden layer): about twelve streams a state. Raises MeasurementError, saying what would do,
    where there is no room for one state.
    """
    stream = 4 * model.n_tokens * model.d_model
    besides = (6 + 12 * max_states) * stream
    room = (model.memory - besides) // stream
    if room < 1:
        needed = math.ceil((besides + stream) / 2**20)
        raise MeasurementError(
            f"{model.name}: {model.memory / 2**20:.4g} MiB has no room for one patched state; "
            f"--circuit-memory {needed}MiB is the least that would do"
        )
    for first in range(0, max(1, len(sites)), room):
        yield sites[first : first + room]


def in_batches(model: ResidualModel, states: Tensor) -> Iterator[Tensor]:
    """Views of as many streams as go through the model at once."""
    plan = batch_plan(model)
    for first in range(0, len(states), plan):
        yield states[first : first + plan]


def go_on(write: Write, started: Tensor, count: int, rows: slice, max_states: int) -> Tensor:
    """The first `count` states through one write, in batches of `max_states`; in place unless narrowed."""
    after = started if rows == EVERY_ROW else started[:, rows].clone()
    for first in range(0, count, max_states):
        batch = slice(first, min(first + max_states, count))
        after[batch] += write.at(started[batch], rows)
    return after


def narrow_at(model: ResidualModel) -> int | None:
    """The write from which on only the rows that the readout reads are needed; None where it reads all."""
    if model.reads == EVERY_ROW:
        return None
    return max(index for index, write in enumerate(model.writes) if write.mixes_tokens)

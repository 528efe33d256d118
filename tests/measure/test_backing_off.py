"""Where the device has no memory for the batch plan, the same numbers are measured in smaller batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, integer_toy
from tiny_vivit import build_vivit
from torch import Tensor

from circuit_claims.measure import runs
from circuit_claims.measure.ablation import ablate_each, zero
from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.labour import labour
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.runs import backing_off, batch_plan
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import ResidualModel

pytestmark = pytest.mark.machines


def cuda_error() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def with_room_for(
    model: ResidualModel, states: int, fault: Callable[[], Exception] = cuda_error
) -> ResidualModel:
    """The model on a device that runs out of memory when a write reads more states at once."""

    def limited(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def computed(resid: Tensor, *rows: slice) -> Tensor:
            if resid.shape[0] * resid.shape[1] > states * model.n_tokens:
                raise fault()
            return function(resid, *rows)

        return computed

    writes = tuple(
        replace(w, function=limited(w.function), at_rows=w.at_rows and limited(w.at_rows))
        for w in model.writes
    )
    return replace(model, writes=writes)


def planned(model: ResidualModel, states: int) -> Any:
    """Plan so many states of a model in one batch."""
    return patch.object(runs, "STATE_TOKENS", {"cpu": states * model.n_tokens})


@pytest.mark.parametrize(("room", "tried"), [(8, [8]), (3, [8]), (2, [8, 4, 2]), (1, [8, 4, 2, 1])], ids=str)
def test_the_plan_is_halved_until_it_fits(room: int, tried: list[int]) -> None:
    """The toy's wavefront has three states at most, before its last write."""
    toy = integer_toy()
    model, plans = with_room_for(toy, room), []

    def measure() -> Any:
        plans.append(batch_plan(model))
        return sweep(model, DONOR, RECIPIENT).patches

    with planned(toy, 8):
        found, most = backing_off(measure, lambda: model)
        assert found == sweep(toy, DONOR, RECIPIENT).patches, "integers, so to the last bit"
        assert plans == tried
        assert most == (None if tried == [8] else tried[-1])
        assert batch_plan(model) == 8, "what comes after begins with the plan, unless it is told"
        plans.clear()
        assert backing_off(measure, lambda: model, most) == (found, most)
        assert plans == [tried[-1]]


@pytest.mark.parametrize(
    "fault",
    [
        lambda: RuntimeError("CUDA error: an illegal memory access was encountered"),
        lambda: MeasurementError("there are NaN"),
        lambda: MemoryError("12 GB"),
        KeyboardInterrupt,
    ],
    ids=["runtime", "measurement", "host memory", "interrupt"],
)
def test_another_error_is_not_swallowed(fault: Callable[[], Any]) -> None:
    toy, tried = integer_toy(), []

    def measure() -> Any:
        tried.append(batch_plan(toy))
        return sweep(with_room_for(toy, 1, fault), DONOR, RECIPIENT)

    with planned(toy, 8), pytest.raises(type(fault()), match=str(fault()) or None):
        backing_off(measure, lambda: toy)
    assert tried == [8]
    assert batch_plan(toy) != 8


def test_apples_words_for_it_are_understood() -> None:
    toy = integer_toy()
    apple = with_room_for(
        toy,
        1,
        lambda: RuntimeError("MPS backend out of memory (MPS allocated: 17.98 GB, max allowed: 18 GB)"),
    )
    with planned(toy, 4):
        _, most = backing_off(lambda: sweep(apple, DONOR, RECIPIENT), lambda: apple)
    assert most == 1


def test_without_room_for_one_state_the_error_says_what_to_do() -> None:
    model = with_room_for(integer_toy(), 0)
    with planned(model, 2), pytest.raises(MeasurementError, match="--circuit-memory below 4096MiB"):
        backing_off(lambda: sweep(model, DONOR, RECIPIENT), lambda: model)


@cache
def _tiny() -> ResidualModel:
    hf_model = build_vivit(num_hidden_layers=2)
    return load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="0"))


def _numbers(value: Any) -> Any:
    """Norms, tables and results as nested plain data with keys that compare."""
    if hasattr(value, "__dataclass_fields__"):
        return _numbers(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _numbers(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return {str(at): _numbers(inner) for at, inner in enumerate(value)}
    return value


def _flat(value: Any, at: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {
            key: one for name, inner in value.items() for key, one in _flat(inner, f"{at}.{name}").items()
        }
    return {at: value}


MEASURES: dict[str, Callable[[ResidualModel, Tensor, Tensor], Any]] = {
    "sweep": lambda model, a, b: sweep(model, a, b).patches,
    "sweep of the summary": lambda model, a, b: sweep(model, a, b, tokens=False).patches,
    "heads": lambda model, a, b: sweep_heads(model, a, b, [(0, 0), (0, 1), (1, 0), (1, 1)]),
    "labour": lambda model, a, b: labour(model, a, b, 0, 1),
    "ablation": lambda model, a, _: ablate_each(model, a, zero(model)),
}


@settings(max_examples=25, deadline=None)
@given(
    what=st.sampled_from(sorted(MEASURES)),
    plan=st.integers(1, 16),
    room=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_what_is_measured_is_the_same_within_rounding(what: str, plan: int, room: int, seed: int) -> None:
    model = _tiny()
    shape = (model.frames, 3, model.image_size, model.image_size)
    donor, recipient = (
        torch.randn(shape, generator=torch.Generator().manual_seed(2 * seed + n)) for n in (0, 1)
    )
    small = with_room_for(model, room)
    with planned(model, plan):
        whole = _flat(_numbers(MEASURES[what](model, donor, recipient)))
        found, most = backing_off(lambda: MEASURES[what](small, donor, recipient), lambda: small)
    assert most is None or most <= max(room, plan // 2)
    assert _flat(_numbers(found)) == pytest.approx(whole, rel=1e-5, abs=1e-6)

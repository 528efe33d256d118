"""Clean runs are shared between measurements, and a shared one gives the numbers of a fresh one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from integer_toy import DONOR, RECIPIENT, clip, integer_toy

from circuit_claims.measure import runs
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.runs import clean_run, clean_walk
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.residual import ResidualModel, walk

pytestmark = pytest.mark.machines


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[ResidualModel, list[int]]:
    """The toy, and how often it embedded a clip."""
    embedded: list[int] = []
    toy = integer_toy()

    def embed(pixels: torch.Tensor) -> torch.Tensor:
        embedded.append(len(pixels))
        return toy.embed(pixels)

    return replace(toy, embed=embed), embedded


def test_a_clip_is_run_once_for_all_measurements(counted: tuple[ResidualModel, list[int]]) -> None:
    model, embedded = counted
    donor, recipient = DONOR.clone(), RECIPIENT.clone()
    first = (sweep(model, donor, recipient), delta_trace(model, donor, recipient))
    assert sum(embedded) == 2
    assert (sweep(model, donor, recipient), delta_trace(model, donor, recipient)) == first
    assert sum(embedded) == 2
    # The same numbers in a tensor of their own are another clip: nothing says that they stay the same.
    assert sweep(model, donor.clone(), recipient) == first[0]
    assert sum(embedded) == 3


def test_a_clip_that_was_changed_is_run_again(counted: tuple[ResidualModel, list[int]]) -> None:
    model, _ = counted
    pixels = DONOR.clone()
    before = delta_trace(model, pixels, RECIPIENT)
    pixels.copy_(clip(3, 1))
    after = delta_trace(model, pixels, RECIPIENT)
    assert after == delta_trace(integer_toy(), clip(3, 1), RECIPIENT)
    assert after != before


def test_without_room_nothing_is_kept_and_nothing_is_different(
    counted: tuple[ResidualModel, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, embedded = counted
    donor, recipient = DONOR.clone(), RECIPIENT.clone()
    kept = sweep(integer_toy(), donor, recipient)
    monkeypatch.setattr(runs, "RUNS_KEPT", 0)
    assert sweep(model, donor, recipient) == kept
    assert sweep(model, donor, recipient) == kept
    assert sum(embedded) == 4


def test_a_run_that_was_left_early_goes_on_from_there(counted: tuple[ResidualModel, list[int]]) -> None:
    model, embedded = counted
    donor = DONOR.clone()
    with torch.inference_mode():
        next(clean_run(model, donor, "donor"))
        whole = list(clean_walk(model, donor, "donor"))
        fresh = list(walk(integer_toy(), donor[None]))
    assert sum(embedded) == 1
    assert [site for site, _ in whole] == [site for site, _ in fresh]
    assert all(torch.equal(one, other) for (_, one), (_, other) in zip(whole, fresh, strict=True))


def test_runs_go_with_the_pixels_that_they_are_of() -> None:
    model = integer_toy()
    donor = DONOR.clone()
    sweep(model, donor, RECIPIENT)
    held = len(runs._KEPT[model])
    del donor
    assert len(runs._KEPT[model]) == held - 1


def test_pixels_made_under_inference_mode_are_not_kept(counted: tuple[ResidualModel, list[int]]) -> None:
    model, embedded = counted
    with torch.inference_mode():
        donor = DONOR.clone()
    assert sweep(model, donor, RECIPIENT) == sweep(model, donor, RECIPIENT)
    assert sum(embedded) == 3


@pytest.mark.parametrize("tokens", [True, False])
def test_shared_or_not_a_number_is_the_same_to_the_last_bit(tiny: Any, clips: Any, tokens: bool) -> None:
    model = tiny(num_hidden_layers=2)
    donor, recipient = clips(model)

    def measured() -> tuple[Any, ...]:
        heads = sweep_heads(model, donor, recipient, [(0, 1), (1, 0)])
        return heads, sweep(model, donor, recipient, tokens=tokens), delta_trace(model, donor, recipient)

    assert measured() == measured()
    donor, recipient = donor.clone(), recipient.clone()
    trace = delta_trace(model, donor, recipient)  # the whole run is there before any patch asks for it
    assert (*measured()[:2], trace) == measured()

"""bfloat16 is taken where the device has it and the first pair agrees; chunks of a sweep change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, integer_toy

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.precision import agreement
from circuit_claims.measure.runs import batch_plan
from circuit_claims.models.precision import bfloat16_unit, in_bfloat16

pytestmark = pytest.mark.machines


@pytest.mark.parametrize(
    ("flags", "unit"),
    [
        ("fpu avx2 avx512_bf16 amx_bf16 amx_tile", "AMX"),
        ("fpu avx2 avx512_bf16", "AVX512-BF16"),
        ("fpu avx2 avx512f", ""),
    ],
)
def test_a_cpu_says_whether_it_multiplies_bfloat16(tmp_path: Path, flags: str, unit: str) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text(
        f"processor\t: 0\nmodel name\t: some amx_bf16 in a name\nflags\t\t: {flags}\nbugs\t: \n"
    )
    assert bfloat16_unit("cpu", listed) == unit
    assert bfloat16_unit("cuda:1", listed) == "CUDA"
    assert bfloat16_unit("mps", listed) == ""
    assert bfloat16_unit("cpu", tmp_path / "none") == ""


def test_writes_are_rounded_and_the_stream_is_not(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=2)
    donor, recipient = clips(model)
    reduced = in_bfloat16(model)
    with torch.inference_mode():
        resid = model.embed(donor[None])
        exact, rounded = model.writes[0](resid), reduced.writes[0](resid)
        assert torch.equal(reduced.embed(donor[None]), resid)
    assert rounded.dtype is torch.float32
    assert torch.equal(rounded, rounded.bfloat16().float())
    apart = float((exact - rounded).norm() / exact.norm())
    assert 1e-4 < apart < 2e-2
    found = agreement(model, donor, recipient)
    assert found.sites == 4
    assert found.apart is not None
    assert 0 < found.apart < 0.05


def test_clips_that_are_the_same_have_nothing_to_compare(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=1)
    donor, _ = clips(model)
    assert agreement(model, donor, donor.clone()).apart is None


def smallest(model: Any) -> int:
    """Bytes that just hold one state."""
    stream = 4 * model.n_tokens * model.d_model
    return (6 + 12 * batch_plan(model) + 1) * stream


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers=st.integers(1, 3), seed=st.integers(0, 5), room=st.integers(0, 4), tokens=st.booleans())
def test_a_sweep_in_parts_is_the_sweep(
    tiny: Any, clips: Any, layers: int, seed: int, room: int, tokens: bool
) -> None:
    model = tiny(seed, num_hidden_layers=layers)
    donor, recipient = clips(model, seed)
    stream = 4 * model.n_tokens * model.d_model
    little = replace(model, memory=smallest(model) + room * stream)
    whole = sweep(model, donor, recipient, tokens=tokens, noise=seed, max_states=1)
    parts = sweep(
        replace(little, memory=(6 + 12 + 1 + room) * stream),
        *(donor, recipient),
        tokens=tokens,
        noise=seed,
        max_states=1,
    )
    assert parts == whole  # one state at a time: to the last bit
    heads = [(layer, head) for layer in range(layers) for head in range(model.n_heads)]
    found, apart = sweep_heads(model, donor, recipient, heads), sweep_heads(little, donor, recipient, heads)
    assert list(apart) == list(found)
    for head, norms in found.items():
        assert apart[head].d == pytest.approx(norms.d, rel=1e-4, abs=1e-6)


def test_too_little_memory_says_how_much_would_do() -> None:
    toy = replace(integer_toy(), memory=100)
    with pytest.raises(MeasurementError, match=r"no room for one patched state; --circuit-memory 1MiB is"):
        sweep(toy, DONOR, RECIPIENT)
    assert sweep(replace(toy, memory=2**20), DONOR, RECIPIENT) == sweep(integer_toy(), DONOR, RECIPIENT)

"""The known answers come out, on random weights as well; and broken models give other ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, integer_toy
from tiny_vivit import build_vivit

from circuit_claims.measure.calibration import (
    attention_at_pool,
    block_outputs,
    direct_shares,
    final_patch_tokens,
    identity_patch,
    null_patch,
)
from circuit_claims.measure.errors import UndefinedRecovery
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.recovery import METRICS, projection
from circuit_claims.models.load import ModelSource, load
from circuit_claims.models.residual import Readout

pytestmark = pytest.mark.machines


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**16), layers=st.integers(1, 4), std=st.sampled_from([0.02, 0.2, 0.5]))
def test_the_known_answers_hold_for_every_vivit(seed: int, layers: int, std: float) -> None:
    hf_model = build_vivit(seed, std, num_hidden_layers=layers)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="tiny"))
    generator = torch.Generator().manual_seed(seed)
    donor, recipient = torch.randn(2, 8, 3, 16, 16, generator=generator)

    for norms in identity_patch(model, donor, recipient).norms.values():
        assert norms.rest == 0.0
        assert all(metric(norms) == pytest.approx(1.0, abs=1e-12) for metric in METRICS.values())
    for patched in block_outputs(model, donor, recipient).values():
        assert projection(patched.norms["tokens"]) == pytest.approx(1.0, abs=1e-6)
    assert null_patch(model, recipient) == 0.0
    assert projection(attention_at_pool(model, donor, recipient)) == pytest.approx(1.0, abs=1e-5)
    assert final_patch_tokens(model, recipient) == 0.0
    shares = direct_shares(model, donor, recipient)
    assert shares.embed == 0.0
    assert shares.total == pytest.approx(1.0, abs=1e-5)
    assert sum(shares.by_site.values()) == pytest.approx(1.0, abs=1e-5)


def test_shares_of_the_integer_toy_as_worked_out() -> None:
    """At CLS the writes of donor and recipient differ by (0,3), (27,0), (9,0), (0,273); D = (36,276)."""
    shares = direct_shares(integer_toy(), DONOR, RECIPIENT)
    expected = {"attn_out.0": 3 * 276, "mlp_out.0": 27 * 36, "attn_out.1": 9 * 36, "mlp_out.1": 273 * 276}
    assert {key: share * 77472 for key, share in shares.by_site.items()} == pytest.approx(expected, rel=1e-12)
    assert shares.attn == pytest.approx((828 + 324) / 77472)
    assert shares.mlp == pytest.approx((972 + 75348) / 77472)
    assert shares.embed == 0.0


def test_block_outputs_are_asked_by_layer() -> None:
    assert list(block_outputs(integer_toy(), DONOR, RECIPIENT, [1])) == [1]


def test_nothing_to_share_and_nothing_to_recover_are_undefined(
    vivit_without_attention: Any,
) -> None:
    model, donor, recipient = vivit_without_attention
    shares = direct_shares(model, donor, recipient)
    assert (shares.embed, shares.attn, shares.mlp, shares.total) == (None, None, None, None)
    with pytest.raises(UndefinedRecovery):
        projection(attention_at_pool(model, donor, recipient))
    # CLS is the same to the bit, whatever the batch: nothing is divided by rounding.
    for patched in sweep(model, donor, recipient, tokens=False).patches.values():
        assert patched.norms["summary"].D == 0.0


@pytest.fixture
def vivit_without_attention(clips: Any) -> Any:
    hf_model = build_vivit(1)
    with torch.no_grad():
        for layer in hf_model.vivit.layers:
            layer.attention.o_proj.weight.zero_()
            layer.attention.o_proj.bias.zero_()
    model = load(ModelSource(name="deaf", build=lambda: hf_model, build_fingerprint="deaf"))
    return model, *clips(model)


def test_a_readout_that_reads_patch_tokens_is_seen() -> None:
    def mean_pool(resid: torch.Tensor) -> Readout:
        pooled = resid.mean(dim=1)
        return Readout(pooled, pooled)

    assert final_patch_tokens(integer_toy(), RECIPIENT) == 0.0
    assert final_patch_tokens(integer_toy(readout=mean_pool), RECIPIENT) > 1.0


def test_a_write_that_is_not_repeatable_is_seen_by_the_null_patch() -> None:
    toy = integer_toy()
    own, calls = toy.writes[1].function, iter(range(1, 100))
    drifting = replace(toy.writes[1], function=lambda resid: own(resid) + next(calls))
    toy = replace(toy, writes=(toy.writes[0], drifting, *toy.writes[2:]))
    assert null_patch(toy, RECIPIENT) > 0.0


def test_a_write_that_includes_the_residual_takes_the_shares_of_others() -> None:
    # The walk adds what a write says it adds, so the sum is 1 here too and is no test of closure. What
    # changes is who owns the shares.
    toy = integer_toy()
    own = toy.writes[1].function
    whole = replace(toy.writes[1], function=lambda resid: resid + own(resid))
    mutant = replace(toy, writes=(toy.writes[0], whole, *toy.writes[2:]))
    shares = direct_shares(mutant, DONOR, RECIPIENT)
    assert shares.total == pytest.approx(1.0)
    assert shares.by_site != direct_shares(toy, DONOR, RECIPIENT).by_site

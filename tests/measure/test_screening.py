"""A screen is the slope of the exact patch; where the model is linear, it is the patch."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, integer_toy

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.recovery import Norms, UndefinedRecovery, projection
from circuit_claims.measure.runs import batch_plan
from circuit_claims.measure.screening import screen, screened_heads, screened_tokens
from circuit_claims.models.residual import ResidualModel, walk
from circuit_claims.models.sites import mlp_out

pytestmark = pytest.mark.machines


def projected(model: ResidualModel, donor: Any, recipient: Any, edits: Any = None) -> float:
    """The projection at the summary of an edited recipient's run, in the order of the definition."""

    def summary(pixels: Any, edits: Any = None) -> Any:
        *_, (_, last) = walk(model, pixels[None], edits)
        return model.readout(last).summary[0].double()

    with torch.no_grad():
        r, u, p = summary(recipient), summary(donor), summary(recipient, edits)
    return float(((p - r) @ (u - r)) / ((u - r) @ (u - r)))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers=st.integers(1, 3), seed=st.integers(0, 20))
def test_a_screen_is_the_slope_of_the_patch(tiny: Any, clips: Any, layers: int, seed: int) -> None:
    model = tiny(seed, num_hidden_layers=layers)
    donor, recipient = clips(model, seed)
    found = screen(model, donor, recipient)
    writes = {site: dict(walk(model, pixels[None])) for site, pixels in (("d", donor), ("r", recipient))}
    for write in model.writes:
        change = writes["d"][write.site] - writes["r"][write.site]
        ends = [
            projected(model, donor, recipient, {write.site: lambda own, by=by, d=change: own + by * d})
            for by in (-0.02, 0.02)
        ]
        assert found.writes[write.site] == pytest.approx((ends[1] - ends[0]) / 0.04, abs=2e-3)
        assert float(found.tokens[write.site].sum()) == pytest.approx(found.writes[write.site])
        if write.heads is not None:
            of_heads = [found.heads[write.layer, head] for head in range(model.n_heads)]
            assert sum(of_heads) == pytest.approx(found.writes[write.site], abs=1e-5)


def test_a_linear_model_is_screened_exactly() -> None:
    """With its squares taken out the toy's last MLP is linear, and so is everything after it."""
    toy = integer_toy()
    shift = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    linear = replace(
        toy,
        writes=tuple(
            write
            if write.mixes_tokens
            else replace(write, function=lambda resid: resid @ shift, at_rows=None)
            for write in toy.writes
        ),
    )
    found = screen(linear, DONOR, RECIPIENT)
    exact = sweep(linear, DONOR, RECIPIENT)
    assert len(found.writes) == len(linear.writes)
    last = linear.writes[-1].site
    assert found.writes[last] == pytest.approx(projection(exact[last]["summary"]))
    assert found.writes[mlp_out(0)] == pytest.approx(projection(exact[mlp_out(0)]["summary"]))


def test_the_largest_heads_are_patched_exactly_and_the_rest_are_not(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=2)
    donor, recipient = clips(model)
    found = screened_heads(model, donor, recipient, 3)
    assert len(found.first_order) == 2 * model.n_heads
    assert list(found.exact) == list(sweep_heads(model, donor, recipient, list(found.exact)))
    least = min(abs(found.first_order[head]) for head in found.exact)
    assert all(abs(share) <= least for head, share in found.first_order.items() if head not in found.exact)
    whole = sweep_heads(model, donor, recipient, list(found.first_order))
    by_hand = max(abs(projection(whole[head]) - found.first_order[head]) for head in found.exact)
    assert found.apart == pytest.approx(by_hand, abs=1e-6)
    assert found.apart > 0


def test_clips_that_are_the_same_have_nothing_to_screen(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=1)
    donor, _ = clips(model)
    with pytest.raises(UndefinedRecovery, match="does not differ"):
        screen(model, donor, donor.clone())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    layers=st.integers(1, 3),
    heads=st.sampled_from([1, 2, 4]),
    seed=st.integers(0, 20),
    top=st.integers(1, 6),
    room=st.sampled_from([0, 1, 1000]),
)
def test_along_the_runs_of_a_screen_the_patches_are_those_of_the_sweeps(
    tiny: Any, clips: Any, layers: int, heads: int, seed: int, top: int, room: int
) -> None:
    model = tiny(seed, num_hidden_layers=layers, num_attention_heads=heads)
    donor, recipient = clips(model, seed)
    stream = 4 * model.n_tokens * model.d_model
    least = max(6 + 12 * batch_plan(model) + 1, 24 * layers)
    model = replace(model, memory=(least + room) * stream)
    found = screened_heads(model, donor, recipient, top, writes=True)
    writes, exact = (
        sweep(model, donor, recipient, tokens=False),
        sweep_heads(model, donor, recipient, found.exact),
    )
    assert found.writes is not None
    assert found.writes.patches.keys() == writes.patches.keys()
    assert len(found.exact) == min(top, layers * heads)
    for key, one in writes.patches.items():
        assert found.writes.patches[key].norms.keys() == one.norms.keys()
        assert_same(found.writes.patches[key].norms["summary"], one.norms["summary"])
    for head, norms in exact.items():
        assert_same(found.exact[head], norms)


def assert_same(found: Norms, expected: Norms) -> None:
    """Within float32's rounding of a summary, whose numbers are about 1."""
    size = max(expected.D, 0.1)
    for name, value in asdict(found).items():
        unit = size * size if name == "dot" else size
        assert abs(value - asdict(expected)[name]) <= 1e-4 * unit, name


def test_a_budget_that_is_too_small_says_what_would_do(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=2)
    donor, recipient = clips(model)
    with pytest.raises(MeasurementError, match=r"--circuit-memory 1MiB is the least"):
        screen(replace(model, memory=1000), donor, recipient)
    screen(replace(model, memory=2**20), donor, recipient)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers=st.integers(1, 3), seed=st.integers(0, 20), top=st.integers(1, 20), data=st.data())
def test_tokens_are_patched_one_at_a_time(
    tiny: Any, clips: Any, layers: int, seed: int, top: int, data: Any
) -> None:
    model = tiny(seed, num_hidden_layers=layers)
    donor, recipient = clips(model, seed)
    site = data.draw(st.sampled_from([write.site for write in model.writes]))
    found = screened_tokens(model, donor, recipient, site, top)
    reached = 1 if site.layer == layers - 1 else model.n_tokens
    assert len(found.exact) == min(top, reached)
    for token, norms in found.exact.items():
        by_hand = patch(model, donor, recipient, [site], rows=slice(token, token + 1))
        assert_same(norms, by_hand.norms["summary"])
    least = min(abs(float(found.first_order[token])) for token in found.exact)
    others = set(range(model.n_tokens)) - set(found.exact)
    assert all(abs(float(found.first_order[token])) <= least for token in others)


def test_tokens_of_what_is_no_write_cannot_be_screened(tiny: Any, clips: Any) -> None:
    model = tiny(num_hidden_layers=1)
    with pytest.raises(MeasurementError, match="no write mlp_out 7"):
        screened_tokens(model, *clips(model), mlp_out(7), 1)

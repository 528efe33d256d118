from __future__ import annotations

import json
from math import sqrt
from typing import Any

import pytest
import torch
from integer_toy import DONOR, RECIPIENT, clip, integer_toy

from circuit_claims.measure.errors import MeasurementError
from circuit_claims.measure.results import DeltaTrace
from circuit_claims.measure.trace import delta_trace

pytestmark = pytest.mark.machines


def test_the_trace_of_the_integer_toy() -> None:
    """After block 0 the donor is (37,6) (38,6) (39,6) and the recipient (10,3) three times; the last streams
    are in the toy's docstring."""
    trace = delta_trace(integer_toy(), DONOR, RECIPIENT)
    assert trace.embed.cls_delta == 0.0
    assert trace.embed.tokens_delta == (0 + 1 + 2) / 3
    assert trace.embed.tokens_positive == (1 + 2 + 3) / 3
    first, last = trace.blocks
    assert first.cls_delta == pytest.approx(sqrt(27**2 + 3**2))
    assert first.cls_positive == pytest.approx(sqrt(37**2 + 6**2))
    assert first.cls_negative == pytest.approx(sqrt(10**2 + 3**2))
    assert first.tokens_delta == pytest.approx(sum(sqrt(u**2 + 3**2) for u in (27, 28, 29)) / 3)
    assert last.cls_delta == pytest.approx(sqrt(36**2 + 276**2))
    assert last.cls_negative == last.tokens_negative == pytest.approx(sqrt(19**2 + 60**2))
    assert trace.summary_delta == pytest.approx(2 * last.cls_delta)


def test_the_cls_token_of_a_vivit_has_seen_nothing_at_the_embedding(tiny: Any, clips: Any) -> None:
    model = tiny()
    trace = delta_trace(model, *clips(model))
    assert len(trace.blocks) == model.n_layers
    assert trace.embed.cls_delta == 0.0
    assert trace.embed.tokens_delta > 0.0
    assert all(block.cls_delta > 0.0 for block in trace.blocks)


def test_the_roles_swap_and_the_delta_stays(tiny: Any, clips: Any) -> None:
    model = tiny()
    one, other = clips(model)
    forth, back = delta_trace(model, one, other), delta_trace(model, other, one)
    for a, b in zip(forth.blocks, back.blocks, strict=True):
        assert (a.cls_delta, a.tokens_delta) == (b.cls_delta, b.tokens_delta)
        assert (a.cls_positive, a.tokens_positive) == (b.cls_negative, b.tokens_negative)


def test_a_trace_is_of_the_hidden_states_of_hugging_face(clips: Any) -> None:
    from tiny_vivit import build_vivit

    from circuit_claims.models.load import ModelSource, load

    hf_model = build_vivit(2)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint="2"))
    one, other = clips(model)
    with torch.inference_mode():
        a, b = (hf_model(pixel_values=x[None], output_hidden_states=True).hidden_states for x in (one, other))
    trace = delta_trace(model, one, other)
    for layer, found in enumerate([trace.embed, *trace.blocks]):
        apart = (a[layer] - b[layer])[0].double().norm(dim=-1)
        assert found.cls_delta == pytest.approx(float(apart[0]), rel=1e-5, abs=1e-12)
        assert found.tokens_delta == pytest.approx(float(apart.mean()), rel=1e-5)


def test_a_trace_comes_back_from_json() -> None:
    trace = delta_trace(integer_toy(), DONOR, RECIPIENT)
    assert DeltaTrace.from_dict(json.loads(json.dumps(trace.as_dict(), allow_nan=False))) == trace


def test_numbers_that_are_none_are_an_error_that_says_where() -> None:
    with pytest.raises(MeasurementError, match="toy, negative, mlp_out 0: 3 of 6"):
        delta_trace(integer_toy(), DONOR, clip(1e30, 0))

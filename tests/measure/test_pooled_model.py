"""A model that averages its tokens is measured: its numbers are those of plain forwards by hand."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled_toy import GRID, HEADS, LAYERS, TOKENS, PooledToy, pooled_toy
from torch import Tensor

sys.path.append(str(Path(__file__).parents[1] / "plugin"))


from circuit_claims.measure import calibration
from circuit_claims.measure.ablation import ablate_each, zero
from circuit_claims.measure.attention import describe
from circuit_claims.measure.attribution import attribute
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.heads import sweep_heads
from circuit_claims.measure.labour import labour
from circuit_claims.measure.patching import norms_between, sweep
from circuit_claims.measure.probing import pooled_streams
from circuit_claims.measure.recovery import Norms, projection
from circuit_claims.measure.regions import orders, tubelets
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.identity import check_identities
from circuit_claims.models.pool import Pool
from circuit_claims.models.sites import Site, attn_out, mlp_out, resid_post, resid_pre

pytestmark = pytest.mark.machines


@st.composite
def pools(draw: st.DrawFn) -> Tensor:
    """Weights of a pool: some neighbours of all tokens, each with a weight of its own, `[token]`."""
    first = draw(st.integers(0, TOKENS - 1))
    past = draw(st.integers(first + 1, TOKENS))
    weights = torch.zeros(TOKENS, dtype=torch.float64)
    some = draw(st.lists(st.floats(0.1, 1.0), min_size=past - first, max_size=past - first))
    weights[first:past] = torch.tensor(some, dtype=torch.float64) / sum(some)
    return weights


def clip(seed: int) -> Tensor:
    return torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


DONOR, RECIPIENT = clip(1), clip(2)
TOY = PooledToy()
MODEL = pooled_toy(TOY)


def patched_by_hand(module: PooledToy, replaced: dict[Site, Tensor]) -> Norms:
    """The norms at the summary of a plain forward of the recipient with writes replaced."""
    runs = (module.last(RECIPIENT, replaced), module.last(DONOR), module.last(RECIPIENT))
    return norms_between(*(module.summary(last) for last in runs))


def assert_same(found: Norms, expected: Norms) -> None:
    # A norm of 12 coordinates of order 1 after 12 writes: float32 is off by about 1e-6.
    assert projection(found) == pytest.approx(projection(expected), abs=2e-5)
    assert found.d == pytest.approx(expected.d, rel=2e-5, abs=2e-5)


# The pool ---------------------------------------------------------------------------------------------------


@given(weights=pools(), seed=st.integers(0, 2**16))
def test_a_pool_is_the_weighted_sum_of_whole_streams_and_of_narrowed_ones(weights: Tensor, seed: int) -> None:
    pool = Pool(weights)
    resid = torch.randn(2, TOKENS, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    by_hand = (weights[None, :, None] * resid).sum(1)
    assert torch.allclose(pool(resid), by_hand, rtol=0.0, atol=1e-12)
    assert torch.equal(pool(pool.read(resid)), pool(resid))
    assert sorted([*range(TOKENS)[pool.rows], *pool.others]) == list(range(TOKENS))
    assert (weights[pool.others] == 0).all()


@given(row=st.integers(0, TOKENS - 1))
def test_a_pool_of_one_token_is_that_token_to_the_last_bit(row: int) -> None:
    resid = torch.randn(2, TOKENS, 3, generator=torch.Generator().manual_seed(row))
    pool = Pool.of_token(row, TOKENS)
    assert torch.equal(pool(resid), resid[:, row])
    assert pool.rows == slice(row, row + 1)


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ([0.5, 0.0, 0.5], "have a gap"),
        ([0.5, 0.6], "sum to 1.1"),
        ([1.5, -0.5], "run from -0.5 to 1.5"),
        ([[1.0]], r"these are \[1, 1\]"),
    ],
)
def test_weights_that_are_no_mean_of_neighbours_are_refused(weights: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Pool(torch.tensor(weights, dtype=torch.float64))


def test_a_model_whose_patches_are_not_its_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="grid has 4 x 2 x 4 tubelets, and 31 of its tokens are patches"):
        replace(MODEL, patch_rows=slice(1, None))


# Against plain forwards -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=5)
@given(weights=st.one_of(st.just(Pool.mean(TOKENS).weights), pools()), seed=st.integers(0, 99))
def test_every_site_is_what_its_name_says(weights: Tensor, seed: int) -> None:
    report = check_identities(pooled_toy(PooledToy(seed, weights)), DONOR, RECIPIENT)
    assert report.failures == ()
    assert len(report.sites) == 1 + 4 * LAYERS


def test_a_table_that_names_another_pool_is_found() -> None:
    other = pooled_toy(PooledToy(0, Pool.of_token(0, TOKENS).weights))
    wrong = replace(other, reference=MODEL.reference)
    assert "the loop's logits are not" in check_identities(wrong, DONOR, RECIPIENT).failures[0]


@settings(deadline=None, max_examples=5)
@given(weights=st.one_of(st.just(Pool.mean(TOKENS).weights), pools()))
def test_patches_of_writes_and_heads_are_forwards_by_hand(weights: Tensor) -> None:
    module = PooledToy(3, weights)
    model = pooled_toy(module)
    theirs, own = module.streams(DONOR), module.streams(RECIPIENT)
    for tokens in (True, False):
        found = sweep(model, DONOR, RECIPIENT, tokens=tokens)
        for write in model.writes:
            expected = patched_by_hand(module, {write.site: theirs[write.site]})
            assert_same(found[write.site]["summary"], expected)
    heads = [(layer, head) for layer in (0, 3, 5) for head in range(HEADS)]
    for (layer, head), norms in sweep_heads(model, DONOR, RECIPIENT, heads).items():
        before = resid_post(layer - 1) if layer else resid_pre(0)
        attention = module.blocks[layer].attention
        change = (attention.by_head(theirs[before]) - attention.by_head(own[before]))[:, head]
        assert_same(norms, patched_by_hand(module, {attn_out(layer): own[attn_out(layer)] + change}))


@settings(deadline=None, max_examples=10)
@given(weights=st.one_of(st.just(Pool.mean(TOKENS).weights), pools()), label=st.integers(0, 4))
def test_shares_of_a_logit_sum_to_it(weights: Tensor, label: int) -> None:
    module = PooledToy(4, weights)
    found = attribute(pooled_toy(module), DONOR, label)
    said = float(module(DONOR[None])[0, label])
    assert found.logit == pytest.approx(said, abs=1e-5)
    assert found.total == pytest.approx(said, abs=1e-5 * found.size)
    assert float(found.sources.sum()) == pytest.approx(float(found.heads.sum()), abs=1e-10)
    streams = module.streams(DONOR)
    for layer, block in enumerate(module.blocks):
        before = streams[resid_post(layer - 1) if layer else resid_pre(0)]
        mean = (weights[None, :, None] * block.attention.pattern(before)[0].double()).sum(1)
        assert torch.allclose(found.attention[layer], mean, atol=1e-6)
        without = streams[resid_post(LAYERS - 1)] - streams[mlp_out(layer)]
        lost = said - float(module.classifier(module.summary(without))[0, label])
        assert float(found.unfrozen[layer, 1]) == pytest.approx(lost, abs=1e-5)


def test_the_share_of_a_write_is_the_pool_of_its_tokens_over_their_scales() -> None:
    """``sum_t w_t / s_t (write_t - mean write_t) * gain . row``, with s_t the last stream's own scale."""
    found, streams = attribute(MODEL, DONOR, 2), TOY.streams(DONOR)
    last = streams[resid_post(LAYERS - 1)][0].double()
    scales = (last.var(-1, unbiased=False) + TOY.norm.eps).sqrt()[:, None]
    for layer in range(LAYERS):
        for at, site in enumerate((attn_out(layer), mlp_out(layer))):
            write = streams[site][0].double()
            normed = (write - write.mean(-1, keepdim=True)) / scales * TOY.norm.weight.double()
            share = float(normed.mean(0) @ TOY.classifier.weight[2].double())
            assert float(found.writes[layer, at]) == pytest.approx(share, abs=1e-5)


def test_maps_have_every_token_and_no_other() -> None:
    found = attribute(MODEL, DONOR)
    looked = describe(found, GRID, layers=[2], heads=[(2, 1)])
    assert torch.tensor(looked["maps"]["2.1"]).shape == GRID
    assert float(torch.tensor(looked["maps"]["2.1"]).sum()) == pytest.approx(1.0, abs=1e-5)
    ordered = orders(MODEL, DONOR, 0)
    assert all(sorted(order) == list(range(TOKENS)) for order in ordered.values())
    assert ordered["top"][0] == int(found.sources.argmax())
    assert tubelets(MODEL, [9]).nonzero().tolist() == [[2, 0, 1], [3, 0, 1]]


def test_the_trace_is_of_the_mean_token() -> None:
    found, streams = delta_trace(MODEL, DONOR, RECIPIENT), [TOY.streams(one) for one in (DONOR, RECIPIENT)]
    for layer, block in enumerate(found.blocks):
        means = [one[resid_post(layer)][0].double().mean(0) for one in streams]
        assert block.cls_delta == pytest.approx(float((means[0] - means[1]).norm()), rel=1e-5)
        assert block.cls_positive == pytest.approx(float(means[0].norm()), rel=1e-5)
    assert found.embed.cls_delta > 0.0, "the tokens that are read have read pixels from the start"
    last = torch.tensor(pooled_streams(MODEL, DONOR)[-1])
    assert torch.allclose(last, streams[0][resid_post(LAYERS - 1)][0].mean(0), atol=1e-5)


@settings(deadline=None, max_examples=5)
@given(weights=st.one_of(st.just(Pool.mean(TOKENS).weights), pools()))
def test_what_is_known_beforehand_holds(weights: Tensor) -> None:
    model = pooled_toy(PooledToy(5, weights))
    assert calibration.null_patch(model, RECIPIENT) == 0.0
    identity = calibration.identity_patch(model, DONOR, RECIPIENT).norms["summary"]
    assert projection(identity) == pytest.approx(1.0)
    at_pool = calibration.attention_at_pool(model, DONOR, RECIPIENT)
    assert projection(at_pool) == pytest.approx(1.0, abs=1e-5)
    assert calibration.direct_shares(model, DONOR, RECIPIENT).total == pytest.approx(1.0, abs=1e-5)
    if model.pool.others:
        assert calibration.final_patch_tokens(model, RECIPIENT) == 0.0
    else:
        with pytest.raises(NotApplicable, match="reads every token"):
            calibration.final_patch_tokens(model, RECIPIENT)


def test_an_ablation_is_a_forward_without_the_write() -> None:
    found, streams = ablate_each(MODEL, DONOR, zero(MODEL)), TOY.streams(DONOR)
    label = found["label"]

    def margin(logits: Tensor) -> float:
        others = [i for i in range(len(logits)) if i != label]
        return float(logits[label] - logits[others].max())

    shares = attribute(MODEL, DONOR)
    rows = {other: attribute(MODEL, DONOR, other).writes for other in range(len(MODEL.labels))}
    logits = TOY(DONOR[None])[0].double()
    assert found["margin"] == pytest.approx(margin(logits), abs=1e-5)
    for layer in range(LAYERS):
        for at, site in enumerate((attn_out(layer), mlp_out(layer))):
            last = TOY.last(DONOR, {site: torch.zeros_like(streams[site])})
            total = TOY.classifier(TOY.summary(last))[0]
            assert found["ablated"][site.key]["margin"] == pytest.approx(margin(total), abs=1e-4)
            direct = logits - torch.stack([rows[other][layer, at] for other in rows])
            assert found["ablated"][site.key]["direct"] == pytest.approx(margin(direct), abs=1e-4)
    assert shares.label == label


@pytest.mark.parametrize("first", [0, 2])
def test_joint_patches_are_forwards_by_hand(first: int) -> None:
    theirs, layers = TOY.streams(DONOR), range(first, 5)
    attention = {attn_out(layer): theirs[attn_out(layer)] for layer in layers}
    mlps = {mlp_out(layer): theirs[mlp_out(layer)] for layer in layers}
    found = labour(MODEL, DONOR, RECIPIENT, first, 4, routes=["attention", "MLPs", "both"])
    for route, replaced in {"attention": attention, "MLPs": mlps, "both": attention | mlps}.items():
        assert_same(found.routes[route], patched_by_hand(TOY, replaced))


def test_what_the_tokens_begin_with_is_a_factor_and_all_factors_are_the_donors_run() -> None:
    found = labour(MODEL, DONOR, RECIPIENT, 0, 5, routes=["both"]).run
    assert found is not None
    assert found.together == pytest.approx(1.0, abs=1e-4)
    # The embedding alone, while every attention writes what it wrote in the recipient's run.
    theirs, own = TOY.streams(DONOR), TOY.streams(RECIPIENT)
    resid = theirs[resid_pre(0)]
    for layer, block in enumerate(TOY.blocks):
        resid = resid + own[attn_out(layer)]
        resid = resid + block.mlp(resid)
    ends = [TOY.summary(one[resid_post(LAYERS - 1)]) for one in (theirs, own)]
    assert found.alone[0] == pytest.approx(projection(norms_between(TOY.summary(resid), *ends)), abs=1e-4)


def test_where_every_token_is_read_nothing_is_gathered_from_others() -> None:
    with pytest.raises(NotApplicable, match="pooled reads every token, so there is no other token"):
        labour(MODEL, DONOR, RECIPIENT, 0, 5, routes=["gathered"])
    half = pooled_toy(PooledToy(0, Pool.mean(TOKENS, slice(8, 24)).weights))
    found = labour(half, DONOR, RECIPIENT, 0, 5).routes
    assert all(math.isfinite(projection(norms)) for norms in found.values())
    assert found["gathered"].d > 0.0

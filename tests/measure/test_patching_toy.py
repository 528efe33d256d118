"""Patched outputs of the integer toy, as its docstring works them out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
import torch
from integer_toy import DONOR, RECIPIENT, clip, integer_toy

from circuit_claims.measure.errors import MeasurementError, UndefinedRecovery
from circuit_claims.measure.patching import patch, sweep
from circuit_claims.measure.recovery import norm_ratio, projection
from circuit_claims.measure.results import Sweep
from circuit_claims.models.sites import (
    Site,
    attn_out,
    mlp_out,
    resid_mid,
    resid_post,
    resid_pre,
)

pytestmark = pytest.mark.machines

FORTH = {attn_out(0): (36, 276), mlp_out(0): (27, 81), attn_out(1): (9, 27), mlp_out(1): (0, 273)}
BACK = {attn_out(0): (-36, -276), mlp_out(0): (-27, -162), attn_out(1): (-9, -54), mlp_out(1): (0, -273)}


def assert_moves(found: Sweep, moves: dict[Site, tuple[int, int]], D: tuple[int, int]) -> None:
    assert list(found.patches) == [site.key for site in moves]
    for site, d in moves.items():
        norms = found[site]["cls"]
        assert norms.dot == d[0] * D[0] + d[1] * D[1]
        assert norms.d == pytest.approx(sqrt(d[0] ** 2 + d[1] ** 2), rel=1e-14)
        assert pytest.approx(sqrt(77472), rel=1e-14) == norms.D
        assert norms.rest == pytest.approx(sqrt((D[0] - d[0]) ** 2 + (D[1] - d[1]) ** 2), rel=1e-14)
        assert (norms.mean_d, norms.mean_D) == (norms.d, norms.D)


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("max_states", [1, 2, 3, None])
def test_every_write_moves_cls_as_worked_out(tokens: bool, max_states: int | None) -> None:
    found = sweep(integer_toy(), DONOR, RECIPIENT, tokens=tokens, max_states=max_states)
    assert_moves(found, FORTH, (36, 276))
    assert ("tokens" in found[mlp_out(0)]) is tokens


def test_donor_and_recipient_swapped_are_another_experiment() -> None:
    found = sweep(integer_toy(), RECIPIENT, DONOR)
    assert_moves(found, BACK, (-36, -276))
    assert projection(found[mlp_out(0)]["cls"]) == pytest.approx(45684 / 77472, rel=1e-14)
    assert projection(sweep(integer_toy(), DONOR, RECIPIENT)[mlp_out(0)]["cls"]) == pytest.approx(
        23328 / 77472, rel=1e-14
    )


def test_the_summary_is_read_after_the_readout_and_cls_before() -> None:
    norms = sweep(integer_toy(), DONOR, RECIPIENT)[mlp_out(0)]
    assert norms["summary"].dot == 4 * norms["cls"].dot


def test_tokens_are_all_tokens_and_their_mean_is_of_norms() -> None:
    norms = sweep(integer_toy(), DONOR, RECIPIENT)[mlp_out(0)]["tokens"]
    # Every token moves by (27, 81); the donor's are apart by (36,276), (37,282), (38,288).
    apart = [sqrt(36**2 + 276**2), sqrt(37**2 + 282**2), sqrt(38**2 + 288**2)]
    assert norms.mean_d == pytest.approx(27 * sqrt(10), rel=1e-14)
    assert norms.d == pytest.approx(27 * sqrt(30), rel=1e-14)
    assert norms.mean_D == pytest.approx(sum(apart) / 3, rel=1e-14)
    assert norms.dot == 27 * (36 + 37 + 38) + 81 * (276 + 282 + 288)
    assert norm_ratio(norms) == pytest.approx(27 * sqrt(10) / (sum(apart) / 3), rel=1e-14)


def test_logits_of_donor_recipient_and_every_patched_run() -> None:
    found = sweep(integer_toy(), DONOR, RECIPIENT, labels=[0, 1])
    assert found.donor.logits == (391, -281)
    assert found.recipient.logits == (79, -41)
    assert found.patches["mlp_out.0"].logits == (187, -95)
    assert found.patches["attn_out.0"].logits == found.donor.logits
    assert found.donor.top == ((0, 391), (1, -281))


def test_labels_are_the_top_labels_unless_named() -> None:
    assert sweep(integer_toy(), DONOR, RECIPIENT).labels == (0,)
    negative = clip(-5, 0)  # CLS (1,0) (1,-4) (17,-4) (5,-4) (5,-24): the top label is the difference
    assert sweep(integer_toy(), DONOR, negative).labels == (0, 1)


@pytest.mark.parametrize("layer", [0, 1])
def test_the_whole_stream_of_the_donor_is_the_donor(layer: int) -> None:
    sites = [resid_mid(layer), resid_post(layer)]
    found = sweep(integer_toy(), DONOR, RECIPIENT, sites)
    for site in sites:
        for place in ("summary", "cls", "tokens"):
            norms = found[site][place]
            assert norms.rest == 0.0
            assert projection(norms) == pytest.approx(1.0, abs=1e-15)
        assert found.patches[site.key].logits == found.donor.logits


def test_sites_come_in_the_order_of_the_run_and_resid_pre_is_the_stream_before() -> None:
    found = sweep(integer_toy(), DONOR, RECIPIENT, [mlp_out(1), resid_pre(1), attn_out(0)])
    assert list(found.patches) == ["attn_out.0", "resid_post.0", "mlp_out.1"]


def test_two_writes_together_are_one_run() -> None:
    # mlp 0: (1,3) + 36 -> (37,3); attn 1: + the donor's 18 -> (55,3); mlp 1: (55, 3 + 165) = (55,168).
    together = patch(integer_toy(), DONOR, RECIPIENT, [mlp_out(0), attn_out(1)], labels=[0, 1])
    assert together.norms["cls"].dot == 36 * 36 + 108 * 276
    assert together.logits == (223, -113)


def test_a_patch_at_cls_alone_leaves_the_other_tokens() -> None:
    # CLS gets the donor's 6: (1,6) -> (37,6); attn 1 sums v of all tokens: 6 + 3 + 3 -> (49,6) -> (49,300).
    alone = patch(integer_toy(), DONOR, RECIPIENT, [attn_out(0)], rows=slice(0, 1), labels=[0, 1])
    assert alone.logits == (349, -251)
    assert alone.norms["cls"].dot == 30 * 36 + 240 * 276
    everywhere = patch(integer_toy(), DONOR, RECIPIENT, [attn_out(0)], labels=[0, 1])
    assert everywhere.logits == (391, -281)


@pytest.mark.parametrize("site", FORTH)
def test_a_patch_of_one_site_is_its_entry_in_the_sweep(site: Site) -> None:
    assert (
        patch(integer_toy(), DONOR, RECIPIENT, [site]).norms == sweep(integer_toy(), DONOR, RECIPIENT)[site]
    )


def test_the_embedding_can_be_patched_too() -> None:
    assert patch(integer_toy(), DONOR, RECIPIENT, [resid_pre(0)]).norms["tokens"].rest == 0.0


def test_a_clip_patched_into_itself_has_nothing_to_recover() -> None:
    found = sweep(integer_toy(), RECIPIENT, RECIPIENT)
    for one in found.patches.values():
        assert all(norms.d == norms.D == 0.0 for norms in one.norms.values())
        with pytest.raises(UndefinedRecovery, match="nothing to recover"):
            projection(one.norms["summary"])


def test_a_sweep_comes_back_from_json() -> None:
    import json

    found = sweep(integer_toy(), DONOR, RECIPIENT, labels=[0, 1])
    assert Sweep.from_dict(json.loads(json.dumps(found.as_dict(), allow_nan=False))) == found


@pytest.mark.parametrize(
    ("donor", "recipient", "said"),
    [
        # p = 1e30: v = 1e30 after attn 0, and v * v overflows in mlp 0.
        (clip(1e30, 0), RECIPIENT, r"toy, donor, mlp_out 0: 3 of 6 numbers are NaN or Inf"),
        (DONOR, clip(1e30, 0), r"toy, recipient, mlp_out 0: 3 of 6"),
        (clip(float("nan"), 0), RECIPIENT, "toy, donor: there are NaN or Inf among the pixels"),
    ],
)
def test_numbers_that_are_none_are_an_error_that_says_where(
    donor: object, recipient: object, said: str
) -> None:
    with pytest.raises(MeasurementError, match=said):
        sweep(integer_toy(), donor, recipient)  # type: ignore[arg-type]
    with pytest.raises(MeasurementError, match=said):
        patch(integer_toy(), donor, recipient, [mlp_out(0)])  # type: ignore[arg-type]


def test_a_patched_run_that_overflows_names_the_patch() -> None:
    # Every token is (p, q) and mlp 0 adds (u, 0). The donor keeps v = 0 and the recipient u = 0, so u * v
    # is 0 in both; with the donor's u in the recipient it is 1e25 * 1e25.
    toy = integer_toy()
    first = replace(toy.writes[1], function=lambda resid: resid * torch.tensor([1.0, 0.0]))
    toy = replace(
        toy,
        embed=lambda pixels: pixels[:, 0, 0, 0].unsqueeze(1).repeat(1, 3, 1),
        writes=(toy.writes[0], first, toy.writes[3]),
    )
    toy = replace(toy, writes=(replace(toy.writes[0], function=torch.zeros_like), *toy.writes[1:]))
    with pytest.raises(MeasurementError, match=r"recipient with the donor's mlp_out 0, resid_post 1"):
        sweep(toy, clip(1e25, 0), clip(0, 1e25), [mlp_out(0)])


def test_what_is_asked_wrongly_is_answered_with_what_there_is() -> None:
    with pytest.raises(MeasurementError, match=r"toy has no attn_out 2 to patch here; .* resid_post 1"):
        sweep(integer_toy(), DONOR, RECIPIENT, [attn_out(2)])
    with pytest.raises(MeasurementError, match="no resid_pre 0 to patch here"):
        sweep(integer_toy(), DONOR, RECIPIENT, [resid_pre(0)])
    with pytest.raises(MeasurementError, match="no label 2; its labels are 0 to 1"):
        sweep(integer_toy(), DONOR, RECIPIENT, labels=[2])
    with pytest.raises(MeasurementError, match=r"pixels are \[1, 3, 4, 4\].*reads one clip \[1, 3, 2, 2\]"):
        sweep(integer_toy(), DONOR.repeat(1, 1, 2, 2), RECIPIENT)
    with pytest.raises(KeyError, match="mlp_out 1 was not patched"):
        sweep(integer_toy(), DONOR, RECIPIENT, [mlp_out(0)])[mlp_out(1)]

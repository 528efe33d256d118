"""Regions of the input: which pixels a token is, what a label owes to it, and what a clip says without it.

The toy's clip (p, q) has two tubelets of one frame; token 0 is p and token 1 is q. Heads sum, their pattern
is 1: attn 0 reads u into v and attn 1 reads v into u. The logit of label 0 is u + v, of label 1 u - v. So for
the donor (2, 3), whose u are (1, 2, 3) and whose v are all 6 after attn 0:

    label 0   u_j + v_j = (7, 8, 9)      label 1   v_j - u_j = (5, 4, 3)

Without q it is the clip (2, 0), whose CLS ends like the recipient's: (19, 60), logits (79, -41). Without p it
is (0, 3): (1,4) (17,4) (29,4) (29,120), logits (149, -91).
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from integer_toy import DONOR, RECIPIENT, clip, integer_toy

from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.grid import count, published_cells, tubelet_cells
from circuit_claims.measure.regions import (
    ablate_regions,
    as_published,
    mask_of,
    moved_in_time,
    orders,
    painted,
    scores,
    tubelets,
    whole_frames,
)
from circuit_claims.measure.separation import direction, outcome_kept
from circuit_claims.models.residual import walk
from circuit_claims.models.sites import attn_out

pytestmark = pytest.mark.machines

TOY = integer_toy()
VIVIT_B = (16, 14, 14)
GRIDS = st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))


def test_what_a_label_owes_to_each_token_of_the_toy() -> None:
    assert scores(TOY, DONOR).tolist() == scores(TOY, DONOR, 0).tolist() == [7, 8, 9]
    assert scores(TOY, DONOR, 1).tolist() == [5, 4, 3]
    assert scores(TOY, RECIPIENT).tolist() == [4, 4, 4]


def test_what_tokens_are_owed_sums_to_what_all_heads_write_for_the_label(tiny: Any, clips: Any) -> None:
    model = tiny(num_attention_heads=4)
    pixels, _ = clips(model)
    with torch.inference_mode():
        run = dict(walk(model, pixels[None]))
        last = run[model.sites[-1]]
        readout = model.frozen_readout(last).linear
        label = int(model.readout(last).logits.argmax())
        heads = sum(
            run[attn_out(write.layer)][0, 0].double() - write.heads.bias.double()
            for write in model.writes
            if write.heads
        )
    found = scores(model, pixels)
    assert found.shape == (model.n_tokens,)
    assert float(found.sum()) == pytest.approx(float(heads @ readout[label]), rel=1e-5)


def test_regions_of_the_toy() -> None:
    regions = {
        "q": (tubelets(TOY, [1]), "zero"),
        "p": (tubelets(TOY, [0]), "zero"),
        "none": (mask_of(TOY, ()), "zero"),
    }
    assert ablate_regions(TOY, DONOR, regions) == {
        "label": 0,
        "logit": 391,
        "margin": 672,
        "ablated": {
            "q": {"logit": 79, "margin": 120, "area": 0.5},
            "p": {"logit": 149, "margin": 240, "area": 0.5},
            "none": {"logit": 391, "margin": 672, "area": 0.0},
        },
    }


def test_tokens_are_ordered_by_what_the_label_owes_to_them() -> None:
    found = orders(TOY, DONOR, seed=0)
    assert (found["top"], found["bottom"]) == ([1, 0], [0, 1])
    assert sorted(found["random"]) == [0, 1]
    assert orders(TOY, DONOR, seed=0) == found


@given(grid=GRIDS, depth=st.integers(1, 3))
def test_tubelets_share_out_the_cells_of_a_clip(grid: tuple[int, int, int], depth: int) -> None:
    time, height, width = grid
    n = time * height * width
    cells = [cell for token in range(n) for cell in tubelet_cells(token, grid, time * depth)]
    assert len(cells) == len(set(cells)) == n * depth
    assert {cell[0] for cell in cells} == set(range(time * depth))
    published = {cell for token in range(n) for cell in published_cells(token, grid)}
    assert len(published) == n
    assert {cell[0] for cell in published} == set(range(time))


def test_the_published_map_touches_half_of_the_pixels_at_other_times() -> None:
    assert count(0.1, VIVIT_B) == 313
    assert published_cells(5 * 196 + 76, VIVIT_B) == ((5, 5, 6),)
    assert tubelet_cells(5 * 196 + 76, VIVIT_B, 32) == ((10, 5, 6), (11, 5, 6))
    assert len({cell for token in range(313) for cell in published_cells(token, VIVIT_B)}) / (32 * 196) == (
        pytest.approx(0.0499, abs=5e-5)
    )


@pytest.mark.parametrize(
    ("share", "grid", "n"), [(0.6, (1, 1, 5), 3), (0.1, (8, 4, 4), 12), (1.0, (2, 2, 2), 8)]
)
def test_a_share_of_the_tokens_is_rounded_down(share: float, grid: Any, n: int) -> None:
    assert count(share, grid) == n


def test_a_token_is_painted_in_both_frames_of_its_tubelet(tiny: Any) -> None:
    model = tiny()  # 8 frames of 16 x 16, tubelets of 2 x 8 x 8
    token = 1 * 4 + 2  # second tubelet in time, second row, first column
    pixels = torch.ones(8, 3, 16, 16)
    right = painted(pixels, tubelets(model, [token]))
    assert right[2:4, :, 8:, :8].abs().sum() == 0
    assert right.sum() == pixels.sum() - 2 * 3 * 64
    published = painted(pixels, as_published(model, [token]))
    assert published[1, :, 8:, :8].abs().sum() == 0
    assert published.sum() == pixels.sum() - 3 * 64


def test_baselines_are_nothing_the_mean_colour_or_another_frame() -> None:
    pixels = torch.arange(4.0)[:, None, None, None].expand(4, 3, 2, 2).clone()
    mask = torch.zeros(4, 1, 1, dtype=torch.bool)
    mask[1] = True
    assert painted(pixels, mask, "zero")[:, 0, 0, 0].tolist() == [0, 0, 2, 3]
    assert painted(pixels, mask, "clip mean")[:, 0, 0, 0].tolist() == [0, 1.5, 2, 3]
    assert painted(pixels, mask, "another frame")[:, 0, 0, 0].tolist() == [0, 3, 2, 3]
    assert pixels[1, 0, 0, 0] == 1
    with pytest.raises(MeasurementError, match="no baseline is called 'blur'; there are zero"):
        painted(pixels, mask, "blur")


def test_whole_frames_are_by_fraction(tiny: Any) -> None:
    model = tiny(num_frames=32, tubelet_size=[2, 8, 8])
    chosen = whole_frames(model, (10 / 32, 14 / 32)).flatten(1).all(1).nonzero().flatten()
    assert chosen.tolist() == [10, 11, 12, 13]
    with pytest.raises(NotApplicable, match=r"none of its 8 frames lies in 0\.51 to 0\.52"):
        whole_frames(tiny(), (0.51, 0.52))


@given(seed=st.integers(0, 2**20))
def test_a_region_moved_in_time_keeps_its_places(seed: int) -> None:
    mask = torch.zeros(8, 2, 2, dtype=torch.bool)
    mask[2:4, 0, 1] = mask[4:6, 1, 1] = True
    moved = moved_in_time(mask, 2, seed)
    assert not torch.equal(moved, mask)
    assert torch.equal(moved.sum(0), mask.sum(0))
    assert all(torch.equal(moved[frame], moved[frame + 1]) for frame in range(0, 8, 2))


def test_the_outcomes_direction_in_the_toy() -> None:
    # D = (36, 276); logits differ by 2 v, so the label differences span v: 276^2 of <D,D> = 77472.
    assert direction(TOY, DONOR, RECIPIENT) == {
        "share": pytest.approx(76176 / 77472, rel=1e-6),
        "expected": 0.5,
        "success": 672,
        "failure": 120,
    }
    assert direction(TOY, DONOR, DONOR)["share"] is None


def test_what_is_left_of_the_outcome_without_the_labels_token() -> None:
    # The label owes most to q in both clips together. Without it they are (2, 0) and (1, 0), and end in
    # (19, 60) and (1,2) (5,2) (11,2) (11,24): D' = (8, 36), logits (79, -41) and (35, -13).
    found = outcome_kept(TOY, DONOR, RECIPIENT, 0.5, seed=0)
    assert found["margin"] == (672 + 120) / 2
    assert found["top"] == {
        "kept": pytest.approx((8 * 36 + 36 * 276) / 77472, rel=1e-6),
        "margin": (120 + 48) / 2,
    }
    assert set(found) == {"margin", "top", "random"}
    assert outcome_kept(TOY, DONOR, RECIPIENT, 0.0, seed=0)["top"]["kept"] == 1.0
    assert outcome_kept(TOY, DONOR, DONOR, 0.5, seed=0)["top"]["kept"] is None


def test_bad_clips_are_an_error_that_says_where() -> None:
    with pytest.raises(MeasurementError, match="toy, clip: there are NaN or Inf among the pixels"):
        scores(TOY, clip(float("nan"), 0))
    with pytest.raises(MeasurementError, match="toy, clip, mlp_out 0"):
        scores(TOY, clip(1e30, 0))
    with pytest.raises(MeasurementError, match=r"pixels are \[1, 3, 4, 4\]"):
        ablate_regions(TOY, DONOR.repeat(1, 1, 2, 2), {})


def test_scores_read_cls_rows_only(tiny: Any, clips: Any) -> None:
    model = tiny()
    seen: list[slice] = []
    first = model.writes[0].heads
    original = first.pattern
    object.__setattr__(first, "pattern", lambda resid, rows: (seen.append(rows), original(resid, rows))[1])
    scores(model, clips(model)[0])
    assert seen == [slice(0, 1)]

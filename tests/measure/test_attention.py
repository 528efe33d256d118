"""What is said of maps over tokens, masks of tracked things, and the attention of CLS in numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from integer_toy import DONOR, integer_toy
from scipy.stats import spearmanr

from circuit_claims.clips.sampling import Sampling
from circuit_claims.measure.attention import describe
from circuit_claims.measure.attribution import attribute
from circuit_claims.measure.errors import MeasurementError, NotApplicable
from circuit_claims.measure.seen import Seen
from circuit_claims.measure.token_maps import (
    agreement,
    centre,
    concentration,
    high_norm,
    later_half,
    lift,
    mass_share,
)
from circuit_claims.measure.tracks import mask, tracks_hash

pytestmark = pytest.mark.machines

GRID = (4, 3, 4)
MAPS = arrays(np.float64, GRID, elements=st.integers(0, 64).map(lambda n: n / 64))
ALL = np.ones(GRID, dtype=np.bool_)


def test_shares_and_lifts_by_hand() -> None:
    values = np.zeros((4, 4, 4))
    values[0, 0, 0], values[3, 1, 2], values[2, 3, 3] = 1.0, 3.0, -5.0
    assert later_half((4, 1, 1)).ravel().tolist() == [0, 0, 1, 1]
    assert later_half((3, 1, 1)).ravel().tolist() == [0, 0.5, 1]
    assert centre((1, 4, 4))[0].tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert centre((1, 14, 14))[0].sum() == 36
    # What is negative argues against the label: it is no mass.
    assert mass_share(values, later_half(values.shape)) == 3 / 4
    assert lift(values, centre(values.shape)) == (3 / 4) / (1 / 4)
    assert concentration(np.array([[[1.0, 0.0]]])) == 1.0
    assert concentration(np.array([[[2.0, 2.0]]])) == pytest.approx(0.0)


def test_what_is_nothing_over_nothing_is_not_a_number() -> None:
    nothing = np.zeros(GRID)
    assert np.isnan(mass_share(nothing, later_half(GRID)))
    assert np.isnan(mass_share(-np.ones(GRID), later_half(GRID)))
    assert np.isnan(lift(np.ones(GRID), nothing))
    assert np.isnan(concentration(nothing))
    assert np.isnan(agreement(np.ones(GRID), np.arange(48.0).reshape(GRID), ALL)).all()


def test_a_lift_counts_neither_mass_nor_area_of_what_is_set_aside() -> None:
    values, where = np.ones((1, 1, 4)), np.array([[[1.0, 1.0, 0.0, 0.0]]])
    values[0, 0, 0] = 100.0
    kept = np.array([[[False, True, True, True]]])
    assert lift(values, where, kept) == 1.0
    assert lift(values, where) == pytest.approx(101 / 103 / 0.5)


def test_tokens_of_high_norm() -> None:
    norms = np.array([10.0, 11.0, 9.0, 10.0, 12.0, 40.0]).reshape(1, 2, 3)
    assert high_norm(norms).ravel().tolist() == [False] * 5 + [True]
    # All but equal: the one that is longer by a thousandth is no register.
    assert not high_norm(np.array([100.0, 100.0, 100.0, 100.1]).reshape(1, 1, 4)).any()


@given(one=MAPS, scale=st.sampled_from([0.5, 2.0, 64.0]))
def test_shares_do_not_depend_on_the_size_of_a_map_and_turn_with_it(one: Any, scale: float) -> None:
    half, share = later_half(GRID), mass_share(one, later_half(GRID))
    if np.isnan(share):
        return
    assert mass_share(scale * one, half) == pytest.approx(share)
    assert mass_share(one[::-1], half) == pytest.approx(1.0 - share)
    assert 0.0 <= share <= 1.0
    assert -1e-12 <= concentration(one) <= 1.0 + 1e-12
    assert lift(one, np.ones(GRID)) == pytest.approx(1.0)


@given(one=MAPS, other=MAPS)
def test_agreement_is_spearman_and_its_null_is_all_shifts_in_space(one: Any, other: Any) -> None:
    rho, shifted = agreement(one, other, ALL)
    if np.isnan(rho):
        assert np.ptp(one) == 0 or np.ptp(other) == 0
        return
    assert rho == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-9)
    by_hand = [
        spearmanr(np.roll(one, (y, x), (1, 2)).ravel(), other.ravel()).statistic
        for y in range(3)
        for x in range(4)
        if (y, x) != (0, 0)
    ]
    assert shifted == pytest.approx(np.mean(by_hand), abs=1e-9)
    assert agreement(one, one, ALL)[0] == pytest.approx(1.0)
    assert agreement(np.exp(one), other, ALL)[0] == pytest.approx(rho, abs=1e-9)


def test_tokens_set_aside_do_not_agree() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random(GRID), rng.random(GRID)
    one[0, 0, 0] = other[0, 0, 0] = 50.0
    kept = ALL.copy()
    kept[0, 0, 0] = False
    expected = spearmanr(one[kept], other[kept]).statistic
    assert agreement(one, other, kept)[0] == pytest.approx(expected)
    # Shifted, both places are left out: where the token is and where it has come to.
    moved = np.roll(one, (1, 2), (1, 2))
    both = kept & np.roll(kept, (1, 2), (1, 2))
    assert both.sum() == 46
    assert spearmanr(moved[both], other[both]).statistic != expected


def test_values_that_float32_cannot_tell_apart_are_ties() -> None:
    one = np.full(GRID, 1e-3)
    one[0, 0, 0] = 1.0
    other = one + 1e-12 * np.arange(48.0).reshape(GRID)
    assert agreement(one, other, ALL)[0] == pytest.approx(1.0)


def test_the_attention_of_the_integer_toy() -> None:
    """All weights are 1, on the two patch tokens of one tubelet: even in time and in space."""
    covered = np.array([[[1.0, 0.0]]])
    found = describe(attribute(integer_toy(), DONOR, 0), (1, 1, 2), [0], [(1, 0)], covered)
    assert found["later"] == found["later_kept"] == [[0.5], [0.5]]
    assert found["concentration"] == [[0.0], [0.0]]
    assert found["lift"] == found["lift_kept"] == [[1.0], [1.0]]
    assert found["maps"] == {"0": [[[1.0, 1.0]]], "1.0": [[[1.0, 1.0]]]}
    assert found["high_norm"] == [0, 0]
    assert found["agreement"]["sources"] == {"rho": None, "shifted": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**16))
def test_attention_in_numbers_is_that_of_the_weights(seed: int) -> None:
    from tiny_vivit import build_vivit

    from circuit_claims.models.load import ModelSource, load

    hf_model = build_vivit(seed, num_frames=4)
    model = load(ModelSource(name="tiny", build=lambda: hf_model, build_fingerprint=f"{seed}"))
    shape = (model.frames, 3, model.image_size, model.image_size)
    clip = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    looked = attribute(model, clip, 0)
    found = describe(looked, model.token_grid, [1], [(2, 1)])
    weights = looked.attention[2, 1, 1:].reshape(model.token_grid)
    assert found["later"][2][1] == pytest.approx(float(weights[1:].sum() / weights.sum()), rel=1e-5)
    assert np.allclose(found["maps"]["2.1"], weights.numpy(), rtol=1e-5)
    p = (weights / weights.sum()).flatten()
    entropy = float(-(p * p.log()).sum())
    assert found["concentration"][2][1] == pytest.approx(1 - entropy / np.log(len(p)), abs=1e-6)
    assert found["lift"] is None


def rendered(tmp_path: Path, track: Any, frames: int = 6, preprocess: Any = None) -> tuple[Any, Any]:
    """As much of an assay and a pair as a mask asks for: clips of `frames` frames of 8 x 8 pixels, of which
    the model sees frames 1, 2, 3, 4 as two tubelets of 2 x 2 tokens."""
    path = tmp_path / "tracks.json"
    path.write_text(json.dumps(track))
    window = np.zeros((4, 8, 8, 3), np.uint8)

    def plainly(pictures: Any) -> Any:
        return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1

    assay: Any = SimpleNamespace(
        model=lambda: SimpleNamespace(preprocess=preprocess or plainly, token_grid=(2, 2, 2)),
        window=lambda _pair, _positive: window,
        indices=lambda _pair, _positive: (1, 2, 3, 4),
        bench=SimpleNamespace(
            footage=SimpleNamespace(timeline=lambda _clip: SimpleNamespace(n_frames=frames))
        ),
        seen=Seen(),
        pairs=SimpleNamespace(
            tracks=path, name="made", sampling_of=lambda _pair: Sampling("stride", 4, start=1)
        ),
    )
    clip = SimpleNamespace(path=Path("a.mp4"), start=0)
    pair: Any = SimpleNamespace(name="made", clip=lambda _positive: clip)
    return assay, pair


NOWHERE = [None] * 6


def test_a_mask_is_how_much_of_each_token_is_covered(tmp_path: Path) -> None:
    """The object fills the left half in source frames 1 and 2 and is gone after; the target is the lower
    right quarter in frame 4. The clip's frame 0 is not in the window."""
    left, corner = [0.0, 0.0, 0.5, 1.0], [0.5, 0.5, 1.0, 1.0]
    track = {
        "a.mp4": {
            "object": [corner, left, left, None, None, left],
            "target": [None, None, None, None, corner, None],
        }
    }
    found = mask(*rendered(tmp_path, track), positive=True)
    assert found.tolist() == [[[1, 0], [1, 0]], [[0, 0], [0, 0.5]]]


def test_boxes_go_through_the_preprocessing_and_do_not_count_twice(tmp_path: Path) -> None:
    """A processor that crops the right half: what fills the left half of the picture is not seen."""
    half, right = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.5, 1.0]
    track = {"a.mp4": {"object": [half] * 6, "target": NOWHERE}}

    def crop(pictures: Any) -> Any:
        return torch.from_numpy(pictures[:, :, 4:].copy()).permute(0, 3, 1, 2).float() / 255

    assert mask(*rendered(tmp_path, track, preprocess=crop), positive=True).max() == 0.0
    both = {"a.mp4": {"object": [right] * 6, "target": [right] * 6}}
    assert mask(*rendered(tmp_path, both, preprocess=crop), positive=True).min() == 1.0


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ({}, r"tracks.json: a.mp4 is not in it; track the clip"),
        (
            {"a.mp4": {"object": [None] * 5, "target": NOWHERE}},
            "has 6 frames, and its object is tracked in 5",
        ),
        ({"a.mp4": {"object": NOWHERE}}, "its target is tracked in 0"),
    ],
)
def test_tracks_that_do_not_fit_the_clip(tmp_path: Path, track: Any, said: str) -> None:
    with pytest.raises(MeasurementError, match=said):
        mask(*rendered(tmp_path, track), positive=True)


def test_a_set_without_tracks_is_not_applicable() -> None:
    pairs: Any = SimpleNamespace(tracks=None, name="the paper's")
    with pytest.raises(NotApplicable, match="nothing says where things are in the clips of the paper's"):
        tracks_hash(pairs)

"""The scenes of two orders: what they hide, what a circuit recovers of them, and what a probe can read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from circuit_claims.clips.pairs import PairKind, load_pairs, verify_hashes
from circuit_claims.measure import linear_probe
from circuit_claims.measure.controls import SHUFFLE_SEED
from circuit_claims.measure.patching import sweep
from circuit_claims.measure.probing import coarse_pixels, pooled_streams
from circuit_claims.measure.recovery import projection
from circuit_claims.measure.trace import delta_trace
from circuit_claims.models.load import load
from circuit_claims.models.residual import ResidualModel, run
from circuit_claims.organisms.encode import decode, first_difference, round_trip
from circuit_claims.organisms.planted import (
    PLANTED,
    Evidence,
    planted_source,
    scenes,
    scenes_order,
    write_pairs,
)
from circuit_claims.organisms.planted.parts import CONTRAST, ORDERED
from circuit_claims.organisms.planted.scenes_order import PAIRS, Scene, control_pair, outcome_pair

pytestmark = pytest.mark.machines

torch.set_num_threads(1)
ORDERS = [name for name, circuit in PLANTED.items() if circuit.evidence is Evidence.ORDER]
circuits = pytest.mark.parametrize("name", ORDERS)
EXACT = {"abs": 1e-3, "rel": 0.01}
"""As for the circuits whose facts stay (`test_planted_answers.py`)."""
KINDS = [(fact, first) for fact in ("a", "b") for first in (True, False)]
"""The four ways in which two clips that differ in one order can be success and failure."""


def window(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return frames[scenes.START : scenes.START + scenes.WINDOW * scenes.STRIDE : scenes.STRIDE]


def minimal(seed: int, fact: str, first: bool) -> tuple[Scene, Scene]:
    """A success with A bright first (or not), and the failure that differs in one order and nothing else."""
    success = Scene(seed, seed % 8, a=first, b=not first, hue=1)
    return success, replace(success, **{fact: not getattr(success, fact)})


# Scenes -----------------------------------------------------------------------------------------------------


def pictures(scene: Scene) -> Counter[tuple[int, ...]]:
    """How often the window shows each picture of the two squares: -1 dark, 0 grey, 1 bright."""
    shown = window(scenes_order.draw(scene)).astype(float) - scenes.GREY
    rows = []
    for tag in ("tag_a", "tag_b"):
        ((row, column),) = ORDERED.cells[tag]
        middle = shown[:, 16 * row + 4 : 16 * row + 12, 16 * column + 4 : 16 * column + 12]
        rows.append(np.round(middle.mean(axis=(1, 2, 3)) / CONTRAST).astype(int).tolist())
    return Counter(zip(*rows, strict=True))


def test_every_clip_shows_the_same_pictures_and_only_their_order_tells_the_outcome() -> None:
    shown = [
        pictures(Scene(7, 3, a=a, b=b, hue=1, noise=n, video=n))
        for a, b, n in product((True, False), (True, False), (0, 1))
    ]
    assert all(found == {(1, 0): 4, (-1, 0): 4, (0, 1): 4, (0, -1): 4} for found in shown)


def test_the_mean_difference_between_success_and_failure_is_nothing() -> None:
    """Of 32 pairs, without what else two videos differ in."""
    total = np.zeros((scenes.WINDOW, 64, 64, 3))
    single = 0.0
    for index in range(PAIRS):
        success, failure = outcome_pair(0, index)
        alike = replace(failure, noise=success.noise, video=success.video, hue=success.hue)
        difference = window(scenes_order.draw(success)).astype(float) - window(scenes_order.draw(alike))
        single = max(single, float(np.abs(difference).max()))
        total += difference
    assert single == pytest.approx(2 * CONTRAST)
    assert np.abs(total / PAIRS).max() == 0.0


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_facts_signs_and_colours_are_balanced_in_each_round_and_for_each_label(rounds: int) -> None:
    kinds = []
    for index in range(8 * rounds):
        success, failure = outcome_pair(0, index)
        assert [success.success, failure.success] == [True, False]
        assert success.label == failure.label == index % 8
        changed = [fact for fact in ("a", "b") if getattr(success, fact) is not getattr(failure, fact)]
        assert len(changed) == 1
        kinds.append((changed[0], success.a, success.hue))
        assert failure.hue == -success.hue
    assert len(set(kinds)) == 8
    assert set(Counter(kinds).values()) == {rounds}
    if rounds == 4:
        for label in range(8):
            assert len({kind[:2] for kind in kinds[label::8]}) == 4
            assert sum(hue for *_, hue in kinds[label::8]) == 0


def test_controls_have_one_outcome_and_half_of_the_other_clips_both_orders_turned() -> None:
    turned = []
    for index in range(scenes_order.CONTROLS):
        one, other = control_pair(index, index, "other-clip")
        assert one.success == other.success == (index < 8)
        assert (one.label, one.hue) == (other.label, -other.hue)
        assert one.video != other.video
        turned.append(one.a is not other.a)
        same, again = control_pair(index, index, "noise")
        assert replace(again, noise=same.noise) == same
    assert [turned[label] + turned[label + 8] for label in range(8)] == [1] * 8


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), kind=st.sampled_from(KINDS), video=st.integers(0, 1))
def test_clips_are_alike_until_the_facts_begin(seed: int, kind: tuple[str, bool], video: int) -> None:
    success, failure = minimal(seed, *kind)
    failure = replace(failure, video=video, noise=video)
    frames, others = scenes_order.draw(success), scenes_order.draw(failure)
    assert np.array_equal(frames, scenes_order.draw(success))
    begins = scenes_order.FIRST if video or kind[0] == "a" else scenes_order.B_STARTS
    assert first_difference(frames, others) == begins


def test_manifest_is_sound_and_same_seed_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes_order, "PAIRS", 8)
    monkeypatch.setattr(scenes_order, "CONTROLS", 2)
    pairs = load_pairs(write_pairs(tmp_path / "one", PLANTED["xor-cascade"]))
    verify_hashes(pairs)
    assert {pair.label for pair in pairs.of(PairKind.OUTCOME)} == set(ORDERED.labels)
    assert len(pairs.of(PairKind.CONTROL, "noise")) == len(pairs.of(PairKind.CONTROL, "other-clip")) == 2
    first = pairs.of(PairKind.OUTCOME)[0]
    clips = decode(first.positive.path), decode(first.negative.path)
    assert first_difference(*clips) == first.outcome_frame
    for shift in (-4, 0, 4):
        assert len(pairs.sampling.shifted(shift).indices(len(clips[0]))) == 16
    monkeypatch.setattr(scenes_order, "PAIRS", 1)
    again = load_pairs(write_pairs(tmp_path / "two", PLANTED["xor-nuisance"])).pairs[0]
    assert (again.positive.sha256, again.negative.sha256) == (first.positive.sha256, first.negative.sha256)
    other = load_pairs(write_pairs(tmp_path / "three", PLANTED["xor-nuisance"], seed=1)).pairs[0]
    assert other.positive.sha256 != first.positive.sha256


# Circuits ---------------------------------------------------------------------------------------------------


@cache
def model_of(name: str) -> ResidualModel:
    return load(planted_source(name))


@cache
def clip(scene: Scene) -> Tensor:
    """The window of a clip as its model reads it, through the codec: `[frame, 3, 64, 64]`."""
    return model_of(ORDERS[0]).preprocess(window(round_trip(scenes_order.draw(scene), scenes.FPS, scenes.QP)))


def answered(name: str, seed: int, fact: str, first: bool) -> tuple[Scene, Scene]:
    """The pair that a circuit's answers are of: minimal, or of other colours where it reads nothing else."""
    success, failure = minimal(seed, fact, first)
    return success, replace(failure, hue=-1) if name == "xor-nuisance" else failure


def recoveries(name: str, donor: Scene, recipient: Scene) -> dict[str, float]:
    found = sweep(model_of(name), clip(donor), clip(recipient), tokens=False)
    return {site: projection(patched.norms["summary"]) for site, patched in found.patches.items()}


def kinds_of(name: str) -> list[tuple[str, bool]]:
    return [("a", True)] if name == "xor-one-fact" else KINDS


@circuits
def test_every_site_recovers_and_is_needed_as_was_known_beforehand(name: str) -> None:
    answers = PLANTED[name]
    for seed, kind in enumerate(kinds_of(name)):
        success, failure = answered(name, seed, *kind)
        for site, recovered in recoveries(name, success, failure).items():
            assert recovered == pytest.approx(answers.recovery.get(site, 0.0), **EXACT), f"{site}, {kind}"
        for site, lost in recoveries(name, failure, success).items():
            assert 1.0 - lost == pytest.approx(answers.kept.get(site, 1.0), **EXACT), f"{site}, {kind}"


@circuits
def test_delta_grows_as_was_known_beforehand(name: str) -> None:
    success, failure = answered(name, 1, *kinds_of(name)[0])
    trace = delta_trace(model_of(name), clip(success), clip(failure))
    heights = [2 * block.cls_delta / (block.cls_positive + block.cls_negative) for block in trace.blocks]
    assert heights[11] / heights[5] == pytest.approx(PLANTED[name].growth, rel=0.02)


@circuits
def test_all_eight_labels_are_right_with_a_margin_in_every_window(name: str) -> None:
    model = model_of(name)
    assert model.labels == ORDERED.labels
    assert model.reference is not None
    for index in range(8):
        for scene in outcome_pair(0, index):
            frames = scenes_order.draw(scene)
            for shift in (-6, 0, 6):
                start = scenes.START + shift
                pixels = model.preprocess(frames[start : start + scenes.WINDOW * scenes.STRIDE : 2])[None]
                says = run(model, pixels).logits
                assert torch.equal(says, model.reference.logits(pixels))
                first, second = says[0].topk(2).values.tolist()
                assert int(says.argmax()) == index
                assert first - second > 7.0


@pytest.mark.parametrize("order", ["shuffled", "reversed"])
@pytest.mark.parametrize("name", ["xor-composes-3", "xor-composes-0", "xor-cascade"])
def test_frames_out_of_order_carry_no_outcome(name: str, order: str) -> None:
    places = np.random.default_rng(SHUFFLE_SEED).permutation(scenes.WINDOW)
    frames = places if order == "shuffled" else np.arange(scenes.WINDOW)[::-1]
    for kind in KINDS:
        pixels = [clip(scene) for scene in minimal(2, *kind)]
        ordered = delta_trace(model_of(name), *pixels).blocks[11].cls_delta
        other = delta_trace(model_of(name), *(one[frames.copy()] for one in pixels)).blocks[11].cls_delta
        # Of the copies of the facts at most, a twentieth of the outcome.
        assert other < 0.05 * ordered


# Probes -----------------------------------------------------------------------------------------------------


def read(clips: NDArray[np.float64]) -> float:
    """Share of 32 left-out pairs that the claims' own probe ranks right; clips are `[pair, 2, d]`."""
    votes = linear_probe.held_out_votes(clips, [str(index % 8) for index in range(len(clips))])
    return float(linear_probe.held_out_right(votes, np.ones((1, len(clips)))).mean())


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Tensor, Tensor]]:
    return [
        (clip(success), clip(failure)) for success, failure in map(outcome_pair, [0] * PAIRS, range(PAIRS))
    ]


def test_no_linear_probe_reads_the_outcome_of_raw_pixels(pairs: list[tuple[Tensor, Tensor]]) -> None:
    coarse = np.array([[coarse_pixels(one) for one in pair] for pair in pairs])
    assert read(coarse) < 0.75
    fine = np.array([[one.mean(dim=1)[:, 2::4, 2::4].flatten().numpy() for one in pair] for pair in pairs])
    assert read(fine.astype(np.float64)) < 0.75


def test_the_exclusive_or_is_read_off_the_circuit_that_makes_it(pairs: list[tuple[Tensor, Tensor]]) -> None:
    streams = {
        name: np.array([[pooled_streams(model_of(name), one, 5) for one in pair] for pair in pairs])
        for name in ("xor-composes-3", "xor-one-fact")
    }
    by_layer = {name: [read(found[:, :, layer]) for layer in (0, 4)] for name, found in streams.items()}
    assert by_layer["xor-composes-3"][0] < 0.75 < 0.9 < by_layer["xor-composes-3"][1]
    assert by_layer["xor-one-fact"][1] < 0.5

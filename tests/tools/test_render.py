"""The renderer: deterministic by seed, and both outcomes the same picture until the outcome."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.organisms.encode import first_difference, round_trip
from tools.organism.examples import make_examples
from tools.organism.render import ACTIONS, FPS, FRAMES, OUTCOME_FRAMES, render

SIZE = 32
actions = pytest.mark.parametrize("action", list(ACTIONS))


@actions
def test_same_seed_same_clip_and_other_seed_other_clip(action: str) -> None:
    a, b, c = (render(action, True, seed, size=SIZE, frames=(0, 30)) for seed in (5, 5, 6))
    assert np.array_equal(a.frames, b.frames)
    assert (a.object_boxes, a.target_boxes) == (b.object_boxes, b.target_boxes)
    assert not np.array_equal(a.frames, c.frames)


@actions
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_outcomes_part_exactly_at_the_outcome_frame(action: str, seed: int) -> None:
    # Two early frames stand for those before; every frame in which an outcome may begin is there.
    frames = (0, 12, *range(OUTCOME_FRAMES[0] - 1, OUTCOME_FRAMES[1] + 1))
    success, failure = (render(action, won, seed, size=SIZE, frames=frames) for won in (True, False))
    assert success.outcome_frame == failure.outcome_frame
    assert first_difference(success.frames, failure.frames) == frames.index(success.outcome_frame)
    before = slice(0, frames.index(success.outcome_frame))
    assert success.object_boxes[before] == failure.object_boxes[before]
    assert success.target_boxes[before] == failure.target_boxes[before]


@actions
def test_the_outcome_stays_visible(action: str) -> None:
    success, failure = (render(action, won, 3, size=64, frames=(38, 47)) for won in (True, False))
    changed = np.abs(success.frames.astype(int) - failure.frames).max(axis=-1) > 40
    # An area the size of half a 16-pixel token at least, in the last frame of the window and of the clip.
    assert (changed.sum(axis=(1, 2)) >= 128).all()


@actions
def test_a_noise_seed_changes_the_noise_and_nothing_else(action: str) -> None:
    frames = range(0, FRAMES, 9)
    plain = render(action, True, 2, size=SIZE, frames=frames)
    noisy = render(action, True, 2, noise_seed=99, size=SIZE, frames=frames)
    assert plain.object_boxes == noisy.object_boxes
    difference = plain.frames.astype(int) - noisy.frames
    assert (difference != 0).reshape(len(frames), -1).any(axis=1).all()
    assert np.abs(difference).mean() < 8


@actions
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31), success=st.booleans())
def test_boxes_lie_in_the_frame_and_the_object_is_seen(action: str, seed: int, success: bool) -> None:
    clip = render(action, success, seed, size=SIZE, frames=range(0, FRAMES, 4))
    for box in (*clip.object_boxes, *clip.target_boxes):
        if box is not None:
            x0, y0, x1, y1 = box
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1
    assert sum(box is not None for box in clip.object_boxes) >= 5
    assert all(box is not None for box in clip.target_boxes)


def test_boxes_follow_the_object_through_mirror_and_pan() -> None:
    for seed in range(6):  # both mirrored and not
        clip = render("basketball shot", True, seed, size=96, frames=(0, 10))
        (x0, y0, x1, y1) = (round(96 * v) for v in clip.object_boxes[1] or (0, 0, 0, 0))
        inside = clip.frames[1, y0:y1, x0:x1].astype(float).mean(axis=(0, 1))
        assert inside[0] > 1.4 * inside[2], f"seed {seed}: no orange ball in its box"


@pytest.mark.parametrize("action", ["bowling", "pouring"])
def test_the_codec_leaks_nothing_before_the_outcome(action: str) -> None:
    clips = [render(action, won, 11, size=64) for won in (True, False)]
    decoded = [round_trip(clip.frames, FPS) for clip in clips]
    assert first_difference(*decoded) == clips[0].outcome_frame
    assert np.abs(decoded[0].astype(int) - clips[0].frames).mean() < 8


def test_examples_come_in_pairs_that_go_through_the_actions() -> None:
    examples = make_examples(range(200, 203), codec=False)
    assert examples.pixels.shape == (6, 16, 3, 64, 64)
    assert examples.label.tolist() == [0, 0, 1, 1, 2, 2]
    assert examples.success.tolist() == [1, 0, 1, 0, 1, 0]

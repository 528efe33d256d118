"""Windows put together from frames: to the bit what preprocessing makes of them, and each frame once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.measure.seen import Seen
from circuit_claims.models.load import load
from circuit_claims.organisms.registry import resolve

pytestmark = pytest.mark.machines

CLIP = Path("a.mp4")
FRAMES = np.random.default_rng(0).integers(0, 256, (48, 6, 8, 3), dtype=np.uint8)
READ = FRAMES.__getitem__


class Counted:
    """A preprocessing that counts the frames that it is given."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, frames: Any) -> torch.Tensor:
        self.calls.append(len(frames))
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 3


@given(
    st.lists(st.lists(st.integers(0, 47), min_size=1, max_size=6), min_size=1, max_size=8), st.integers(1, 9)
)
def test_a_window_is_what_preprocessing_makes_of_its_frames(windows: list[list[int]], room: int) -> None:
    seen = Seen(room * 2000)
    for chosen in windows:
        preprocess = Counted()
        found = seen.window(CLIP, READ, 48, chosen, preprocess)
        assert torch.equal(found, Counted()(FRAMES[chosen]))
        assert preprocess.calls in ([], [len(chosen)]), "a call takes as many frames as the model reads"


def test_seven_windows_of_a_clip_are_two_calls() -> None:
    seen, preprocess = Seen(), Counted()
    for start in (8, 2, 4, 6, 10, 12, 14, 8):
        chosen = range(start, start + 32, 2)
        assert torch.equal(
            seen.window(CLIP, READ, 48, chosen, preprocess),
            Counted()(FRAMES[list(chosen)]),
        )
    assert preprocess.calls == [16, 16]


def test_what_has_no_room_is_made_again() -> None:
    """Of three clips with room for two the first one goes."""
    preprocess = Counted()
    seen = Seen(2 * preprocess(FRAMES[:4]).nbytes)
    preprocess.calls.clear()
    for name in ("a", "b", "c", "c", "b", "a"):
        seen.window(Path(name), READ, 48, range(4), preprocess)
    assert preprocess.calls == [4] * 4


def test_what_is_kept_can_be_read_outside_of_inference_mode() -> None:
    seen = Seen()
    with torch.inference_mode():
        assert not seen.window(CLIP, READ, 48, [1, 2], Counted()).is_inference()
        assert not seen.window(CLIP, READ, 48, [2, 1], Counted()).is_inference()


@pytest.mark.parametrize("name", ["organism", "planted:composes-5"])
def test_models_preprocess_frame_by_frame(name: str) -> None:
    """What windows of frames rest on, and the controls that shuffle, reverse and repeat them."""
    model = load(resolve(name))
    frames = np.random.default_rng(1).integers(0, 256, (16, 128, 128, 3), dtype=np.uint8)
    order = np.random.default_rng(2).permutation(16)
    assert torch.equal(model.preprocess(frames)[order], model.preprocess(frames[order]))

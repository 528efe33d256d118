"""Which frames a rule takes: checked against the formulas, by hand and over many clips."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_claims.clips.sampling import Sampling, SamplingError


@given(
    frames=st.integers(1, 64), stride=st.integers(1, 8), start=st.integers(0, 50), spare=st.integers(0, 100)
)
def test_stride(frames: int, stride: int, start: int, spare: int) -> None:
    n_frames = start + (frames - 1) * stride + 1 + spare
    indices = Sampling("stride", frames, stride, start).indices(n_frames)
    assert indices == tuple(start + i * stride for i in range(frames))
    assert all(a < b for a, b in pairwise(indices))
    assert indices[-1] < n_frames


@given(frames=st.integers(1, 64), stride=st.integers(1, 8), start=st.integers(0, 50))
def test_stride_needs_its_last_frame(frames: int, stride: int, start: int) -> None:
    with pytest.raises(SamplingError, match="a longer clip"):
        Sampling("stride", frames, stride, start).indices(start + (frames - 1) * stride)


def of_the_notebook(clip_len: int, rate: int, n_frames: int, seed: int) -> list[int]:
    """Sample as the paper's notebook does, with NumPy's global legacy generator."""
    state = np.random.get_state()
    try:
        np.random.seed(seed)
        converted_len = int(clip_len * rate)
        end_idx = np.random.randint(converted_len, n_frames)
        start_idx = end_idx - converted_len
        indices = np.linspace(start_idx, end_idx, num=clip_len)
        return np.clip(indices, start_idx, end_idx - 1).astype(np.int64).tolist()
    finally:
        np.random.set_state(state)


@given(
    frames=st.integers(1, 32),
    stride=st.integers(1, 6),
    spare=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_notebook_equals_the_reference(frames: int, stride: int, spare: int, seed: int) -> None:
    n_frames = frames * stride + spare
    indices = Sampling("notebook", frames, stride, seed=seed).indices(n_frames)
    assert list(indices) == of_the_notebook(frames, stride, n_frames, seed)
    assert all(a < b for a, b in pairwise(indices))
    assert 0 <= indices[0] <= indices[-1] < n_frames


def test_notebook_with_the_papers_numbers() -> None:
    """32 frames at rate 4, seed 42, a clip of 300 frames: RandomState(42).randint(128, 300) is 230."""
    indices = Sampling("notebook", 32, 4, seed=42).indices(300)
    assert indices[:4] == (102, 106, 110, 114)
    assert indices[-2:] == (225, 229)
    assert {b - a for a, b in pairwise(indices)} == {4, 5}


@given(
    rule=st.sampled_from([Sampling("stride", 8, 3, 20), Sampling("notebook", 8, 3, seed=1)]),
    n_frames=st.integers(60, 200),
    by=st.integers(-200, 200),
)
def test_a_shifted_rule_takes_shifted_frames_or_says_that_it_cannot(
    rule: Sampling, n_frames: int, by: int
) -> None:
    moved = tuple(index + by for index in rule.indices(n_frames))
    if moved[0] >= 0 and moved[-1] < n_frames:
        assert rule.shifted(by).indices(n_frames) == moved
    else:
        with pytest.raises(SamplingError):
            rule.shifted(by).indices(n_frames)


def test_shifting_there_and_back_is_the_same_rule() -> None:
    rule = Sampling("notebook", 32, 4, seed=42)
    assert rule.shifted(-3).shifted(3) == rule


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rule": "random", "frames": 8}, "stride, notebook"),
        ({"rule": "stride", "frames": 0}, "at least 1 frame"),
        ({"rule": "stride", "frames": 8, "stride": 0}, "at least 1"),
        (
            {"rule": "stride", "frames": 8, "start": -1},
            "before the clip's first frame; it has to be at least 0",
        ),
        ({"rule": "stride", "frames": 8, "seed": 1}, "seed belongs to"),
        ({"rule": "notebook", "frames": 8}, "from a seed; give one"),
        ({"rule": "notebook", "frames": 8, "seed": -1}, "seed is -1"),
    ],
)
def test_rules_that_cannot_be(fields: dict[str, int], words: str) -> None:
    with pytest.raises(SamplingError, match=words):
        Sampling(**fields)


def test_notebook_needs_more_than_its_window() -> None:
    rule = Sampling("notebook", 32, 4, seed=42)
    assert len(rule.indices(129)) == 32
    with pytest.raises(SamplingError, match=r"window of 128 frames out of more than 128, .* has 128"):
        rule.indices(128)


def test_as_plain_data() -> None:
    rule = Sampling("stride", 16, 2, 4)
    assert rule.as_dict() == {"rule": "stride", "frames": 16, "stride": 2, "start": 4, "seed": None}
    assert Sampling(**rule.as_dict()) == rule

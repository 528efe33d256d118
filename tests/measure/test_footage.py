"""Clips of a run: their timelines come out of the store, and their frames out of one decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from circuit_claims.clips.decode import Clip
from circuit_claims.clips.pairs import ClipFile
from circuit_claims.clips.timeline import Timeline
from circuit_claims.measure import footage as module
from circuit_claims.measure.footage import MARGIN, Footage, decoders
from circuit_claims.measure.store import Store

CLIP = ClipFile(Path("a.mp4"), "a" * 64)


class Counting:
    """A decoder of clips whose frames hold their own number; counts what it is asked for."""

    def __init__(self, n_frames: int = 1000, decoder: str = "decord2 1", why: str = "") -> None:
        self.line = Timeline(tuple(number / 25 for number in range(n_frames)), 10, 10, 25.0, decoder, why)
        self.asked: list[Sequence[int]] = []
        self.walked = 0

    def timeline(self, _path: Path) -> Timeline:
        self.walked += 1
        return self.line

    def decode(self, path: Path, indices: Sequence[int]) -> Clip:
        self.asked.append(list(indices))
        frames = np.zeros((len(indices), 10, 10, 3), np.uint8) + np.array(indices)[:, None, None, None] % 251
        return Clip(path, frames.astype(np.uint8), tuple(indices), self.line)


def footage(decoder: Any, store: Store | None = None) -> Footage:
    return Footage(decoder, store or Store(None))


def numbers(frames: np.ndarray) -> list[int]:
    return frames[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("whole", "stretch", "times"),
    [(1000 * 300, 0, 1), (0, 100 * 300, 1), (0, 0, 7)],
    ids=["a short clip", "a window of a longer one", "of a large one"],
)
def test_seven_windows_are_decoded_once_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, whole: int, stretch: int, times: int
) -> None:
    monkeypatch.setattr(module, "WHOLE", whole)
    monkeypatch.setattr(module, "STRETCH", stretch)
    decoder = Counting()
    clips = footage(decoder)
    for shift in (0, -6, -4, -2, 2, 4, 6):
        window = range(100 + shift, 164 + shift, 4)
        assert numbers(clips.frames(CLIP, window)) == list(window)
    assert len(decoder.asked) == times
    if times == 7:
        assert decoder.asked[0] == list(range(100, 164, 4)), "only the frames that are asked for"
    elif not whole:
        assert decoder.asked[0] == list(range(100 - MARGIN, 161 + MARGIN))


def test_frames_come_in_the_order_asked_for() -> None:
    assert numbers(footage(Counting()).frames(CLIP, [5, 3, 3, 250])) == [5, 3, 3, 250]


def test_the_oldest_goes_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2 * 1000 * 300)
    decoder = Counting()
    clips = footage(decoder)
    for name in "abcba":
        clips.frames(ClipFile(Path(name), name * 64), [1])
    assert len(decoder.asked) == 4, "b is still there, a is decoded again"


def test_a_timeline_is_kept_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, decoder = Store(tmp_path), Counting(why="an edit list hides some of its packets")
    first = footage(decoder, store).timeline(CLIP)
    again = footage(SimpleNamespace(), store)
    assert again.timeline(CLIP) == first == decoder.line
    assert again.read_by() == {CLIP.sha256: ("decord2 1", "an edit list hides some of its packets")}
    monkeypatch.setattr(module, "reading_hash", lambda: "changed")
    footage(decoder, store).timeline(CLIP)
    assert decoder.walked == 2, "other code may find other frames"


def test_a_decoder_that_takes_over_on_the_way_is_noted(tmp_path: Path) -> None:
    store, decoder = Store(tmp_path), Counting()
    clips = footage(decoder, store)
    assert clips.timeline(CLIP).decoder == "decord2 1"
    decoder.line = Timeline(decoder.line.times, 10, 10, 25.0, "av 2", "decord gives up at frame 7")
    clips.frames(CLIP, [9])
    assert clips.timeline(CLIP).decoder == "av 2"
    assert footage(SimpleNamespace(), store).timeline(CLIP).decoder == "av 2"


def test_what_a_report_says_of_decoders() -> None:
    read_by = {"a": ("decord2 1", ""), "b": ("av 2", "it is interlaced"), "c": ("decord2 1", "")}
    assert decoders(read_by) == [
        {"decoder": "av 2", "clips": 1, "why": "it is interlaced"},
        {"decoder": "decord2 1", "clips": 2, "why": ""},
    ]

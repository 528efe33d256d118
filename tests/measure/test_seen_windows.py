"""The frames that a model is given are those of the pair's window: each carries its own number in pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from numbered import VARYING, clip, number_in, steady

from circuit_claims.clips.decode import Decoder
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import ClipFile, Pair, PairKind, PairSet
from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.measure import controls
from circuit_claims.measure.assay import Assay, Bench
from circuit_claims.measure.errors import NotApplicable
from circuit_claims.measure.store import Store
from circuit_claims.organisms.registry import resolve
from circuit_claims.run.subject import UnderTest

BY_TIME = Sampling("time", 8, start=Decimal("0.5"), every=Decimal("0.08"))
BY_FRAMES = Sampling("stride", 8, 2, 4)
TIMES = {"slow": steady(25), "fast": steady(30), "varying": VARYING}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("numbered")
    for name, times in TIMES.items():
        clip(made / f"{name}.mp4", times)
    return made


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Decoder() as decoder:
        yield Bench(Store(tmp_path), decoder)


def pair_of(folder: Path, positive: str, negative: str, **more: object) -> Pair:
    files = [ClipFile(folder / f"{name}.mp4", file_sha256(folder / f"{name}.mp4")) for name in (positive, negative)]  # fmt: skip  # noqa: E501
    name = str(more.pop("name", "p1"))
    return replace(Pair(name, "putt", None, PairKind.OUTCOME, None, *files, None), **more)


def assay_of(bench: Bench, sampling: Sampling, *pairs: Pair) -> Assay:
    return Assay(resolve("organism"), PairSet("made", Path("pairs.toml"), sampling, pairs, None), bench)


def shown(assay: Assay, pair: Pair, positive: bool) -> list[int]:
    """The numbers that the pictures of a window carry."""
    return [number_in(picture) for picture in assay.window(pair, positive)]


def on_screen(name: str, start: str, every: str = "0.08", frames: int = 8) -> list[int]:
    """What a player shows of a clip, in exact fractions."""
    times = [Fraction(start) + i * Fraction(every) for i in range(frames)]
    return [max(i for i, begun in enumerate(TIMES[name]) if begun <= time) for time in times]


@pytest.mark.parametrize("name", list(TIMES))
def test_a_window_by_time_is_what_a_player_shows(folder: Path, bench: Bench, name: str) -> None:
    pair = pair_of(folder, name, "fast")
    assay = assay_of(bench, BY_TIME, pair)
    assert shown(assay, pair, True) == on_screen(name, "0.5")
    assert assay.indices(pair, True) == tuple(on_screen(name, "0.5"))


def test_a_window_by_frames_is_those_frames(folder: Path, bench: Bench) -> None:
    pair = pair_of(folder, "slow", "fast")
    assay = assay_of(bench, BY_FRAMES, pair)
    assert shown(assay, pair, True) == shown(assay, pair, False) == [4 + 2 * i for i in range(8)]


def test_a_pair_and_a_clip_have_windows_of_their_own(folder: Path, bench: Bench) -> None:
    plain = pair_of(folder, "slow", "fast")
    own = pair_of(folder, "slow", "varying", name="p2", sampling=replace(BY_TIME, every=Decimal("0.04")))
    own = replace(own, negative=replace(own.negative, start=Decimal("0.3")))
    assay = assay_of(bench, BY_FRAMES, plain, own)
    assert shown(assay, plain, True) == [4 + 2 * i for i in range(8)]
    assert shown(assay, own, True) == on_screen("slow", "0.5", "0.04")
    assert shown(assay, own, False) == on_screen("varying", "0.8", "0.04")


@pytest.mark.parametrize("by", [-6, -2, 2, 4])
def test_jitter_moves_both_windows_by_the_same_time(folder: Path, bench: Bench, by: int) -> None:
    pair = pair_of(folder, "slow", "fast")
    moved = assay_of(bench, BY_TIME, pair).shifted(by)
    start = str(Decimal("0.5") + by * Decimal("0.04"))
    assert shown(moved, pair, True) == on_screen("slow", start)
    assert shown(moved, pair, False) == on_screen("fast", start)


def test_jitter_moves_a_window_of_its_own(folder: Path, bench: Bench) -> None:
    pair = pair_of(folder, "slow", "fast", sampling=BY_TIME)
    moved = assay_of(bench, BY_FRAMES, pair).shifted(2)
    (there,) = moved.chosen("outcome")
    assert shown(moved, there, True) == on_screen("slow", "0.58")


def test_a_window_past_the_end_names_the_clip_and_the_time(folder: Path, bench: Bench) -> None:
    pair = pair_of(folder, "slow", "fast")
    late = assay_of(bench, replace(BY_TIME, start=Decimal("2.9")), pair)
    told = (
        r"slow.mp4: .* asks for the time 3.46 s, and the clip lasts 3 s \(75 frames\); take a smaller every"
    )
    with pytest.raises(SamplingError, match=told):
        late.window(pair, True)


def test_the_jitter_control_sees_other_frames_even_where_half_a_step_does_not(
    folder: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = pair_of(folder, "fast", "slow")
    assay = assay_of(bench, replace(BY_TIME, every=Decimal("0.04")), pair)
    asked = []
    monkeypatch.setattr(assay, "moved", lambda _pair, positive, by: asked.append((positive, by)))
    controls.CONTROLS["jitter"](assay, pair)
    assert (False, 2) in asked
    later = assay.indices(pair, False, 2)
    assert all(a != b for a, b in zip(assay.indices(pair, False), later, strict=True))


# Keys -------------------------------------------------------------------------------------------------


def test_a_key_is_of_the_window_that_is_measured(folder: Path, bench: Bench) -> None:
    plain = pair_of(folder, "slow", "fast")
    own = replace(plain, name="p2", sampling=BY_TIME)
    moved = replace(own, name="p3", negative=replace(own.negative, start=Decimal("0.1")))
    other = replace(own, name="p4", sampling=replace(BY_TIME, start=Decimal("0.6")))
    assay = assay_of(bench, BY_FRAMES, plain, own, moved, other)
    keys = [assay._key("per_pair.trace", {}, pair) for pair in assay.pairs.pairs]
    assert len({str(key) for key in keys}) == 4
    assert keys[0]["sampling"] == {"rule": "stride", "frames": 8, "stride": 2, "start": 4, "seed": None}
    assert keys[1]["sampling"] == {"rule": "time", "frames": 8, "every": "0.08 s", "start": "0.5 s"}
    as_set = assay_of(bench, BY_TIME, plain)._key("per_pair.trace", {}, plain)
    assert as_set == keys[1], "a window is the same wherever it is written"


def test_pixels_are_kept_by_window(folder: Path, bench: Bench) -> None:
    """Two pairs that share a clip and not a window do not share its pixels."""
    first = pair_of(folder, "slow", "fast", sampling=BY_TIME)
    second = replace(first, name="p2", sampling=replace(BY_TIME, start=Decimal("0.9")))
    assay = assay_of(bench, BY_FRAMES, first, second)
    assay.pixels = lambda window: __import__("torch").from_numpy(window.copy())
    assert not assay.success(first).equal(assay.success(second))


def test_a_third_clip_counts_with_its_window(folder: Path, bench: Bench) -> None:
    """What a control takes from another pair is in the key: that pair may change, or not be selected."""
    first = pair_of(folder, "slow", "fast")
    second = pair_of(folder, "slow", "varying", name="p2")
    asked = {"control": "third video"}

    def key(*pairs: Pair, **params: str) -> str:
        return str(assay_of(bench, BY_TIME, *pairs)._key("per_pair.trace", params or asked, pairs[0]))

    other_window = replace(second, sampling=replace(BY_TIME, start=Decimal(0)))
    other_clip = replace(second, negative=first.positive)
    assert len({key(first, second), key(first, other_window), key(first, other_clip)}) == 3
    assert key(first, second, control="jitter") == key(first, other_clip, control="jitter")
    with pytest.raises(NotApplicable, match="needs another pair of its action"):
        key(first)


def test_a_resampled_clip_counts_as_a_third_one(folder: Path, bench: Bench) -> None:
    """Ablation by resampling takes the writes of a clip of another action."""
    first = pair_of(folder, "slow", "fast")
    second = replace(pair_of(folder, "slow", "varying", name="p2"), action="another")
    other_clip = replace(second, positive=second.negative)

    def key(*pairs: Pair, by: str) -> str:
        return str(assay_of(bench, BY_TIME, *pairs)._key("ablation.each", {"by": by}, pairs[0]))

    assert key(first, second, by="resample") != key(first, other_clip, by="resample")
    assert key(first, second, by="zero") == key(first, other_clip, by="zero")
    with pytest.raises(NotApplicable, match="needs a pair of another action"):
        key(first, by="resample")


def test_the_pairs_under_test_are_told_apart_by_their_windows(folder: Path) -> None:
    pair = pair_of(folder, "slow", "fast")
    sets = [
        PairSet("made", Path("pairs.toml"), BY_FRAMES, (one,), None)
        for one in (pair, replace(pair, sampling=BY_TIME))
    ]
    clips = {UnderTest(resolve("organism"), pairs).clips for pairs in sets}
    assert len(clips) == 2


def test_pictures_on_the_page_are_of_the_pairs_window(folder: Path, tmp_path: Path) -> None:
    from circuit_claims.run.frames import frames_of

    pair = pair_of(folder, "slow", "fast", sampling=BY_TIME)
    pairs = PairSet("made", Path("pairs.toml"), BY_FRAMES, (pair,), None)
    found = frames_of(pairs, [], tmp_path)
    assert frames_of(pairs, [], tmp_path) == found, "from the cache"
    other = replace(pairs, pairs=(replace(pair, sampling=replace(BY_TIME, start=Decimal(1))),))
    counted = replace(pairs, pairs=(replace(pair, sampling=None),))
    pictures = {b"".join(frames_of(one, [], tmp_path)["p1", "success"]) for one in (pairs, other, counted)}
    assert len(pictures) == 3

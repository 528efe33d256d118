"""The windows of a manifest: read as they were written, or an error says what is wrong and what to do."""

import copy
import tomllib
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_claims.clips.adding import NewClip, NewPair, add
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import ManifestError, load_pairs
from circuit_claims.clips.sampling import Sampling, SamplingError
from circuit_claims.clips.seconds import in_words

BY_TIME = {"rule": "time", "frames": 16, "every": "0.08 s", "start": "1.2 s"}
BY_FRAMES = {"rule": "stride", "frames": 16, "stride": 2, "start": 4}


def manifest(sampling: dict[str, Any]) -> dict[str, Any]:
    clips = [{"file": f"{name}.mp4", "sha256": sha256(name.encode()).hexdigest()} for name in "ab"]
    pair = {"name": "p1", "action": "x", "kind": "outcome", "positive": clips[0], "negative": clips[1]}
    return {"name": "made", "sampling": dict(sampling), "pair": [pair, {**copy.deepcopy(pair), "name": "p2"}]}


def load(folder: Path, content: dict[str, Any]) -> Any:
    for name in "ab":
        (folder / f"{name}.mp4").write_text(name)
    (folder / "pairs.toml").write_text(tomlkit.dumps(content))
    return load_pairs(folder / "pairs.toml")


def test_a_set_by_time(tmp_path: Path) -> None:
    content = manifest(BY_TIME)
    expected = Sampling("time", 16, start=Decimal("1.2"), every=Decimal("0.08"))
    assert load(tmp_path, content).sampling == expected
    content["sampling"] |= {"every": "80 ms", "start": "1200ms"}
    assert load(tmp_path, content).sampling == expected
    del content["sampling"]["start"]
    assert load(tmp_path, content).sampling == Sampling("time", 16, every=Decimal("0.08"))


@pytest.mark.parametrize(
    ("of_set", "own", "expected"),
    [
        (BY_TIME, {"every": "0.04 s"}, ("0.04", "1.2")),
        (BY_TIME, {"start": "0.4 s"}, ("0.08", "0.4")),
        (BY_TIME, {"every": "0.04 s", "start": "0 s"}, ("0.04", "0")),
        (BY_FRAMES, {"every": "0.04 s"}, ("0.04", "0")),
        (BY_FRAMES, {"every": "0.04 s", "start": "1 s"}, ("0.04", "1")),
    ],
)
def test_a_pair_has_a_window_of_its_own(
    tmp_path: Path, of_set: dict[str, Any], own: dict[str, str], expected: tuple[str, str]
) -> None:
    content = manifest(of_set)
    content["pair"][1]["sampling"] = own
    pairs = load(tmp_path, content)
    every, start = map(Decimal, expected)
    assert pairs.sampling_of(pairs.pairs[0]) == pairs.sampling
    assert pairs.sampling_of(pairs.pairs[1]) == Sampling("time", 16, start=start, every=every)


def test_a_clip_moves_its_window_by_a_time(tmp_path: Path) -> None:
    content = manifest(BY_TIME)
    content["pair"][0]["negative"]["start"] = "-400 ms"
    pairs = load(tmp_path, content)
    pair = pairs.pairs[0]
    assert pairs.sampling_of(pair, pair.positive).start == Decimal("1.2")
    assert pairs.sampling_of(pair, pair.negative).start == Decimal("0.8")
    assert pair.negative.key == f"{pair.negative.sha256}-0.4 s"
    content["pair"][0]["negative"]["start"] = "0.4 s"
    later = load(tmp_path, content).pairs[0].negative
    assert later.key == f"{later.sha256}+0.4 s"


def test_two_times_of_one_clip_are_a_pair_and_one_time_is_none(tmp_path: Path) -> None:
    content = manifest(BY_TIME)
    content["pair"][0]["negative"] = {**content["pair"][0]["positive"], "start": "0.4 s"}
    assert load(tmp_path, content).pairs[0].negative.start == Decimal("0.4")
    content["pair"][0]["positive"] = {**content["pair"][0]["positive"], "start": "400 ms"}
    with pytest.raises(ManifestError, match="is the same clip as positive"):
        load(tmp_path, content)


MISSING = object()
EVERY, START = ["sampling", "every"], ["sampling", "start"]
OWN, CLIP = ["pair", 0, "sampling"], ["pair", 0, "negative", "start"]


@pytest.mark.parametrize(
    ("of_set", "keys", "value", "where", "words"),
    [
        (BY_TIME, EVERY, MISSING, "sampling: every", "is missing; give it a time, such as"),
        (BY_TIME, EVERY, 0.08, "sampling: every", "is 0.08 without a unit; write the unit"),
        (
            BY_TIME,
            EVERY,
            2,
            "sampling: every",
            "is 2 without a unit; write the unit, such as 2 s",
        ),
        (BY_TIME, EVERY, "0.08", "sampling: every", "is 0.08 without a unit"),
        (BY_TIME, EVERY, "0 s", "sampling: every", "is 0 s; it has to be more than 0 s"),
        (BY_TIME, EVERY, "-80 ms", "sampling: every", "is -0.08 s; it has to be more than"),
        (
            BY_TIME,
            EVERY,
            "2 frames",
            "sampling: every",
            "frames is no unit here; write s or ms",
        ),
        (
            BY_TIME,
            EVERY,
            "often",
            "sampling: every",
            "is 'often', which is no time; write one",
        ),
        (BY_TIME, EVERY, True, "sampling: every", "is True; it has to be a time, such as"),
        (BY_TIME, EVERY, float("nan"), "sampling: every", "is no time"),
        (BY_TIME, START, 12, "sampling: start", "is 12 without a unit"),
        (
            BY_TIME,
            START,
            "-1 s",
            "sampling: start",
            "is -1 s, before the clip's first frame;",
        ),
        (BY_TIME, ["sampling", "frames"], 0, "sampling", "a window has at least 1 frame"),
        (BY_TIME, ["sampling", "stride"], 2, "sampling: stride", "is no key here; known are every, frames"),
        (BY_TIME, ["sampling", "seed"], 2, "sampling: seed", "is no key here"),
        (BY_FRAMES, EVERY, "0.08 s", "sampling: every", "is no key here"),
        (
            BY_FRAMES,
            START,
            "1.2 s",
            "sampling: start",
            "this window counts source frames; write",
        ),
        (BY_TIME, OWN, "0.08 s", 'pair "p1": sampling', "has to be a table"),
        (BY_TIME, OWN, {}, 'pair "p1": sampling', "is empty; give it every or start"),
        (
            BY_TIME,
            OWN,
            {"stride": 2},
            'pair "p1": sampling: stride',
            "known are every, start",
        ),
        (BY_TIME, OWN, {"every": "0 s"}, 'pair "p1": sampling: every', "more than 0 s"),
        (BY_FRAMES, OWN, {"start": "1 s"}, 'pair "p1": sampling: every', "is missing"),
        (BY_TIME, CLIP, 12, 'pair "p1": negative: start', "is 12 without a unit"),
        (
            BY_FRAMES,
            CLIP,
            "1 s",
            'pair "p1": negative: start',
            "counts source frames",
        ),
        (
            BY_TIME,
            CLIP,
            "-2 s",
            'pair "p1": negative: start',
            "from 1.2 s to before the clip's first frame; write",
        ),
    ],
)
def test_a_window_that_cannot_be(
    tmp_path: Path, of_set: dict[str, Any], keys: list[Any], value: object, where: str, words: str
) -> None:
    content = manifest(of_set)
    table: Any = content
    for key in keys[:-1]:
        table = table[key]
    if value is MISSING:
        del table[keys[-1]]
    else:
        table[keys[-1]] = value
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'pairs.toml'}: {where}: ")
    assert words in message
    assert "; " in message, "says what is wrong, but not what to do"
    assert len(message.splitlines()) == 1


def test_jitter_moves_every_window_by_the_same_of_its_own_steps(tmp_path: Path) -> None:
    content = manifest(BY_FRAMES)
    content["pair"][1]["sampling"] = {"every": "0.1 s", "start": "0.1 s"}
    pairs = load(tmp_path, content)
    moved = pairs.shifted(2)
    assert moved.sampling == pairs.sampling.shifted(2)
    assert moved.sampling_of(moved.pairs[1]).start == Decimal("0.2")
    assert moved.shifted(-2) == pairs
    assert pairs.shift_in_words(-2, 2) == "-2 and 2 source frames (a pair with a window of its own: half steps of it)"  # fmt: skip  # noqa: E501
    assert load(tmp_path, manifest(BY_FRAMES)).shift_in_words(-2, 2) == "-2 and 2 source frames"
    assert load(tmp_path, manifest(BY_TIME)).shift_in_words(-2, 2) == "-0.08 s and 0.08 s"
    with pytest.raises(SamplingError, match="before the clip's first frame"):
        pairs.shifted(-6)
    alone = replace(pairs, pairs=pairs.pairs[1:])
    assert alone.shifted(-6).pairs[0].sampling.start == Decimal("-0.2"), "no pair is sampled as its set"


def test_what_a_record_notes(tmp_path: Path) -> None:
    """The set's sampling as ever, and beside it only the windows of pairs that have one."""
    pairs = load(tmp_path, manifest(BY_FRAMES))
    assert pairs.sampled() == {"rule": "stride", "frames": 16, "stride": 2, "start": 4, "seed": None}
    content = manifest(BY_FRAMES)
    content["pair"][1]["sampling"] = {"every": "0.1 s"}
    own = {"rule": "time", "frames": 16, "every": "0.1 s", "start": "0 s"}
    assert load(tmp_path, content).sampled() == {**pairs.sampled(), "pairs": {"p2": own}}


TIMES = st.decimals(0, 1000, places=3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(every=st.decimals("0.001", 10, places=4), start=TIMES, later=TIMES, of_set=st.booleans())
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, every: Decimal, start: Decimal, later: Decimal, of_set: bool
) -> None:
    folder = tmp_path_factory.mktemp("written")
    clips = []
    for name in "ab":
        (folder / f"{name}.mp4").write_text(name)
        clips.append(NewClip(folder / f"{name}.mp4", file_sha256(folder / f"{name}.mp4"), start=later))
    by_time = Sampling("time", 8, start=start, every=every)
    whole, own = (by_time, None) if of_set else (Sampling("stride", 8), by_time)
    add(folder / "pairs.toml", whole, [NewPair("p1", "x", *clips, sampling=own)])
    pairs = load_pairs(folder / "pairs.toml")
    (pair,) = pairs.pairs
    assert (pairs.sampling, pair.sampling) == (whole, own)
    assert pair.positive.start == later
    written = tomllib.loads((folder / "pairs.toml").read_text())
    table = written["sampling"] if of_set else written["pair"][0]["sampling"]
    assert (table["every"], table["start"]) == (in_words(every), in_words(start))

"""Clips of the planted circuits: deterministic, alike until the outcome, named by a sound manifest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_claims.clips.pairs import PairKind, load_pairs, verify_hashes
from circuit_claims.organisms.encode import decode, first_difference
from circuit_claims.organisms.planted import PLANTED, Evidence, scenes, sights, write_pairs


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31), label=st.integers(0, 3), noise=st.integers(0, 1), nuisance=st.integers(0, 1)
)
def test_whatever_differs_differs_from_the_outcome_on(
    seed: int, label: int, noise: int, nuisance: int
) -> None:
    success = scenes.Scene(seed, label, a=True, b=True)
    other = replace(success, b=bool(noise), noise=noise, nuisance=nuisance)
    frames = scenes.draw(success)
    assert np.array_equal(frames, scenes.draw(success))
    if other != success:
        assert first_difference(frames, scenes.draw(other)) == scenes.outcome_frame(seed)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_only_the_square_that_is_the_evidence_differs(seed: int) -> None:
    success = scenes.Scene(seed, 0, a=True, b=True)
    differs = (scenes.draw(success) != scenes.draw(replace(success, b=False))).any(axis=(0, 3))
    rows, columns = np.nonzero(differs)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (33, 46, 33, 46)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_the_two_variants_of_the_nuisance_are_far_apart(seed: int) -> None:
    first, second = (scenes._colours(seed, 1 + variant).mean() for variant in (0, 1))
    assert abs(first - second) > 0.8 * scenes.CONTRAST


@pytest.fixture(scope="module")
def few_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All three manifests, of four outcome pairs and four controls of each kind."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scenes, "PAIRS", 4)
        patched.setattr(scenes, "CONTROLS", 4)
        for name in ("composes-5", "onset-5", "nothing"):
            write_pairs(folder, PLANTED[name])
    return folder


SQUARES = [evidence for evidence in Evidence if evidence is not Evidence.OBJECT]


@pytest.mark.parametrize("evidence", SQUARES)
def test_manifest_is_sound_and_its_clips_part_at_the_outcome(few_pairs: Path, evidence: Evidence) -> None:
    pairs = load_pairs(few_pairs / f"{evidence}.toml")
    verify_hashes(pairs)
    assert {pair.label for pair in pairs.of(PairKind.OUTCOME)} == set(scenes.LABELS)
    assert len(pairs.of(PairKind.CONTROL, "noise")) == len(pairs.of(PairKind.CONTROL, "other-clip")) == 4
    for pair in pairs.of(PairKind.OUTCOME)[:2]:
        clips = decode(pair.positive.path), decode(pair.negative.path)
        assert first_difference(*clips) == pair.outcome_frame
        for shift in (-4, 0, 4):
            assert len(pairs.sampling.shifted(shift).indices(len(clips[0]))) == 16


def test_kinds_of_evidence_share_their_clips(few_pairs: Path) -> None:
    files = {
        evidence: {
            clip.path.name
            for pair in load_pairs(few_pairs / f"{evidence}.toml").pairs
            for clip in (pair.positive, pair.negative)
        }
        for evidence in SQUARES
    }
    assert len(files[Evidence.BOTH] & files[Evidence.ONE]) >= 4
    assert files[Evidence.BOTH] | files[Evidence.ONE] | files[Evidence.CONFOUNDED] == {
        path.name for path in few_pairs.glob("*.mp4")
    }


def test_same_seed_same_bytes(tmp_path: Path, few_pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "PAIRS", 1)
    monkeypatch.setattr(scenes, "CONTROLS", 0)
    again = load_pairs(write_pairs(tmp_path, PLANTED["hydra"])).pairs[0]
    first = load_pairs(few_pairs / "both.toml").pairs[0]
    assert (again.positive.sha256, again.negative.sha256) == (first.positive.sha256, first.negative.sha256)
    monkeypatch.setattr(scenes, "PAIRS", 1)
    other = load_pairs(write_pairs(tmp_path, PLANTED["hydra"], seed=1)).pairs[0]
    assert other.positive.sha256 != first.positive.sha256


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), action=st.sampled_from(sorted(sights.PLACES)))
def test_only_the_object_differs_and_only_where_and_when_it_is_tracked(seed: int, action: str) -> None:
    success = sights.Sight(seed, action, bright=True)
    frames = sights.draw(success)
    differs = (frames != sights.draw(replace(success, bright=False))).any(axis=-1)
    seen = np.zeros_like(differs)
    for frame, box in enumerate(sights._track(success)):
        if box is not None:
            left, top, right, bottom = (round(edge * sights.SIZE) for edge in box)
            seen[frame, top:bottom, left:right] = True
    assert np.array_equal(differs, seen)


def test_pairs_with_an_object_are_sound_and_tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sights, "PAIRS", 4)
    monkeypatch.setattr(sights, "CONTROLS", 4)
    pairs = load_pairs(write_pairs(tmp_path, PLANTED["gaze"]))
    verify_hashes(pairs)
    assert pairs.tracks is not None
    tracks = json.loads(pairs.tracks.read_text())
    clips = {clip.path.name for pair in pairs.pairs for clip in (pair.positive, pair.negative)}
    assert set(tracks) == clips
    assert {pair.action for pair in pairs.of(PairKind.OUTCOME)} == set(sights.PLACES)
    assert len(pairs.of(PairKind.CONTROL, "noise")) == len(pairs.of(PairKind.CONTROL, "other-clip")) == 4
    first = pairs.of(PairKind.OUTCOME)[0]
    found = first_difference(decode(first.positive.path), decode(first.negative.path))
    assert found == first.outcome_frame == sights.APPEARS

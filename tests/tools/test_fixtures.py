"""The committed clips and weights: what pairs.toml and tracks.json say of them is so."""

from __future__ import annotations

import hashlib
import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from circuit_claims.organisms.encode import decode, first_difference
from tools.organism.render import ACTIONS, FRAMES

ROOT = Path(__file__).parents[2]
VIDEOS = ROOT / "fixtures" / "videos"
WEIGHTS = ROOT / "circuit_claims" / "organisms" / "weights"
MANIFEST = tomllib.loads((VIDEOS / "pairs.toml").read_text())
PAIRS: list[dict[str, Any]] = MANIFEST["pair"]
OUTCOME = [pair for pair in PAIRS if pair["kind"] == "outcome"]
NOISE = [pair for pair in PAIRS if pair.get("control") == "noise"]
OTHER = [pair for pair in PAIRS if pair.get("control") == "other-clip"]


@cache
def clip(file: str) -> np.ndarray:
    return decode(VIDEOS / file)


def name(pair: dict[str, Any]) -> str:
    return str(pair["name"])


def test_the_set_is_complete() -> None:
    assert [len(kind) for kind in (OUTCOME, NOISE, OTHER)] == [32, 16, 16]
    assert len({pair["name"] for pair in PAIRS}) == len(PAIRS) == 64
    for action in ACTIONS:
        of = [pair for pair in PAIRS if pair["action"] == action]
        assert [sum(p in kind for p in of) for kind in (OUTCOME, NOISE, OTHER)] == [4, 2, 2]
        assert {pair["label"] for pair in of} == {action}
    used = [pair[side]["file"] for pair in OTHER for side in ("positive", "negative")]
    assert len(set(used)) == len(used)


def test_hashes_and_no_stray_clip() -> None:
    files = {pair[side]["file"]: pair[side]["sha256"] for pair in PAIRS for side in ("positive", "negative")}
    assert set(files) == {path.name for path in VIDEOS.glob("*.mp4")}
    for file, digest in files.items():
        assert hashlib.sha256((VIDEOS / file).read_bytes()).hexdigest() == digest, file
    assert len(set(files.values())) == len(files)


@pytest.mark.parametrize("pair", OUTCOME, ids=name)
def test_decoded_outcome_pairs_are_identical_before_the_outcome(pair: dict[str, Any]) -> None:
    success, failure = clip(pair["positive"]["file"]), clip(pair["negative"]["file"])
    assert success.shape == failure.shape == (FRAMES, 128, 128, 3)
    assert first_difference(success, failure) == pair["outcome_frame"]
    # The window, moved by up to 8 frames either way, stays in the clip and holds frames of before and after.
    sampling = MANIFEST["sampling"]
    last = sampling["start"] + (sampling["frames"] - 1) * sampling["stride"]
    assert sampling["start"] - 8 >= 0
    assert last + 8 < FRAMES
    assert sampling["start"] + 8 < pair["outcome_frame"] <= last - 8


@pytest.mark.parametrize("pair", NOISE, ids=name)
def test_noise_controls_differ_little_but_in_every_frame(pair: dict[str, Any]) -> None:
    a, b = clip(pair["positive"]["file"]), clip(pair["negative"]["file"])
    difference = np.abs(a.astype(int) - b)
    assert (difference.reshape(FRAMES, -1).max(axis=1) > 0).all()
    assert difference.mean() < 8


@pytest.mark.parametrize("pair", OTHER, ids=name)
def test_other_clip_controls_share_the_outcome_and_not_the_scene(pair: dict[str, Any]) -> None:
    positive, negative = pair["positive"]["file"], pair["negative"]["file"]
    assert ("success" in positive) == ("success" in negative)
    assert np.abs(clip(positive)[0].astype(int) - clip(negative)[0]).mean() > 3


def test_tracks_follow_every_clip() -> None:
    tracks = json.loads((VIDEOS / "tracks.json").read_text())
    assert set(tracks) == {path.name for path in VIDEOS.glob("*.mp4")}
    for file, track in tracks.items():
        assert set(track) == {"object", "target"}
        for boxes in track.values():
            assert len(boxes) == FRAMES, file
            for box in filter(None, boxes):
                assert 0 <= box[0] <= box[2] <= 1, file
                assert 0 <= box[1] <= box[3] <= 1, file
        assert sum(box is not None for box in track["object"]) >= 15, file
    for pair in OUTCOME:
        a, b = (tracks[pair[side]["file"]] for side in ("positive", "negative"))
        assert a["object"][: pair["outcome_frame"]] == b["object"][: pair["outcome_frame"]]
        assert a != b


def test_clips_stay_small() -> None:
    assert sum(path.stat().st_size for path in VIDEOS.iterdir()) < 12_000_000


@pytest.mark.parametrize("model", ["organism", "organism-outcome"])
def test_weights_are_half_precision_finite_and_small(model: str) -> None:
    folder = WEIGHTS / model
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4_000_000
    with safe_open(folder / "model.safetensors", framework="np") as weights:
        for key in weights.keys():  # noqa: SIM118 (a safetensors file is no mapping)
            value = weights.get_tensor(key)
            assert value.dtype == np.float16, key
            assert np.isfinite(value).all(), key
    config = json.loads((folder / "config.json").read_text())
    assert list(config["id2label"].values()) == list(ACTIONS)
    assert (config["num_hidden_layers"], config["num_attention_heads"], config["num_frames"]) == (12, 12, 16)
    preprocessor = json.loads((folder / "preprocessor_config.json").read_text())
    assert preprocessor["size"] == {"height": 64, "width": 64}
    assert (preprocessor["resample"], preprocessor["offset"], preprocessor["do_normalize"]) == (
        2,
        True,
        False,
    )


@pytest.mark.parametrize("model", ["organism", "organism-outcome"])
def test_what_the_card_says_is_what_was_measured(model: str) -> None:
    measured = json.loads((WEIGHTS / model / "measured.json").read_text())
    card = (WEIGHTS / model / "MODEL_CARD.md").read_text()
    held = measured["held_out"]
    assert held["clips"] >= 400
    assert held["low"] <= held["right"] / held["clips"] <= held["high"]
    assert f"{held['right']} of {held['clips']} fresh clips" in card
    assert f"{held['low']:.4f} to {held['high']:.4f}" in card

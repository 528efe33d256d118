"""A manifest is read as it was written, or an error says where it is wrong and what to do."""

import copy
import os
import pickle
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import ManifestError, PairKind, load_pairs, verify_hashes
from circuit_claims.clips.sampling import Sampling

CLIPS = ("bowling-1-success.mp4", "bowling-1-failure.mp4", "bowling-1-noise.mp4", "other/bowling-2.mp4")


def clip(name: str) -> dict[str, str]:
    return {"file": name, "sha256": sha256(name.encode()).hexdigest()}


def manifest() -> dict[str, Any]:
    bowling = {"action": "bowling", "label": "bowling", "positive": clip(CLIPS[0])}
    return {
        "name": "rendered",
        "tracks": "tracks.json",
        "sampling": {"rule": "stride", "frames": 16, "stride": 2, "start": 4},
        "pair": [
            {
                **bowling,
                "name": "bowling-1",
                "kind": "outcome",
                "outcome_frame": 24,
                "negative": clip(CLIPS[1]),
            },
            {**bowling, "name": "noise-1", "kind": "control", "control": "noise", "negative": clip(CLIPS[2])},
            {
                **bowling,
                "name": "other-1",
                "kind": "control",
                "control": "other-clip",
                "negative": clip(CLIPS[3]),
            },
        ],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of clips (their contents are their names) without its manifest."""
    (tmp_path / "other").mkdir()
    for name in CLIPS:
        (tmp_path / name).write_text(name)
    (tmp_path / "tracks.json").write_text("{}")
    return tmp_path


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "pairs.toml"
    path.write_text(tomlkit.dumps(content), encoding="utf-8")
    return path


def test_a_good_manifest(folder: Path) -> None:
    pairs = load_pairs(write(folder, manifest()))
    assert (pairs.name, pairs.tracks) == ("rendered", folder / "tracks.json")
    assert pairs.sampling == Sampling("stride", 16, 2, 4)
    assert [pair.name for pair in pairs.pairs] == ["bowling-1", "noise-1", "other-1"]
    first, noise, other = pairs.pairs
    assert (first.kind, first.control, first.outcome_frame) == (PairKind.OUTCOME, None, 24)
    assert (first.action, first.label) == ("bowling", "bowling")
    assert first.positive.path == folder / CLIPS[0]
    assert first.negative.sha256 == sha256(CLIPS[1].encode()).hexdigest()
    assert pairs.of(PairKind.OUTCOME) == (first,)
    assert pairs.of(PairKind.CONTROL) == (noise, other)
    assert pairs.of(PairKind.CONTROL, "noise") == (noise,)
    assert pairs.select("*-1").pairs == pairs.pairs
    assert pairs.select("bowl*").pairs == (first,)
    assert pairs.select("nothing").pairs == ()
    verify_hashes(pairs)


def test_what_may_be_left_out(folder: Path) -> None:
    content = manifest()
    del content["tracks"], content["pair"][0]["label"], content["pair"][0]["outcome_frame"]
    content["sampling"] = {"rule": "notebook", "frames": 32, "stride": 4, "seed": 42}
    pairs = load_pairs(write(folder, content))
    assert (pairs.tracks, pairs.pairs[0].label, pairs.pairs[0].outcome_frame) == (None, None, None)
    assert pairs.sampling == Sampling("notebook", 32, 4, seed=42)


def test_a_clip_may_have_a_window_of_its_own(folder: Path) -> None:
    content = manifest()
    content["pair"][0]["negative"]["start"] = -3
    first = load_pairs(write(folder, content)).pairs[0]
    assert (first.positive.start, first.negative.start) == (0, -3)
    assert first.positive.key == first.positive.sha256
    assert first.negative.key == f"{first.negative.sha256}-3"


def test_two_windows_of_one_clip_are_a_pair_and_one_window_is_none(folder: Path) -> None:
    content = manifest()
    content["pair"][0]["negative"] = {**clip(CLIPS[0]), "start": 10}
    assert load_pairs(write(folder, content)).pairs[0].negative.start == 10
    content["pair"][0]["positive"]["start"] = 10
    with pytest.raises(ManifestError, match="is the same clip as positive"):
        load_pairs(write(folder, content))


def test_clips_outside_the_folder_where_they_are_allowed(folder: Path) -> None:
    content = manifest()
    content["outside"] = True
    inner = folder / "manifests"
    inner.mkdir()
    (inner / "tracks.json").write_text("{}")
    for pair in content["pair"]:
        for side in ("positive", "negative"):
            pair[side]["file"] = f"../{pair[side]['file']}"
    content["pair"][0]["positive"]["file"] = str(folder / CLIPS[0])
    verify_hashes(load_pairs(write(inner, content)))
    content["pair"][0]["positive"]["file"] = "../gone.mp4"
    with pytest.raises(ManifestError, match=r'there is no file "../gone.mp4"; mend the name'):
        load_pairs(write(inner, content))


def test_thresholds_of_a_pair(folder: Path) -> None:
    content = manifest()
    content["pair"][0]["thresholds"] = {"mlp-42-60/means": 1, "growth/means": 0.25}
    pairs = load_pairs(write(folder, content)).pairs
    assert pairs[0].thresholds == {"mlp-42-60/means": 1.0, "growth/means": 0.25}
    assert pairs[1].thresholds == {}
    assert len({*pairs}) == 3, "pairs can still be hashed"


def test_a_relative_manifest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, manifest())
    monkeypatch.chdir(folder)
    verify_hashes(load_pairs("pairs.toml"))


MISSING = object()


@pytest.mark.parametrize(
    ("place", "value", "key", "words"),
    [
        (["nam"], "x", "nam", 'did you mean "name"?'),
        (["sampling", "strid"], 2, "sampling: strid", 'did you mean "stride"?'),
        (["sampling", "sampling_rate"], 2, "sampling: sampling_rate", "known are frames, rule"),
        (
            ["pair", 0, "outcome_frames"],
            2,
            'pair "bowling-1": outcome_frames',
            'did you mean "outcome_frame"?',
        ),
        (["pair", 0, "positive", "sha"], "x", 'pair "bowling-1": positive: sha', 'did you mean "sha256"?'),
        (["name"], MISSING, "name", "is missing"),
        (["name"], " ", "name", "is empty"),
        (["name"], 3, "name", "is 3; it has to be a text"),
        (["sampling"], MISSING, "sampling", "is missing"),
        (["sampling"], "stride", "sampling", "has to be a table"),
        (["sampling", "rule"], "strid", "sampling: rule", 'did you mean "stride"?'),
        (["sampling", "frames"], "16", "sampling: frames", "whole number"),
        (["sampling", "frames"], 16.0, "sampling: frames", "whole number"),
        (["sampling", "frames"], True, "sampling: frames", "whole number"),
        (["sampling", "stride"], 0, "sampling", "at least 1"),
        (["sampling", "seed"], 1, "sampling", "seed belongs to the rule notebook"),
        (["pair"], MISSING, "pair", "there is none yet; add one: circuit-claims pair add"),
        (["outside"], "yes", "outside", "it has to be true or false"),
        (
            ["pair", 0, "thresholds"],
            {"mlp/means": "x"},
            'pair "bowling-1": thresholds: mlp/means',
            "a number",
        ),
        (
            ["pair", 0, "thresholds"],
            {"mlp/means": float("inf")},
            'pair "bowling-1": thresholds: mlp/means',
            "finite",
        ),
        (["pair", 0, "positive", "start"], 1.5, 'pair "bowling-1": positive: start', "whole number"),
        (["pair", 0, "positive", "revision"], "main", 'pair "bowling-1": positive: revision', "on the hub"),
        (["pair", 0, "positive", "file"], "hf://x", 'pair "bowling-1": positive: revision', "is missing"),
        (["pair", 0, "made"], "", 'pair "bowling-1": made', "is empty"),
        (["pair"], [], "pair", "write at least one"),
        (["pair"], ["bowling"], "pair", "has no [[pair]] tables"),
        (["pair", 1, "name"], MISSING, "pair 2: name", "is missing"),
        (["pair", 1, "name"], "bowling-1", "pair: name", "earlier pair"),
        (["pair", 0, "action"], MISSING, 'pair "bowling-1": action', "is missing"),
        (["pair", 0, "label"], "", 'pair "bowling-1": label', "is empty"),
        (["pair", 0, "kind"], "outcomes", 'pair "bowling-1": kind', 'did you mean "outcome"?'),
        (["pair", 0, "control"], "noise", 'pair "bowling-1": control', 'belongs to kind = "control"'),
        (["pair", 1, "control"], MISSING, 'pair "noise-1": control', "is missing"),
        (["pair", 1, "control"], "other_clip", 'pair "noise-1": control', 'did you mean "other-clip"?'),
        (["pair", 0, "outcome_frame"], -1, 'pair "bowling-1": outcome_frame', "counted from 0"),
        (["pair", 0, "outcome_frame"], 2.5, 'pair "bowling-1": outcome_frame', "whole number"),
        (["pair", 0, "positive"], "a.mp4", 'pair "bowling-1": positive', "has to be a table"),
        (["pair", 0, "positive"], clip(CLIPS[1]), 'pair "bowling-1": negative', "same clip"),
        (
            ["pair", 0, "positive", "sha256"],
            clip(CLIPS[1])["sha256"],
            'pair "bowling-1": negative',
            "same clip",
        ),
        (["pair", 0, "positive", "sha256"], "abc", 'pair "bowling-1": positive: sha256', "64 hexadecimal"),
        (["pair", 0, "positive", "sha256"], MISSING, 'pair "bowling-1": positive: sha256', "is missing"),
        (
            ["pair", 0, "positive", "file"],
            "bowling-1-sucess.mp4",
            'pair "bowling-1": positive: file',
            'did you mean "bowling-1-success.mp4"?',
        ),
        (["pair", 0, "positive", "file"], "other", 'pair "bowling-1": positive: file', "there is no file"),
        (["pair", 0, "positive", "file"], "x" * 300, 'pair "bowling-1": positive: file', "there is no file"),
        (
            ["pair", 0, "positive", "file"],
            "../a.mp4",
            'pair "bowling-1": positive: file',
            "leaves the manifest's",
        ),
        (
            ["pair", 0, "positive", "file"],
            "/a.mp4",
            'pair "bowling-1": positive: file',
            "leaves the manifest's",
        ),
        (
            ["pair", 0, "positive", "file"],
            "other/../../a",
            'pair "bowling-1": positive: file',
            "leaves the manifest's",
        ),
        (["tracks"], "track.json", "tracks", 'did you mean "tracks.json"?'),
    ],
)
def test_what_is_wrong(folder: Path, place: list[Any], value: Any, key: str, words: str) -> None:
    content = copy.deepcopy(manifest())
    table: Any = content
    for step in place[:-1]:
        table = table[step]
    if value is MISSING:
        del table[place[-1]]
    else:
        table[place[-1]] = value
    path = write(folder, content)
    with pytest.raises(ManifestError) as caught:
        load_pairs(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {key}: ")
    assert (caught.value.path, caught.value.key) == (path, key)
    assert words in message
    assert "; " in message, "says what is wrong, but not what to do"
    assert str(pickle.loads(pickle.dumps(caught.value))) == message


def test_a_syntax_error_has_its_line(folder: Path) -> None:
    path = folder / "pairs.toml"
    path.write_text('name = "rendered"\n\n[sampling]\nrule = stride\n')
    with pytest.raises(ManifestError, match=r"pairs\.toml: line 4: is not TOML: .*; mend the syntax"):
        load_pairs(path)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="does not exist; name a pairs"):
        load_pairs(tmp_path / "pairs.toml")
    with pytest.raises(ManifestError, match="Is a directory"):
        load_pairs(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ManifestError, match="is not UTF-8"):
        load_pairs(tmp_path / "latin.toml")


def test_links_into_a_store_are_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    blob = tmp_path_factory.mktemp("store") / "blob"
    (folder / CLIPS[0]).rename(blob)
    (folder / CLIPS[0]).symlink_to(blob)
    verify_hashes(load_pairs(write(folder, manifest())))


def test_hashes_are_compared_on_demand(folder: Path) -> None:
    pairs = load_pairs(write(folder, manifest()))
    (folder / CLIPS[0]).write_text("another clip")
    with pytest.raises(ManifestError) as caught:
        verify_hashes(pairs)
    found = sha256(b"another clip").hexdigest()
    assert caught.value.key == 'pair "bowling-1": positive'
    assert f"is {found}, and the manifest says {pairs.pairs[0].positive.sha256} (2 more clips differ)" in str(
        caught.value
    )
    (folder / CLIPS[0]).unlink()
    with pytest.raises(ManifestError, match="unreadable"):
        verify_hashes(pairs)


def test_a_changed_file_is_hashed_again(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_text("one")
    os.utime(path, ns=(1, 1))
    assert file_sha256(path) == sha256(b"one").hexdigest()
    path.write_text("two")
    os.utime(path, ns=(1, 2))
    assert file_sha256(path) == sha256(b"two").hexdigest()
    path.write_text("three")
    os.utime(path, ns=(1, 2))
    assert file_sha256(str(path)) == sha256(b"three").hexdigest()


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    for content in ("one", "two"):
        path.write_text(content)
        os.utime(path, ns=(1, 1))
        assert file_sha256(path) == sha256(b"one").hexdigest()


def test_relative_names_are_not_mistaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        Path("clip").write_text(name)
        os.utime("clip", ns=(1, 1))
        assert file_sha256("clip") == sha256(name.encode()).hexdigest()


ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "stride", "notebook", "noise", "outcome", "control", "..", "/", ".", "a\0b", CLIPS[1]]
    ),
    st.lists(st.integers(0, 1), max_size=2),
    st.dictionaries(st.sampled_from(["file", "name"]), st.integers(0, 1), max_size=2),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_stands_in_it_a_manifest_is_read_or_refused(folder: Path, data: st.DataObject) -> None:
    content = manifest()
    table: Any = data.draw(
        st.sampled_from([content, content["sampling"], content["pair"][1], content["pair"][1]["negative"]])
    )
    table[data.draw(st.sampled_from(sorted(table)))] = data.draw(ANYTHING)
    try:
        pairs = load_pairs(write(folder, content))
    except ManifestError as error:
        refusal = str(error)
    else:
        refusal = "none; all is well"
        assert all(pair.positive.path.is_file() and pair.negative.path.is_file() for pair in pairs.pairs)
    assert "; " in refusal

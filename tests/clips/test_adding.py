"""A pair is added whole, or nothing is: what was there stays, whoever else is at work or is killed."""

import hashlib
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_claims.clips.adding import NewClip, NewPair, add
from circuit_claims.clips.errors import ClipError, ManifestError
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.pairs import load_pairs, verify_hashes
from circuit_claims.clips.sampling import Sampling

WINDOW = Sampling("stride", 8, 2, 1)
HAND_WRITTEN = """\
# My pairs, by hand.
name = "mine"   # what reports say

[sampling]      # of all of them
stride = 2
frames = 8
rule = "stride"
start = 1

# The first one that I made.
[[pair]]
negative = { file = "b.mp4", sha256 = "%s" }  # failure first
positive = { file = "a.mp4", sha256 = "%s" }
kind = "outcome"
name = "first"
action = "golf putt"
# The end.
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A manifest of one pair, written by hand, with comments everywhere."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.mp4").write_text(name)
    hashes = tuple(file_sha256(folder / f"{name}.mp4") for name in "ba")
    (folder / "pairs.toml").write_text(HAND_WRITTEN % hashes)
    return folder / "pairs.toml"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def new(folder: Path, name: str, **changes: object) -> NewPair:
    """A pair of two files of the folder, which are made."""
    clips = []
    for side in ("success", "failure"):
        path = folder / f"{name}-{side}-source.mp4"
        path.write_text(f"{name} {side}")
        clips.append(NewClip(path, file_sha256(path)))
    return replace(NewPair(name, "golf putt", *clips), **changes)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file under a folder, hidden ones included, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_pair_is_written_and_its_clips_are_copied(mine: Path, elsewhere: Path) -> None:
    pair = new(elsewhere, "second", label="putting", outcome_frame=12)
    add(mine, WINDOW, [pair])
    pairs = load_pairs(mine)
    verify_hashes(pairs)
    first, second = pairs.pairs
    assert first.name == "first"
    assert (second.name, second.action, second.label, second.outcome_frame) == (
        "second",
        "golf putt",
        "putting",
        12,
    )
    assert second.positive.path == mine.parent / "clips" / "second-success.mp4"
    assert second.positive.path.read_text() == "second success"
    assert second.negative.path.read_text() == "second failure"


def test_comments_and_order_stay_as_they_were(mine: Path, elsewhere: Path) -> None:
    before = mine.read_text()
    add(mine, WINDOW, [new(elsewhere, "second")])
    add(mine, WINDOW, [new(elsewhere, "third")])
    assert mine.read_text().startswith(before)
    assert [pair.name for pair in load_pairs(mine).pairs] == ["first", "second", "third"]


def test_windows_line_ends_stay(mine: Path, elsewhere: Path) -> None:
    before = mine.read_bytes().replace(b"\n", b"\r\n")
    mine.write_bytes(before)
    add(mine, WINDOW, [new(elsewhere, "second")])
    assert mine.read_bytes().startswith(before)
    assert len(load_pairs(mine).pairs) == 2


def test_a_new_manifest_says_how_it_samples(elsewhere: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "new folder" / "pairs.toml"
    add(manifest, WINDOW, [new(elsewhere, "only")])
    pairs = load_pairs(manifest)
    assert (pairs.name, pairs.sampling) == ("new-folder", WINDOW)
    assert sorted(everything(manifest.parent)) == [
        "clips/only-failure.mp4",
        "clips/only-success.mp4",
        "pairs.toml",
    ]


def test_clips_in_the_folder_stay_where_they_are(mine: Path) -> None:
    add(mine, WINDOW, [new(mine.parent, "second")])
    assert load_pairs(mine).pairs[1].positive.path.name == "second-success-source.mp4"
    assert not (mine.parent / "clips").exists()


def test_clips_may_be_named_where_they_lie(mine: Path, elsewhere: Path) -> None:
    before = [line for line in mine.read_text().splitlines() if line]
    pair = new(elsewhere, "second")
    add(mine, WINDOW, [pair], reference=True)
    pairs = load_pairs(mine)
    verify_hashes(pairs)
    assert pairs.pairs[1].negative.path == pair.negative.source
    assert not (mine.parent / "clips").exists()
    after = mine.read_text().splitlines()
    rest = iter(after)
    assert all(line in rest for line in before), "every line stays, in its order"
    assert "outside = true" in after


def test_a_clip_of_two_pairs_is_copied_once(mine: Path, elsewhere: Path) -> None:
    pair = new(elsewhere, "second")
    control = new(elsewhere, "second-noise", control="noise", positive=pair.positive)
    add(mine, WINDOW, [pair, control])
    add(mine, WINDOW, [new(elsewhere, "third", positive=pair.positive)])
    _, second, noise, third = load_pairs(mine).pairs
    assert second.positive == noise.positive == third.positive
    assert (noise.kind, noise.control) == ("control", "noise")
    assert len(list((mine.parent / "clips").iterdir())) == 4


NAUGHTY = ["", " ", "a b", "-a", "../a", "a/b", "a\nb", 'a"b', "é" * 101, "a\0b"]


@pytest.mark.parametrize("name", NAUGHTY)
def test_a_name_that_is_none(mine: Path, elsewhere: Path, name: str) -> None:
    before = everything(mine.parent)
    with pytest.raises(ManifestError, match="is no name for a pair; use letters"):
        add(mine, WINDOW, [replace(new(elsewhere, "x"), name=name)])
    assert everything(mine.parent) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("name taken", 'pair "first": is there already; take another name'),
        ("other window", "all pairs of a manifest are sampled alike"),
        ("not toml", r"line 3: is not TOML"),
        ("unknown key", 'is no key here; did you mean "sampling"'),
        ("clip changed", "changed while it was being added"),
        ("clip gone", "cannot be written"),
        ("target taken", "is there already and is another clip"),
        ("inline pairs", "is not TOML|cannot be added to"),
    ],
)
def test_nothing_is_written_when_something_is_wrong(
    mine: Path, elsewhere: Path, change: str, words: str
) -> None:
    pair, window = new(elsewhere, "second"), WINDOW
    if change == "name taken":
        pair = replace(pair, name="first")
    elif change == "other window":
        window = replace(WINDOW, stride=3)
    elif change == "not toml":
        mine.write_text("name = 'x'\n\n[sampling\n")
    elif change == "unknown key":
        mine.write_text(mine.read_text().replace("[sampling]", "[sampling]\n[samplings]"))
    elif change == "clip changed":
        pair.negative.source.write_text("more")
    elif change == "clip gone":
        pair.negative.source.unlink()
    elif change == "target taken":
        (mine.parent / "clips").mkdir()
        (mine.parent / "clips" / "second-failure.mp4").write_text("another")
    else:
        text = mine.read_text()
        mine.write_text(text[: text.index("# The first")] + "\n")
        mine.write_text("pair = []\n" + mine.read_text())
    before = everything(mine.parent)
    with pytest.raises((ManifestError, ClipError), match=words) as caught:
        add(mine, window, [pair])
    assert "; " in str(caught.value), "says what is wrong, but not what to do"
    assert everything(mine.parent) == before


def test_a_folder_that_may_not_be_written(elsewhere: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ManifestError, match=r"cannot be written .*; free space, or fix permissions"):
        add(tmp_path / "file" / "pairs.toml", WINDOW, [new(elsewhere, "x")])


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(action=TEXT, label=TEXT, start=st.integers(-5, 500))
def test_whatever_is_said_of_a_pair_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, action: str, label: str, start: int
) -> None:
    folder = tmp_path_factory.mktemp("said")
    pair = new(folder, "said", action=action, label=label)
    pair = replace(pair, negative=replace(pair.negative, start=start))
    add(folder / "pairs.toml", WINDOW, [pair])
    (read,) = load_pairs(folder / "pairs.toml").pairs
    assert (read.action, read.label, read.negative.start) == (action, label, start)


ADD_ONE = """
import sys
from pathlib import Path
from circuit_claims.clips.adding import NewClip, NewPair, add
from circuit_claims.clips.hashing import file_sha256
from circuit_claims.clips.sampling import Sampling
import circuit_claims.clips.adding as adding
manifest, name, source, slow = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
if slow != "no":
    import time
    real = getattr(adding, slow)
    def waits(*args, **kwargs):
        done = real(*args, **kwargs)
        print("here", flush=True)
        time.sleep(60)
        return done
    setattr(adding, slow, waits)
clips = [NewClip(p, file_sha256(p)) for p in sorted(source.glob(name + "-*"), reverse=True)]
add(manifest, Sampling("stride", 8, 2, 1), [NewPair(name, "putt", *clips)])
"""


def start(manifest: Path, pair: NewPair, slow: str = "no") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ADD_ONE, manifest, pair.name, pair.positive.source.parent, slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_add_at_once_lose_nothing(mine: Path, elsewhere: Path) -> None:
    pairs = [new(elsewhere, f"p{number}") for number in range(4)]
    running = [start(mine, pair) for pair in pairs]
    for process in running:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
    read = load_pairs(mine)
    verify_hashes(read)
    assert sorted(pair.name for pair in read.pairs) == ["first", "p0", "p1", "p2", "p3"]
    assert not [name for name in everything(mine.parent) if Path(name).name.startswith(".")]


@pytest.mark.parametrize("where", ["_aside_copy", "_place", "_text"])
def test_a_killed_process_leaves_the_manifest_whole_and_holds_nobody_up(
    mine: Path, elsewhere: Path, where: str
) -> None:
    before = mine.read_bytes()
    pair = new(elsewhere, "second")
    process = start(mine, pair, {"_aside_copy": "file_sha256"}.get(where, where))
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n", process.communicate()[1]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert mine.read_bytes() == before
    load_pairs(mine)
    add(mine, WINDOW, [pair])
    verify_hashes(load_pairs(mine))
    assert [p.name for p in load_pairs(mine).pairs] == ["first", "second"]
    assert not [name for name in everything(mine.parent) if Path(name).name.startswith(".")]


def test_what_is_written_is_toml_with_the_hash_of_the_copy(mine: Path, elsewhere: Path) -> None:
    add(mine, WINDOW, [new(elsewhere, "second")])
    said = tomllib.loads(mine.read_text())["pair"][1]["positive"]
    copied = (mine.parent / said["file"]).read_bytes()
    assert said["sha256"] == hashlib.sha256(copied).hexdigest()


def test_a_manifest_that_is_a_link_stays_one(mine: Path, elsewhere: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    mine.rename(real)
    mine.symlink_to(real)
    add(mine, WINDOW, [new(elsewhere, "second")])
    assert mine.is_symlink()
    assert len(load_pairs(mine).pairs) == 2

"""`circuit-claims pair`: two files become a pair, or one line says why not, and nothing is written."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from circuit_claims.cli import USAGE, main
from circuit_claims.clips.errors import ManifestError
from circuit_claims.clips.pairs import load_pairs, verify_hashes
from circuit_claims.organisms.encode import encode

FRAMES, SIDE, OUTCOME = 40, 64, 24


def clip(path: Path, turn: int, *, n: int = FRAMES, side: int = SIDE, fps: int = 24) -> Path:
    """A square that falls, and turns left or right at the outcome; identical before."""
    frames = np.full((n, side, side, 3), 60, np.uint8)
    for i, frame in enumerate(frames):
        x = side // 2 + (turn * (i - OUTCOME) if i >= OUTCOME else 0)
        frame[i : i + 8, max(x, 0) : x + 8] = (250, 200, 20)
    encode(path, frames, fps)
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    clip(folder / "success.mp4", 1)
    clip(folder / "failure.mp4", -1)
    clip(folder / "short.mp4", 1, n=20)
    clip(folder / "small.mp4", 1, side=96, fps=12)
    return folder


@pytest.fixture
def here(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with the clips in one beside it."""
    (tmp_path / "here").mkdir()
    shutil.copytree(made, tmp_path / "clips")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def add(*args: str, success: str = "../clips/success.mp4", failure: str = "../clips/failure.mp4") -> int:
    return main(["pair", "add", "golf-1", success, failure, "--action", "golf putt", *args])


def everything() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file() or path.is_symlink())


def test_two_files_and_one_command_make_a_pair(here, capsys):
    assert add("--outcome-frame", "24", "--label", "golf putt") == 0
    out = capsys.readouterr().out
    pairs = load_pairs("pairs.toml")
    verify_hashes(pairs)
    (pair,) = pairs.pairs
    assert (pair.name, pair.action, pair.label, pair.outcome_frame) == (
        "golf-1",
        "golf putt",
        "golf putt",
        24,
    )
    assert (pairs.sampling.frames, pairs.sampling.stride) == (16, 2)
    assert everything() == [
        "clips/golf-1-failure.mp4",
        "clips/golf-1-success.mp4",
        "pairs.toml",
        "strips/golf-1.png",
    ]
    assert "success: 40 frames of 64x64, 24 frames a second; the model sees frames 0 to 30" in out
    assert "they first differ in frame 25 (1.04 s), and are identical before" in out
    assert "warning" not in out
    assert "not checked: that the first clip shows a success and the second a failure" in out
    assert "not checked: how a model labels the clips: --model names one" in out


def test_the_strip_shows_the_success_clip_above_the_failure_clip(here):
    from PIL import Image

    assert add("--strip", "x/strip.png") == 0
    picture = np.asarray(Image.open("x/strip.png")).astype(int)
    upper, lower = picture[: len(picture) // 2], picture[len(picture) // 2 :]
    # Eight frames in a row; the last ones show the square on the right above, on the left below.
    last = slice(-picture.shape[1] // 8, None)
    yellow = [(part[:, last, 0] - part[:, last, 2] > 100).nonzero()[1].mean() for part in (upper, lower)]
    assert yellow[0] > yellow[1]


def test_what_else_differs_is_told(here, capsys):
    assert add(failure="../clips/small.mp4") == 0
    out = capsys.readouterr().out
    assert "warning: the clips differ in size (64x64 and 96x96)" in out
    assert "warning: the clips differ in frame rate (24 and 12 a second)" in out
    assert "they differ from the first frame" in out


def test_a_difference_before_the_outcome_is_told(here, capsys):
    assert add("--outcome-frame", "30") == 0
    assert re.search(r"warning: the clips differ from frame 25, before the outcome \(frame 30\), by \d", capsys.readouterr().out)  # fmt: skip  # noqa: E501


def test_an_outcome_that_the_window_does_not_see_is_told(here, capsys):
    assert add("--outcome-frame", "35") == 0
    assert "the outcome (frame 35) comes after the window (frames 0 to 30)" in capsys.readouterr().out


def test_windows_that_show_the_same_are_told(here, capsys):
    assert add("--frames", "8") == 0
    out = capsys.readouterr().out
    assert "they first differ in frame 25" in out
    assert "warning: the clips do not differ in the frames that the model sees (0 to 14)" in out


def test_windows_of_their_own(here, capsys):
    assert add("--start", "2,9") == 0
    out = capsys.readouterr().out
    assert "success: 40 frames of 64x64, 24 frames a second; the model sees frames 2 to 32" in out
    assert "failure: 40 frames of 64x64, 24 frames a second; the model sees frames 9 to 39" in out
    pairs = load_pairs("pairs.toml")
    windows = [
        pairs.sampling.shifted(c.start).indices(40)[0]
        for c in (pairs.pairs[0].positive, pairs.pairs[0].negative)
    ]
    assert windows == [2, 9]


def test_a_window_of_another_size(here):
    assert add("--frames", "8", "--stride", "4") == 0
    assert (load_pairs("pairs.toml").sampling.frames, load_pairs("pairs.toml").sampling.stride) == (8, 4)


def test_the_papers_rule(here):
    from circuit_claims.clips.sampling import Sampling

    assert add("--rule", "notebook", "--frames", "8", "--stride", "4") == 0
    assert load_pairs("pairs.toml").sampling == Sampling("notebook", 8, 4, seed=42)


def test_a_control_made_from_the_success_clip(here, capsys):
    from circuit_claims.clips.decode import Decoder

    assert add("--make-control", "--jitter", "3") == 0
    assert "added golf-1 and golf-1-noise to pairs.toml" in capsys.readouterr().out
    pair, control = load_pairs("pairs.toml").pairs
    assert (control.kind, control.control) == ("control", "noise")
    assert control.made == (
        "cut 3 frames later and encoded again (H.264, crf 28); the camera's noise is the same"
    )
    assert control.positive == pair.positive
    with Decoder() as decoder:
        own, other = (decoder.decode(c.path).frames for c in (control.positive, control.negative))
    assert len(other) == FRAMES - 3
    apart = np.abs(own[3:].astype(int) - other).mean()
    assert 0 < apart < 5, "the same picture three frames later, through another encoder"


def test_a_clip_of_another_pair_is_told(here, capsys):
    assert add() == 0
    assert "independent" not in capsys.readouterr().out
    assert main(["pair", "add", "golf-2", "../clips/success.mp4", "../clips/small.mp4", "--action", "x"]) == 0
    told = "warning: golf-1 has one of these clips too: the two count as one independent pair"
    assert told in capsys.readouterr().out.splitlines()


def test_a_control_of_ones_own(here):
    assert add("--control", "other-clip", failure="../clips/small.mp4") == 0
    (pair,) = load_pairs("pairs.toml").pairs
    assert (pair.kind, pair.control) == ("control", "other-clip")


def test_a_pair_is_removed_and_its_clips_stay(here, capsys):
    assert add("--make-control") == 0
    manifest = Path("pairs.toml")
    manifest.write_text(manifest.read_text().replace("[[pair]]", "# mine\n[[pair]]", 1))
    before = {path: path.read_bytes() for path in Path("clips").iterdir()}
    capsys.readouterr()
    assert main(["pair", "remove", "golf-1-noise"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "removed golf-1-noise from pairs.toml; 1 pair left\nno pair uses these clips now, and"
    )
    assert [pair.name for pair in load_pairs(manifest).pairs] == ["golf-1"]
    assert "# mine" in manifest.read_text(), "comments are kept"
    assert {path: path.read_bytes() for path in Path("clips").iterdir()} == before
    assert main(["pair", "remove", "golf-1"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "removed golf-1 from pairs.toml; 0 pairs left"
    with pytest.raises(ManifestError, match="there is none yet; add one: circuit-claims pair add"):
        load_pairs(manifest)
    assert add() == 0, "a pair can be added again"


def test_a_pair_that_is_not_there_removes_none(here, capsys):
    assert add("--make-control") == 0
    before = Path("pairs.toml").read_text()
    capsys.readouterr()
    assert main(["pair", "remove", "golf-1", "golf-2"]) == USAGE
    assert capsys.readouterr().err == "pairs.toml: has no pair 'golf-2'; did you mean \"golf-1\"?\n"
    assert Path("pairs.toml").read_text() == before


@pytest.mark.parametrize("url", ["https://example.com/a.mp4", "s3://bucket/a.mp4"])
def test_a_url_is_no_clip(here, capsys, url):
    assert add(failure=url) == USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{url}: a clip is a file, or lies on the hub")
    assert line.endswith("download it, and name the file")
    assert everything() == []
    assert add() == 0
    text = Path("pairs.toml").read_text()
    Path("pairs.toml").write_text(re.sub(r'file = "[^"]*"', f'file = "{url}"', text, count=1))
    assert main(["pair", "list"]) == USAGE
    assert url in capsys.readouterr().err


def test_what_is_listed_is_what_is_here(here, capsys):
    assert main(["list", "pairs"]) == 0
    assert capsys.readouterr().out.startswith("The package's own pairs: none are here.\n")
    assert add() == 0
    capsys.readouterr()
    assert main(["list", "pairs"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["pair", "golf-1"]
    assert main(["list", "pairs", "--builtin"]) == 0
    assert "bowling-1" in capsys.readouterr().out


def test_check_and_list(here, capsys):
    assert add("--make-control") == 0
    capsys.readouterr()
    assert main(["pair", "check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 pairs are good"
    assert main(["pair", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["golf-1", "outcome"], ["golf-1-noise", "noise"]]


def test_check_tells_every_pair_that_is_not_good(here, capsys):
    assert add() == 0
    assert main(["pair", "add", "golf-2", "../clips/failure.mp4", "../clips/small.mp4", "--action", "x"]) == 0
    assert main(["pair", "add", "golf-3", "../clips/success.mp4", "../clips/small.mp4", "--action", "x"]) == 0
    with Path("clips/golf-2-failure.mp4").open("ab") as small:
        small.write(b"more")
    capsys.readouterr()
    assert main(["pair", "check"]) == USAGE
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "1 of 3 pairs are good"
    assert [line.split(":")[0] for line in err.splitlines()] == ["golf-2", "golf-3"]


def test_a_manifest_that_is_named_or_lies_in_claims(here):
    Path("claims").mkdir()
    assert add("--circuit-pairs", "claims/pairs.toml") == 0
    assert main(["pair", "add", "golf-2", "../clips/success.mp4", "../clips/small.mp4", "--action", "x"]) == 0
    assert [pair.name for pair in load_pairs("claims/pairs.toml").pairs] == ["golf-1", "golf-2"]
    assert not Path("pairs.toml").exists()


# Bad input ------------------------------------------------------------------------------------------------


def loop(folder: Path) -> str:
    (folder / "loop.mp4").symlink_to("pool.mp4")
    (folder / "pool.mp4").symlink_to("loop.mp4")
    return "loop.mp4"


def dangling(folder: Path) -> str:
    (folder / "link.mp4").symlink_to("nothing.mp4")
    return "link.mp4"


def directory(folder: Path) -> str:
    (folder / "folder.mp4").mkdir()
    return "folder.mp4"


def text(folder: Path) -> str:
    (folder / "text.mp4").write_text("not a video")
    return "text.mp4"


def empty(folder: Path) -> str:
    (folder / "empty.mp4").touch()
    return "empty.mp4"


def cut_short(folder: Path) -> str:
    whole = (folder / "success.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    return "cut.mp4"


def fifo(folder: Path) -> str:
    os.mkfifo(folder / "pipe.mp4")
    return "pipe.mp4"


def newline(folder: Path) -> str:
    (folder / "a\nb.mp4").write_text("not a video")
    return "a\nb.mp4"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (loop, "loop.mp4: cannot be reached"),
        (dangling, "is a link to nothing.mp4, which does not exist; fix the link"),
        (directory, "is a directory; name a video file"),
        (text, "is no video, or a damaged one"),
        (empty, r"is empty \(0 bytes\); fetch it again"),
        (cut_short, "; fetch it again"),
        (fifo, "is no regular file"),
        (newline, r"a\\nb.mp4': is no video"),
        (lambda _: "gone.mp4", "does not exist; check the name, or fetch it"),
        (lambda _: "short.mp4", "takes frames 0 to 30, and the clip has frames 0 to 19; take a smaller"),
        (lambda _: "success.mp4", "is the same clip as SUCCESS"),
    ],
)
def test_a_clip_that_cannot_be_added(here, capsys, bad, said):
    name = bad(here.parent / "clips")
    assert add(failure=f"../clips/{name}") == USAGE
    out, err = capsys.readouterr()
    assert re.search(said, err)
    assert len(err.splitlines()) == 1
    assert out == ""
    assert everything() == []


def test_a_copy_of_the_same_clip_under_another_name_is_the_same_clip(here, capsys):
    shutil.copy("../clips/success.mp4", "../clips/copy.mp4")
    assert add(failure="../clips/copy.mp4") == USAGE
    assert "is the same clip as SUCCESS; a pair compares two different clips" in capsys.readouterr().err


def test_two_windows_of_one_clip_are_two(here):
    assert add("--start", "0,9", failure="../clips/success.mp4") == 0
    (pair,) = load_pairs("pairs.toml").pairs
    assert (pair.positive.start, pair.negative.start) == (0, 9)


def test_names_that_begin_with_a_dash_or_hold_a_newline(here):
    shutil.copy("../clips/success.mp4", "-s.mp4")
    shutil.copy("../clips/failure.mp4", "f\nf.mp4")
    assert main(["pair", "add", "--action", "putt", "golf-1", "--", "-s.mp4", "f\nf.mp4"]) == 0
    verify_hashes(load_pairs("pairs.toml"))
    assert load_pairs("pairs.toml").pairs[0].negative.path.name == "f\nf.mp4"


def test_a_dash_that_is_taken_for_an_option_is_explained(here, capsys, monkeypatch):
    shutil.copy("../clips/failure.mp4", "-f.mp4")
    words = ["pair", "add", "golf-1", "../clips/success.mp4", "-f.mp4", "--action", "putt"]
    monkeypatch.setattr("sys.argv", ["circuit-claims", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == USAGE
    assert capsys.readouterr().err.endswith("; write ./-f.mp4 for the file of that name\n")
    words[4] = "./-f.mp4"
    assert main(words) == 0


def test_a_list_has_a_line_for_each_pair_whatever_they_are_called(here, capsys):
    shutil.copy("../clips/failure.mp4", "f\nf.mp4")
    assert main(["pair", "add", "p", "../clips/success.mp4", "f\nf.mp4", "--action", "a\x1b[2Jb"]) == 0
    capsys.readouterr()
    assert main(["pair", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert r"'a\x1b[2Jb'" in lines[1]
    assert r"'f\nf.mp4'" in lines[1]


def command(*words: str) -> "subprocess.Popen[str]":
    program = [sys.executable, "-m", "circuit_claims.cli", "pair", "add", *words, "--action", "putt"]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_commands_at_once_lose_nothing(here):
    assert add() == 0
    clips = ("../clips/success.mp4", "../clips/failure.mp4")
    running = [command("one", *clips), command("two", *clips, "--start", "2"), command("one", *clips)]
    ended = [(process.communicate(timeout=600)[1], process.returncode) for process in running]
    assert sorted(status for _, status in ended) == [0, 0, USAGE]
    assert [error for error, status in ended if status] == [
        'pairs.toml: pair "one": is there already; take another name\n'
    ]
    assert sorted(pair.name for pair in load_pairs("pairs.toml").pairs) == ["golf-1", "one", "two"]
    verify_hashes(load_pairs("pairs.toml"))


@pytest.mark.slow
@pytest.mark.parametrize("after_s", [0.2, 0.8, 1.4, 2.0, 2.6])
def test_a_killed_command_leaves_the_manifest_good(here, after_s):
    assert add() == 0
    process = command("second", "../clips/failure.mp4", "../clips/success.mp4", "--start", "3")
    time.sleep(after_s)
    process.kill()
    process.communicate()
    assert "golf-1" in [pair.name for pair in load_pairs("pairs.toml").pairs]
    assert main(["pair", "check"]) == 0
    clips = ("../clips/success.mp4", "../clips/small.mp4")
    assert main(["pair", "add", "third", *clips, "--action", "putt"]) == 0
    verify_hashes(load_pairs("pairs.toml"))
    assert not list(Path().glob(".*"))


def test_a_second_pair_of_the_same_name(here, capsys):
    assert add() == 0
    before, files = Path("pairs.toml").read_bytes(), everything()
    assert add() == USAGE
    assert 'pair "golf-1": is there already; take another name' in capsys.readouterr().err
    assert (Path("pairs.toml").read_bytes(), everything()) == (before, files)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--frames", "8"],
            "sampling: frames: is 16, and --frames says 8; all pairs of a manifest are sampled",
        ),
        (["--rule", "notebook"], "sampling: rule: is stride, and --rule says notebook"),
        (["--stride", "1"], "sampling: stride: is 2, and --stride says 1"),
        (["--model", "organizm"], "organizm: no model of this name"),
        (["--start", "30"], "takes frames 30 to 60, and the clip has frames 0 to 39"),
    ],
)
def test_what_does_not_go_with_the_manifest(here, capsys, args, said):
    assert main(["pair", "add", "a", "../clips/success.mp4", "../clips/failure.mp4", "--action", "x"]) == 0
    before, files = Path("pairs.toml").read_bytes(), everything()
    capsys.readouterr()
    assert add(*args) == USAGE
    assert said in capsys.readouterr().err
    assert (Path("pairs.toml").read_bytes(), everything()) == (before, files)


@pytest.mark.parametrize(
    "args", [["--frames", "0"], ["--start", "x"], ["--start", "1,-2"], ["--jitter", "0"]]
)
def test_an_option_that_cannot_be(here, capsys, args):
    with pytest.raises(SystemExit) as ended:
        add(*args)
    assert ended.value.code == USAGE
    assert args[0] in capsys.readouterr().err
    assert everything() == []


def test_a_clip_that_is_too_short_for_a_made_control(here, capsys):
    assert add("--make-control", "--jitter", "20") == USAGE
    assert "the clip has frames 0 to 19" in capsys.readouterr().err
    assert everything() == []


VIDEOS = Path(__file__).resolve().parents[3] / "shared" / "videos"
NASTY = sorted(VIDEOS.glob("nasty/*"))


@pytest.mark.slow
@pytest.mark.skipif(not NASTY, reason="the folder of difficult clips is not beside the checkout")
@pytest.mark.parametrize("path", NASTY or [VIDEOS], ids=lambda path: path.name)
def test_a_difficult_clip_is_added_or_refused_in_one_line(here, capsys, path):
    status = add(failure=str(path))
    out, err = capsys.readouterr()
    if status == 0:
        verify_hashes(load_pairs("pairs.toml"))
        assert "added golf-1" in out
        return
    assert status == USAGE
    assert len(err.splitlines()) == 1
    assert path.name in err
    assert "; " in err, "says what is wrong, but not what to do"
    assert everything() == []

"""`circuit-claims init`: in an empty folder `pytest` then judges a claim, or nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from circuit_claims.cli import USAGE, main
from circuit_claims.clips.pairs import load_pairs, load_sampling, verify_hashes


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_pytest(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    words = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:benchmark", *args]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=folder, capture_output=True, text=True
    )


def test_a_start_in_an_empty_folder(tmp_path, monkeypatch, capsys):
    folder = tmp_path / 'my "claims"'
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["init"]) == 0
    assert names(folder) == [".gitignore", "conftest.py", "pairs.toml", "test_claims.py"]
    out = capsys.readouterr().out
    assert "next: circuit-claims pair add NAME SUCCESS.mp4 FAILURE.mp4" in out
    assert load_sampling(folder / "pairs.toml").frames == 16


def test_what_is_written_is_python_that_collects_and_says_what_is_missing(tmp_path):
    assert main(["init", str(tmp_path / "mine")]) == 0
    done = run_pytest(tmp_path / "mine")
    assert done.returncode == 4
    assert "pair: there is none yet; add one: circuit-claims pair add" in done.stderr
    listed = run_pytest(tmp_path, "--collect-only", "-q", "--circuit-pairs", "x", "--co", "mine")
    assert "Traceback" not in listed.stdout + listed.stderr


def test_what_is_written_is_formatted_and_clean(tmp_path):
    assert main(["init", str(tmp_path)]) == 0
    for command in (["check", "--select", "E,F,W,I,B"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--line-length", "110", "--isolated", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_an_example_brings_a_pair_with_its_control(tmp_path):
    assert main(["init", str(tmp_path), "--example"]) == 0
    pairs = load_pairs(tmp_path / "pairs.toml")
    verify_hashes(pairs)
    assert [(pair.name, pair.control) for pair in pairs.pairs] == [
        ("bowling-1", None),
        ("bowling-1-noise", "noise"),
    ]


@pytest.mark.slow
def test_the_example_is_judged(tmp_path):
    assert main(["init", str(tmp_path), "--example"]) == 0
    done = run_pytest(tmp_path)
    assert done.returncode == 11, done.stdout + done.stderr
    assert "exit status 11: 1 claim left undecided. 1 pair decides nothing" in done.stdout
    assert (tmp_path / "reports" / "latest.json").exists()


@pytest.mark.parametrize("there", ["conftest.py", "pairs.toml", "test_claims.py"])
def test_what_is_there_is_left_alone(tmp_path, there, capsys):
    (tmp_path / there).write_text("mine")
    assert main(["init", str(tmp_path)]) == USAGE
    assert (
        f"{there} is there already, and nothing was written; name an empty folder" in capsys.readouterr().err
    )
    assert names(tmp_path) == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_dangling_link_is_left_alone(tmp_path, capsys):
    (tmp_path / "conftest.py").symlink_to("nothing.py")
    assert main(["init", str(tmp_path)]) == USAGE
    assert names(tmp_path) == ["conftest.py"]


def test_ones_own_gitignore_stays(tmp_path):
    (tmp_path / ".gitignore").write_text("mine\n")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be(tmp_path, where, capsys):
    (tmp_path / "file").write_text("x")
    assert main(["init", str(tmp_path / where)]) == USAGE
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "; name " in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path, capsys):
    tmp_path.chmod(0o500)
    try:
        assert main(["init", str(tmp_path)]) == USAGE
    finally:
        tmp_path.chmod(0o700)
    assert "cannot be written" in capsys.readouterr().err


def test_an_example_of_another_window_is_refused(tmp_path, capsys):
    assert main(["init", str(tmp_path), "--example", "--frames", "32"]) == USAGE
    assert "the example has a window of 16 frames" in capsys.readouterr().err
    assert names(tmp_path) == []

"""The command `circuit-claims`: what there is to test, without running it."""

import subprocess
import sys

import pytest

from circuit_claims.cli import USAGE, main


def run(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "circuit_claims.cli", *args], capture_output=True, text=True)


def test_models_are_named_with_what_they_are(capsys):
    assert main(["list", "models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = [line.split()[0] for line in lines if line.strip()]
    assert first[0] == "name"
    assert {"organism", "organism-outcome", "random:NAME#SEED", "OWNER/NAME[@REVISION]", "./FOLDER"} <= set(
        first
    )
    assert any(name.startswith("planted:") for name in first)


def test_pairs_are_named_with_their_clips(capsys):
    assert main(["list", "pairs"]) == 0
    out = capsys.readouterr().out
    assert "bowling-1-success.mp4" in out
    assert len([line for line in out.splitlines() if " outcome " in line]) == 32


def test_questions_are_named_with_their_parameters(capsys):
    """One row each, of everything that a claim can ask."""
    from circuit_claims.measure.circuit import Circuit
    from circuit_claims.measure.questions.registry import questions

    assert main(["list", "questions"]) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines() if line[:1].strip()} == {
        "question",
        *questions(Circuit),
    }
    (line,) = [line for line in out.splitlines() if line.startswith("head_recovery ")]
    assert "layer, head, direction, pairs" in line


def test_claims_are_named_with_scope_statement_and_source():
    """In a process of its own: it runs pytest, which is running."""
    done = run("list", "claims")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("mlp-sufficient-100/reproduces")]
    assert "negative" in line
    assert "E1 section 3" in done.stdout


def test_claims_that_are_here_are_listed(tmp_path):
    assert main(["init", str(tmp_path / "mine")]) == 0
    listed = {
        words: subprocess.run(
            [sys.executable, "-m", "circuit_claims.cli", "list", "claims", *words],
            cwd=tmp_path / "mine",
            capture_output=True,
            text=True,
        ).stdout
        for words in ((), ("--builtin",))
    }
    assert "mlp-recovers-half/means" in listed[()]
    assert "mlp-sufficient-100" not in listed[()]
    assert "mlp-sufficient-100/reproduces" in listed["--builtin",]


def test_the_version_is_the_installed_one(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"circuit-claims {version('circuit-claims')}\n"


def test_a_folder_without_claims_is_told(tmp_path):
    done = run("list", "claims", str(tmp_path))
    assert done.returncode == USAGE
    assert done.stderr.strip() == (
        f"{tmp_path}: no claims could be collected; `pytest --collect-only {tmp_path}` says why"
    )


def test_a_manifest_that_is_not_there_is_told(tmp_path, capsys):
    assert main(["list", "pairs", f"--circuit-pairs={tmp_path / 'none.toml'}"]) == USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert "none.toml" in captured.err


@pytest.mark.parametrize("args", [[], ["lst"], ["list"], ["list", "clips"]], ids=" ".join)
def test_a_command_that_is_none_shows_the_usage(args, capsys):
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code == USAGE
    assert capsys.readouterr().err.startswith("usage: circuit-claims")

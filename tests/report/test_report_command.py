"""``circuit-claims report RUN.json``: everything that people read, again, from the JSON alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from reports_by_hand import MODEL, RUN, every_verdict

from circuit_claims.cli import main
from circuit_claims.report.schema import build, write

RUN_ELSEWHERE = {**RUN, "pair_set": "a manifest of another machine"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "run.json", build(every_verdict(), RUN_ELSEWHERE, [MODEL]))
    return tmp_path / "run.json"


def test_it_prints_the_table_and_writes_beside_the_report(path, capsys):
    assert main(["report", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("circuit-claims: organism · cpu float32")
    assert "12 claims: 1 supported, 5 refuted" in out
    assert f"written: {path.with_suffix('.md')}, {path.with_suffix('.html')}" in out
    assert path.with_suffix(".html").read_text().startswith("<!doctype html>")
    assert path.with_suffix(".md").read_text().startswith("# Claims")


def test_it_writes_where_it_is_told_and_leaves_the_report_alone(path, tmp_path, capsys):
    before = path.read_bytes()
    assert main(["report", str(path), "--to", str(tmp_path / "there"), "-v"]) == 0
    assert sorted(file.name for file in (tmp_path / "there").iterdir()) == ["run.html", "run.md"]
    assert path.read_bytes() == before
    assert "growth/reproduces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[: len(text) // 2], "not JSON"),
        (
            lambda text: text.replace('"version": 2', '"version": 9'),
            "version 9, but this circuit-claims reads",
        ),
        (
            lambda text: text.replace('"verdict": "supported"', '"verdict": "likely"'),
            "unknown verdict 'likely'",
        ),
        (
            lambda text: text.replace('"schema": "circuit-claims/report"', '"schema": "else"'),
            "not a circuit-claims",
        ),
    ],
    ids=["cut short", "newer", "unknown verdict", "another schema"],
)
def test_bad_input_is_refused_with_what_and_where_and_nothing_is_written(path, spoil, said, capsys):
    path.write_text(spoil(path.read_text()))
    assert main(["report", str(path)]) == 4
    err = capsys.readouterr().err
    assert err.startswith(f"{path}:")
    assert said in err
    assert "Traceback" not in err
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_report_and_a_folder_that_cannot_be_written_to_are_told(path, tmp_path, capsys):
    assert main(["report", str(tmp_path / "none.json")]) == 4
    assert "there is no such report; `pytest claims/` writes one" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["report", str(path), "--to", str(tmp_path / "file" / "there")]) == 4
    assert "cannot be written to" in capsys.readouterr().err


def test_no_model_is_needed(path):
    code = (
        "import sys; from circuit_claims.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code, "report", str(path)], capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "False", ran.stderr


@pytest.mark.slow
def test_frames_come_from_clips_that_are_at_hand(tmp_path, capsys):
    write(tmp_path / "run.json", build(every_verdict(), RUN, [MODEL]))
    assert main(["report", str(tmp_path / "run.json")]) == 0
    page = (tmp_path / "run.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 32, "16 frames of each clip of one pair"
    assert "bowling-1, success" in page
    assert json.loads((tmp_path / "run.json").read_text())["version"] == 2

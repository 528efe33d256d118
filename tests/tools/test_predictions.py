"""Numbers beside predictions: what came true gets its estimate; other clips are compared by verdict."""

import json
from pathlib import Path

import pytest

from circuit_claims.judge.record import read_record
from circuit_claims.types import Outcome
from tools.pages.predictions import main, write_numbers

PREDICTED = """\
# Written by hand.
schema = 1
model = "planted:x"
clips = ""

[claims."alone/means"]
verdict = "supported"
reason = "It is planted."

[claims."several/means"]
verdict = "refuted"
reason = "Layer 5 alone has it."

[claims."otherwise/means"]
verdict = "supported"
reason = "It did not come true."
estimate = 0.1
tolerance = 0.01
unit = "fraction"

[claims."known/exact"]
verdict = "supported"
reason = "True of every ViViT."
"""


def entry(key, verdict, values, parts=()):
    return {
        "key": key,
        "kind": key.partition("/")[2],
        "verdict": verdict,
        "parts": [{"part": part, "verdict": said} for part, said in parts],
        "measurements": [
            {"part": part, "value": value, "unit": "fraction"}
            for part, value in zip([part for part, _ in parts] or [""], values, strict=True)
        ],
    }


FOUND = [
    entry("alone/means", "supported", [0.123456789]),
    entry("several/means", "refuted", [0.9, 0.1], [("layer=5", "supported"), ("layer=6", "refuted")]),
    entry("otherwise/means", "refuted", [0.2]),
    entry("known/exact", "supported", [1e-7]),
    entry("unknown/means", "supported", [0.5]),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "planted-x.toml"
    made.write_text(PREDICTED)
    return made


def test_what_came_true_has_its_estimate_and_the_prediction_stays(path):
    assert write_numbers(path, "abc", FOUND) == 3
    record = read_record(path)
    assert path.read_text().startswith("# Written by hand.")
    alone = record.entries["alone/means", ""]
    assert (alone.estimate, alone.unit, alone.reason) == (0.123457, "fraction", "It is planted.")
    assert alone.tolerance == pytest.approx(0.02 * 0.123457, rel=1e-5)
    assert record.entries["several/means", ""].estimate is None
    assert record.entries["several/means", "layer=5"].estimate == 0.9
    assert record.entries["several/means", "layer=6"].verdict is Outcome.REFUTED
    assert record.entries["otherwise/means", ""].estimate is None, "a number of an older run is taken out"
    assert record.entries["known/exact", ""].estimate is None
    assert ("unknown/means", "") not in record.entries


def test_numbers_are_held_against_the_clips_that_they_were_measured_on(path):
    write_numbers(path, "abc", FOUND)
    record = read_record(path)
    assert record.on("abc") is record
    elsewhere = record.on("other")
    assert set(elsewhere.entries) == {name for name in record.entries if not name[1]}
    assert all(entry.estimate is entry.tolerance is None for entry in elsewhere.entries.values())
    assert elsewhere.entries["alone/means", ""].verdict is Outcome.SUPPORTED


def test_a_record_without_such_numbers_speaks_of_any_clips(path):
    record = read_record(path)
    assert record.numbers == ""
    assert record.on("anything") is record


def test_numbers_are_written_again_over_the_old_ones(path):
    write_numbers(path, "abc", FOUND)
    once = path.read_text()
    write_numbers(path, "abc", FOUND)
    assert path.read_text() == once


def test_a_report_writes_the_numbers_of_its_models_with_a_record(path, capsys):
    models = [{"name": "planted:x", "clips": "abc"}, {"name": "planted:y", "clips": "abc"}]
    claims = [{**one, "model": "planted:x"} for one in FOUND] + [{**FOUND[0], "model": "planted:y"}]
    report = path.parent / "latest.json"
    report.write_text(json.dumps({"models": models, "claims": claims}))
    assert main([str(report), str(path.parent)]) == 0
    assert "3 numbers written" in capsys.readouterr().out
    assert read_record(path).numbers == "abc"
    report.write_text(json.dumps({"models": models[1:], "claims": claims}))
    assert main([str(report), str(path.parent)]) == 1

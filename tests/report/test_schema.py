"""The JSON report: what its schema promises, that it is read back, and which files are refused."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from claims_by_hand import ONE_TO_FIVE, evidence, finding
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from reports_by_hand import MODEL, RUN, SCHEMA, VALIDATOR, a_report, every_verdict, judged

from circuit_claims.judge.drift import Drift
from circuit_claims.judge.expectation import above
from circuit_claims.report.reading import ReportError, read
from circuit_claims.report.schema import NAME, VERSION, build, counts, write
from circuit_claims.types import Control, Design, Outcome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "reports" / "latest.json", a_report())
    return tmp_path / "reports" / "latest.json"


def numbers_in(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for inner in value for number in numbers_in(inner)]
    return [value] if isinstance(value, float) else []


# The document -------------------------------------------------------------------------------------------


def test_schema_is_one_and_a_report_of_every_verdict_keeps_to_it():
    Draft202012Validator.check_schema(SCHEMA)
    report = a_report()
    assert [f"{e.json_path}: {e.message}" for e in VALIDATOR.iter_errors(report)] == []
    verdicts = {entry["verdict"] for entry in report["claims"]}
    assert verdicts == {str(outcome) for outcome in Outcome}, "the sample has one of each"


def test_schema_knows_the_verdicts_drifts_name_and_version_of_the_code():
    assert SCHEMA["$defs"]["verdict"]["enum"] == [str(outcome) for outcome in Outcome]
    assert SCHEMA["$defs"]["drift"]["enum"] == [str(drift) for drift in Drift]
    assert SCHEMA["properties"]["schema"]["const"] == NAME
    assert SCHEMA["properties"]["version"]["const"] == VERSION


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r["claims"][0].update(verdict="perhaps"),
        lambda r: r["claims"][0].update(key="mlp-42"),
        lambda r: r["claims"][0].pop("sentence"),
        lambda r: r["claims"][0]["measurements"][0].update(value="0.5"),
        lambda r: r["claims"][0]["measurements"][0].update(ci=[0.1]),
        lambda r: r["claims"][0]["record"].update(drift="near"),
        lambda r: r["summary"].update(supported=0),
        lambda r: r["run"].update(exit_status=2),
        lambda r: r.update(extra=1),
        lambda r: r.update(version=1),
    ],
    ids=range(10),
)
def test_schema_notices_a_spoilt_report(spoil):
    report = a_report()
    spoil(report)
    assert not VALIDATOR.is_valid(report)


def test_each_entry_says_what_a_reader_needs():
    report = a_report()
    entry = next(e for e in report["claims"] if e["claim"] == "attention-block-recovers-in-range")
    assert entry["key"] == "attention-block-recovers-in-range/reproduces"
    assert (entry["quantifier"], entry["expected_parts"]) == ("each layer", 3)
    assert [part["part"] for part in entry["parts"]] == ["layer=4", "layer=5", "layer=6"]
    first = entry["measurements"][0]
    assert (first["value"], first["n"], first["published"]) == (0.5708, 5, 0.5441)
    assert first["by_pair"]["golf-0"] == 0.5708
    flagged = next(e for e in report["claims"] if e["claim"] == "means-without-specificity")
    assert flagged["flags"] == ["inert readout"]
    assert flagged["controls"][0]["control"] == "noise"
    held = next(e for e in report["claims"] if e["claim"] == "drifted-from-its-record")["record"]
    assert (held["drift"], held["verdict"], held["estimate"]) == ("flipped", "supported", 0.61234)
    assert held["reason"] == "a person's reason"


def test_summary_counts_claims_and_not_parts():
    findings = every_verdict()
    assert sum(counts(findings).values()) == len(findings)
    assert counts([finding("refuted"), finding("refuted"), finding("supported")]) == {
        "supported": 1,
        "refuted": 2,
    }
    assert counts([]) == {}


def test_floats_keep_six_significant_digits():
    made = judged("growth", evidence([math.pi * 1e6, math.e * 1e-9, 1 / 3, 2 / 3, 1.0]), above(0.0))
    report = build([made], RUN, [MODEL])
    assert report["claims"][0]["measurements"][0]["by_pair"] == {}
    assert report["run"]["seconds"] == 12.3457
    for number in numbers_in(report):
        assert float(f"{number:.6g}") == number


def test_nothing_in_a_report_is_nan_or_infinite():
    """`above` ends at infinity, and five equal values have an interval without width."""
    text = json.dumps(a_report(), allow_nan=False)
    assert not re.search(r"\b(NaN|Infinity|inf)\b", text)
    asserted = a_report()["claims"][0]["measurements"][0]["asserted"]
    assert (asserted["low"], asserted["high"]) == (1.0, None)


@given(st.lists(st.floats(-1e12, 1e12), min_size=5, max_size=7))
@settings(max_examples=30)
def test_any_finding_becomes_valid_json_that_is_equal_after_reading(values):
    report = build([judged("growth", evidence(values), above(0.0))], RUN, [MODEL])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert VALIDATOR.is_valid(report)


def test_what_is_no_plain_data_is_refused():
    with pytest.raises(TypeError, match="Path does not belong in a report"):
        build([], {**RUN, "packages": Path("x")}, [])


# Files --------------------------------------------------------------------------------------------------


def test_what_is_written_is_read_back(path):
    assert read(path) == a_report()
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.read_text().startswith('{\n  "schema": "circuit-claims/report",\n  "version": 2,\n')


def test_a_failed_write_leaves_the_old_report_whole(path):
    before = path.read_text()
    with pytest.raises(ValueError, match="Out of range float"):
        write(path, {**a_report(), "seconds": float("nan")})
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path], "no temporary file is left"


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.999])
def test_a_report_cut_short_is_refused(path, share):
    text = path.read_text()
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(ReportError, match=r"latest.json:\d+: not JSON .*: it may be cut short; run `pytest"):
        read(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 3}, r"version 3, but this circuit-claims reads versions 1 to 2; upgrade it"),
        ({"version": True}, r"version True, but this"),
        ({"version": None}, r"version None, but this circuit-claims reads versions 1 to 2"),
        ({"schema": "pytest-json-report"}, r"not a circuit-claims/report; give a JSON file that"),
        (
            {"claims": [{"key": "mlp-42/means", "verdict": "perhaps"}]},
            r"'mlp-42/means' has the unknown verdict",
        ),
        ({"claims": [{"key": "mlp-42/means"}]}, r"'mlp-42/means' has the unknown verdict None"),
        ({"claims": {"mlp-42/means": "supported"}}, r"'claims' has to be a list of tables"),
        ({"claims": ["supported"]}, r"'claims' has to be a list of tables"),
        ({"claims": None}, r"'claims' has to be a list of tables"),
    ],
)
def test_another_document_is_refused(path, changes, said):
    path.write_text(json.dumps({**a_report(), **changes}))
    with pytest.raises(ReportError, match=said) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_json_of_another_kind_a_missing_file_and_stray_bytes_are_refused(path):
    path.write_text("[1, 2]")
    with pytest.raises(ReportError, match="not a circuit-claims/report"):
        read(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ReportError, match="cannot be read"):
        read(path)
    path.unlink()
    with pytest.raises(ReportError, match="there is no such report; `pytest claims/` writes one"):
        read(path)


@pytest.mark.parametrize("design", list(Design))
def test_a_control_of_any_design_is_in_a_report_that_can_be_read_back(tmp_path, design):
    several = design in (Design.SEEDS, Design.FAMILY)
    rows = (tuple(ONE_TO_FIVE),) * (2 if several else 1)
    seen = evidence(ONE_TO_FIVE, controls=(Control("a control", design, rows),))
    report = build([judged("one", seen, above(0.5), kind="means")], RUN, [MODEL])
    write(tmp_path / "report.json", report)
    (control,) = read(tmp_path / "report.json")["claims"][0]["measurements"][0]["controls"]
    assert control["design"] == design
    assert control["values"] == ([3.0, 3.0] if several else list(ONE_TO_FIVE))


def test_claims_stand_in_the_order_of_their_files_and_ten_is_after_nine():
    findings = [finding("supported"), finding("refuted"), finding("supported"), finding("supported")]
    files = ["claims/test_10_last.py", "claims/test_9_first.py", "mine.claims.toml", "claims/test_9_first.py"]
    moved = []
    for n, (made, file) in enumerate(zip(findings, files, strict=True)):
        (part,) = made.parts
        planned = replace(part.planned, nodeid=f"{file}::{n}")
        moved.append(replace(made, parts=(replace(part, planned=planned),)))
    claims = build(moved, RUN, [MODEL])["claims"]
    assert [c["nodeids"][0].split("::")[1] for c in claims] == ["1", "3", "0", "2"]

"""Reports of older versions, and reports that are none: carried over, or refused with what and where."""

import copy
import json
from pathlib import Path

import pytest
from reports_by_hand import a_report

from circuit_claims.report import html, markdown, terminal
from circuit_claims.report.reading import ReportError, read
from circuit_claims.report.schema import VERSION

OLD = Path(__file__).parent / "version_1.json"
"""Written by the code of version 1."""


def test_a_report_of_version_1_is_carried_over_and_rendered():
    report = read(OLD)
    assert report["version"] == VERSION
    assert [entry["key"] for entry in report["claims"]] == [
        entry["key"] for entry in json.loads(OLD.read_text())["claims"]
    ]
    assert report["claims"][0]["measurements"][0]["value"] == 3703.5, "the numbers stay"
    for render in (html.render, markdown.render):
        assert "An MLP recovers 42 %." in render(report).replace("\\", "")
    assert "3704" in terminal.render(report, width=120, colour=False, verbose=1)


def test_what_an_older_report_patched_is_read_from_its_names(tmp_path):
    """Since 0.14 a measurement names its site, layer, metric and readout by themselves."""
    report = copy.deepcopy(a_report())
    measured = report["claims"][0]["measurements"][0]
    measured["name"] = "norm ratio of mlp_out 7"
    assert "patched" not in measured
    (tmp_path / "older.json").write_text(json.dumps(report))
    found = read(tmp_path / "older.json")["claims"][0]["measurements"][0]["patched"]
    assert found == {"site": "mlp_out 7", "layer": 7, "metric": "norm_ratio", "readout": ""}


def spoilt(change):
    report = copy.deepcopy(a_report())
    change(report)
    return report


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda r: r["claims"][1]["measurements"][0].pop("n"),
            r"at \$.claims\[1\].measurements\[0\]: 'n' is",
        ),
        (
            lambda r: r["claims"][0].update(sentence=7),
            r"at \$.claims\[0\].sentence: 7 is not of type 'string'",
        ),
        (lambda r: r["run"].pop("seed"), r"at \$.run: 'seed' is a required property"),
        (lambda r: r.update(models="organism"), r"at \$.models: 'organism' is not of type 'array'"),
        (lambda r: r["claims"][0]["figures"].append({"kind": "pie"}), r"at \$.claims\[0\].figures\[0\]"),
        (lambda r: r["claims"][0].update(key="mlp-42"), r"at \$.claims\[0\].key: 'mlp-42' does not match"),
        (
            lambda r: r["claims"][0].update(claim="another"),
            r"at \$.claims\[0\].key: '.*', but it is 'another/",
        ),
        (
            lambda r: r["claims"][0]["parts"].append({"part": "x", "verdict": "maybe"}),
            r"at \$.claims\[0\].parts",
        ),
    ],
    ids=["no n", "no text", "no seed", "no list", "no such figure", "no key", "other key", "part"],
)
def test_what_the_schema_does_not_allow_is_refused_with_its_place(tmp_path, change, said):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(spoilt(change)))
    with pytest.raises(ReportError, match=said) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: at $")
    assert len(str(refused.value).removeprefix(str(path))) < 250


def test_half_a_report_of_version_1_is_refused(tmp_path):
    report = json.loads(OLD.read_text())
    del report["claims"][0]["measurements"]
    path = tmp_path / "run.json"
    path.write_text(json.dumps(report))
    with pytest.raises(ReportError, match=r"not a whole report of version 1 \(KeyError\('measurements'\)\)"):
        read(path)


def test_a_report_nested_without_end_is_refused(tmp_path):
    path = tmp_path / "run.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ReportError, match="nested too deeply"):
        read(path)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400"])
def test_what_is_no_number_is_refused_with_its_line(tmp_path, bad):
    path = tmp_path / "run.json"
    text = json.dumps(a_report(), indent=1)
    first = next(line for line in text.splitlines() if line.strip().startswith('"value": 0.'))
    path.write_text(text.replace(first, f' "value": {bad},', 1))
    line = text.splitlines().index(first) + 1
    with pytest.raises(ReportError) as refused:
        read(path)
    assert str(refused.value) == f"{path}:{line}: {bad} is no number; run `pytest claims/` again"

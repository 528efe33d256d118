"""A report as rows: each number once, under its claim, by measurement and by pair."""

import csv
import sys
from io import StringIO

import pytest
from claims_by_hand import ONE_TO_FIVE, evidence
from reports_by_hand import MODEL, RUN, a_report, judged, unjudged

from circuit_claims import Report
from circuit_claims.cli import USAGE, main
from circuit_claims.judge.expectation import above
from circuit_claims.report import frame
from circuit_claims.report.schema import build, write
from circuit_claims.types import Outcome


def small():
    absent = unjudged("gone", Outcome.NOT_APPLICABLE, "no such layer")
    return build([judged("a", evidence(ONE_TO_FIVE), above(0.5)), absent], RUN, [MODEL])


def test_a_row_a_measurement_has_its_interval_and_what_is_asserted():
    one, other = frame.rows(small())
    (measured,) = small()["claims"][0]["measurements"]
    assert (one["claim"], one["verdict"], one["n"], one["asserted"]) == ("a", "supported", 5, "> 0.5")
    assert [one["value"], one["low"], one["high"]] == [measured["value"], *measured["ci"]]
    assert (other["claim"], other["verdict"], other["value"]) == ("gone", "not applicable", None)


def test_a_row_a_pair_has_its_value():
    found = list(frame.rows(small(), "pair"))
    (measured,) = small()["claims"][0]["measurements"]
    assert {row["pair"]: row["value"] for row in found} == measured["by_pair"]


@pytest.mark.parametrize("by", frame.ROWS)
def test_csv_and_frame_have_the_rows_of_the_report(by):
    report = a_report()
    read = list(csv.DictReader(StringIO(frame.to_csv(report, by))))
    made = Report(report).to_frame(by)
    assert len(read) == len(made) == len(list(frame.rows(report, by))) > 5
    assert tuple(read[0]) == tuple(made.columns) == frame.COLUMNS[by]
    values = [float(row["value"]) for row in read if row["value"]]
    assert values == pytest.approx(list(made["value"].dropna()))


def test_without_pandas_the_frame_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'circuit-claims\[frame\]'"):
        Report(small()).to_frame()


def test_the_command_writes_a_table(tmp_path, capsys):
    write(tmp_path / "latest.json", small())
    table = tmp_path / "table.csv"
    assert main(["report", str(tmp_path / "latest.json"), "--csv", str(table), "--by", "pair"]) == 0
    assert table.read_text() == frame.to_csv(small(), "pair")
    assert str(table) in capsys.readouterr().out
    (tmp_path / "folder").mkdir()
    assert main(["report", str(tmp_path / "latest.json"), "--csv", str(tmp_path / "folder")]) == USAGE
    assert "folder: cannot be written" in capsys.readouterr().err

"""The audit page on a small report made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from claims_by_hand import ONE_TO_FIVE, control, evidence
from reports_by_hand import MODEL, RUN, judged

from circuit_claims.judge.expectation import above, between
from circuit_claims.report.schema import build
from tools.pages.audit import CatalogueError, catalogue, main, render

CATALOGUE = """
[[claim]]
id = "mlp-42-60"
kind = "reproduces"
statement = "Patching a single MLP recovers 42 to 60 % | of the signal."
source = "E3 section 4.4, table 3"
editions = ["E3", "S1"]
published = [0.421, 0.6017]

[[claim]]
id = "table-mlp"
kind = "exact"
statement = "In the table an MLP recovers all."
source = "E3 table 3"
editions = ["E3"]
published = [0.421, 0.6017, 0.5]

[[claim]]
id = "mlp-42-60"
kind = "means"
statement = "The same, as meant."
source = "E3 section 4.4"
editions = ["E3"]

[[claim]]
id = "null-patch"
kind = "exact"
statement = "Nothing changes nothing."
source = "calibration"
editions = []

[[claim]]
id = "never-run"
kind = "means"
statement = "Nobody asked."
source = "E1"
editions = ["E1"]
"""


def a_report() -> dict:
    low = evidence((0.1, 0.11, 0.12, 0.1, 0.09), published=0.6017)
    unspecific = evidence(ONE_TO_FIVE, controls=(control(ONE_TO_FIVE),))
    above_all = evidence((0.5, 0.51, 0.52, 0.5, 0.49), published=0.6017)
    models = [{**MODEL, "name": name} for name in ("organism", "planted:one", "planted:two")]
    return build(
        [
            judged("mlp-42-60", low, between(0.42, 0.61)),
            judged("mlp-42-60", unspecific, above(0.5), kind="means"),
            judged("mlp-42-60", above_all, between(0.42, 0.61), model="planted:one"),
            judged("mlp-42-60", above_all, between(0.6, 0.61), model="planted:two"),
            judged("table-mlp", evidence([0.6017]), above(0.95), kind="exact", model=""),
            judged("not-listed", above_all, above(0.1)),
        ],
        RUN,
        models,
    )


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE, encoding="utf-8")
    return path


def section(page: str, id: str) -> str:
    return page.split(f"\n## {id}\n")[1].split("\n## ")[0]


def test_a_statement_has_its_readings_its_numbers_and_its_findings(listed: Path) -> None:
    told = section(render(catalogue(listed), [a_report()]), "mlp-42-60")
    reproduced, meant = told.split("**means**: ")
    assert "**reproduces**: Patching a single MLP recovers 42 to 60 % \\| of the signal." in reproduced
    assert "- stated in E3, S1: E3 section 4.4, table 3\n- printed: 42.1 %, 60.2 %\n" in reproduced
    assert "- asserted here: 42 % to &lt; 61 %\n- organism: **refuted (value)**, 10.4 % [" in reproduced
    assert "- known models, supported: `one` 50.4 %\n- known models, refuted: `two` 50.4 %" in reproduced
    assert meant.startswith("The same, as meant.\n\n- stated in E3: E3 section 4.4\n- asserted here: > 50 %")
    assert "- organism: **refuted (specificity)**" in meant


def test_arithmetic_on_the_same_numbers_stands_beside_them(listed: Path) -> None:
    page = render(catalogue(listed), [a_report()])
    assert (
        "- these numbers by themselves: In the table an MLP recovers all. **refuted (value)** "
        "(`table-mlp/exact`)" in section(page, "mlp-42-60")
    )
    told = section(page, "table-mlp")
    assert "- the paper's numbers: **refuted (value)**, 60.2 % n=1" in told
    assert "by themselves" not in told


def test_every_reading_has_a_row_and_known_models_are_counted(listed: Path) -> None:
    page = render(catalogue(listed), [a_report()])
    assert "3 statements in 4 readings; 2 known models." in page
    assert "| claim | organism | known models | the paper's numbers |" in page
    assert "| `mlp-42-60/reproduces` | refuted (value) | 1 ✓ 1 ✗ |  |" in page
    assert "| `mlp-42-60/means` | refuted (specificity) |  |  |" in page
    assert "| `table-mlp/exact` |  |  | refuted (value) |" in page
    assert "| `never-run/means` | not judged |  |  |" in page
    assert "| `null-patch/exact` | not judged |" in section(page, "What the paper does not state")


def test_what_is_missing_on_either_side_is_said(listed: Path) -> None:
    page = render(catalogue(listed), [a_report()])
    assert "- not judged in these reports" in section(page, "never-run")
    assert "## Judged, and not in the catalogue\n\n`not-listed/reproduces`\n" in page


def test_a_later_report_replaces_an_earlier_finding(listed: Path) -> None:
    later = build([judged("mlp-42-60", evidence((0.5,) * 5), between(0.42, 0.61))], RUN, [MODEL])
    told = section(render(catalogue(listed), [a_report(), later]), "mlp-42-60")
    assert "- organism: **supported**, 50 %" in told
    assert "10.4 %" not in told


def test_the_page_is_written_and_the_status_says_what_is_left(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, page = tmp_path / "latest.json", tmp_path / "audit.md"
    report.write_text(json.dumps(a_report()), encoding="utf-8")
    assert main([str(report), str(listed), str(page)]) == 1
    said = capsys.readouterr().out
    assert said == f"{page}: 5 readings, 2 not judged\n  null-patch/exact\n  never-run/means\n"
    assert page.read_text(encoding="utf-8") == render(catalogue(listed), [a_report()])
    listed.write_text(CATALOGUE.split('[[claim]]\nid = "null-patch"')[0], encoding="utf-8")
    assert main([str(report), str(listed), str(page)]) == 0


FIRST = "[[claim]]\nid = 'a'\nkind = 'means'\nstatement = 'b'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lists no statement; write one as"),
        ("claim = 3", "lists no statement"),
        (FIRST, "entry 1 has no 'source'; write it as text"),
        (FIRST + "source = 'E1'\neditions = 'E1'", "entry 1 has no 'editions'; write it as a list of names"),
        (FIRST + "source = 'E1'\neditions = []\npublished = ['x']", "entry 1: 'published' is .*numbers"),
        ("[[claim]]\nid = 3", "entry 1 has no 'id'"),
        ("[[claim", "cannot be read"),
    ],
)
def test_a_bad_catalogue_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path, page = tmp_path / "catalogue.toml", tmp_path / "audit.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=says) as fault:
        catalogue(path)
    assert str(path) in str(fault.value)
    assert main([str(path), str(page)]) == 4
    assert str(fault.value) in capsys.readouterr().err
    assert not page.exists()


def test_a_missing_report_or_catalogue_is_named(
    listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "audit.md"
    assert main([str(tmp_path / "none.json"), str(listed), str(page)]) == 4
    assert "none.json: there is no such report" in capsys.readouterr().err
    assert main([str(tmp_path / "none.toml"), str(page)]) == 4
    assert "none.toml: there is no such catalogue" in capsys.readouterr().err

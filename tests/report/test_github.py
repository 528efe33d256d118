"""Annotations and the step's summary: what fails comes first, ten lines at most."""

from claims_by_hand import evidence, finding
from reports_by_hand import MODEL, RUN, a_report, judged

from circuit_claims.judge.drift import Drift
from circuit_claims.judge.expectation import above
from circuit_claims.report.github import add_to_summary, annotations
from circuit_claims.report.schema import build


def test_what_fails_the_run_is_an_error_and_what_is_as_recorded_is_silent():
    lines = annotations(a_report())
    assert any("drifted-from-its-record/reproduces on organism%3A refuted" in line for line in lines)
    assert not any("known-to-be-refuted" in line for line in lines)
    assert not any("title=growth/" in line for line in lines)
    levels = [line.split(" ")[0] for line in lines]
    assert levels == sorted(levels), "::error before ::warning"
    assert lines[0].startswith("::error file=claims/test_1.py,title=")


def test_ten_lines_at_most_and_the_last_says_how_many_more():
    failing = [judged(f"claim-{n}", evidence([0.3, 0.31, 0.29, 0.3, 0.3]), above(0.5)) for n in range(25)]
    lines = annotations(build(failing, RUN, [MODEL]))
    assert len(lines) == 10
    assert lines[-1] == "::notice title=circuit-claims::16 more claims are in the step's summary"


def test_nothing_is_said_of_a_run_as_recorded():
    steady = [finding("supported"), finding("refuted", drift=Drift.AS_RECORDED)]
    assert annotations(build(steady, RUN, [MODEL])) == []


def test_a_summary_is_appended_to_what_is_there(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    add_to_summary(path, a_report())
    assert path.read_text().startswith("before\n# Claims")
    path.write_text("x" * 899_900)
    add_to_summary(path, a_report())
    assert path.stat().st_size <= 900_300

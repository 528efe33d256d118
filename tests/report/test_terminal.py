"""The table on a terminal: whole numbers at every width, plain where there is no colour, and counts."""

import re
from dataclasses import replace

import pytest
from claims_by_hand import finding
from reports_by_hand import MODEL, RUN, a_report, build, every_verdict, judged

from circuit_claims.judge.drift import Drift
from circuit_claims.report.terminal import header, render
from circuit_claims.report.wording import count_line

WIDTHS = [60, 80, 103, 104, 120, 200]
OBSERVED = {
    "growth/reproduces": ["3704", "1280", "6127"],
    "drifted-from-its-record/reproduces": ["-12.3"],
    "known-to-be-refuted/reproduces": ["30", "29.1", "30.9"],
    "means-without-specificity/means": ["300", "103.7", "496.3"],
    "attention-block-recovers-in-range/reproduces": ["-0.00125", "57.1"],
    "the-papers-table/exact": ["60.2"],
}
"""Per cent where the unit is a fraction, as `OBSERVED` of `every_verdict` has to be readable anywhere."""


def rendered(width, *, colour=False, verbose=1, report=None):
    return render(report or a_report(), width=width, colour=colour, verbose=verbose)


def words(text):
    return set(re.findall(r"[^\s,\[\]();]+", text))


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width):
    assert max(len(line) for line in rendered(width, verbose=2).splitlines()) <= width


@pytest.mark.parametrize("verbose", [1, 2])
@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut_off(width, verbose):
    text = rendered(width, verbose=verbose)
    assert "…" not in text
    found = words(text)
    for key, numbers in OBSERVED.items():
        assert not [number for number in numbers if number not in found], f"{key} at {width}"
    assert {"0.6123", "-0.1234"} <= found, "the drift names both numbers"


@pytest.mark.parametrize("width", WIDTHS)
def test_every_claim_and_verdict_is_named_in_full(width):
    folded = re.sub(r"\s+", "", rendered(width))
    for entry in a_report()["claims"]:
        assert entry["verdict"].replace(" ", "") in folded
        if width >= 80:
            assert entry["key"] in folded


@pytest.mark.parametrize("width", [60, 120])
def test_without_colour_there_is_not_one_escape_sequence(width):
    assert "\x1b" not in rendered(width, verbose=2)
    assert "\x1b[" in rendered(width, colour=True)


def test_colour_changes_no_letter():
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", rendered(120, colour=True))
    assert [line.rstrip() for line in coloured.splitlines()] == rendered(120).splitlines()


def test_supported_claims_are_folded_unless_asked_for():
    text = rendered(120, verbose=0)
    assert "growth/reproduces" not in text
    assert "1 supported claim is not shown (-v shows it)." in text
    assert "growth/reproduces" in rendered(120, verbose=1)
    assert "not shown" not in rendered(120, verbose=1)


def test_a_supported_claim_that_drifted_is_always_shown():
    report = build([finding("supported", drift=Drift.MOVED)], RUN, [MODEL])
    assert "mlp-42/reproduces" in rendered(120, verbose=0, report=report)


def test_parts_are_shown_when_asked_for():
    assert "layer=5" not in rendered(120, verbose=1)
    text = rendered(120, verbose=2)
    assert re.search(r"layer=5 +45\.4 % \[45\.4 %, 45\.5 %\] n=5 .* supported", text) or "layer=5" in text
    assert all(f"layer={n}" in text for n in (4, 5, 6))


def test_the_papers_own_arithmetic_has_a_table_of_its_own():
    text = rendered(120)
    assert text.index("claims on organism") < text.index("claims about the published tables (no model)")


def test_names_are_printed_as_they_are_and_never_as_markup():
    made = judged(
        "[bold]mlp[/]", every_verdict()[0].parts[0].evidence, every_verdict()[0].parts[0].expectation
    )
    assert "[bold]mlp[/]/reproduces" in rendered(120, report=build([made], RUN, [MODEL]))


def test_count_line_counts_claims_and_those_that_are_as_recorded():
    line = count_line(a_report())
    assert line.startswith("12 claims: 1 supported, 5 refuted (1 as recorded), ")
    assert line.endswith("; 1 differs from the record")
    assert count_line(build([], RUN, [])) == "no claims were judged"
    both = [finding("supported", drift=Drift.AS_RECORDED), finding("inconclusive", drift=Drift.AS_RECORDED)]
    assert count_line(build(both, RUN, [])) == "2 claims: 1 supported, 1 inconclusive (1 as recorded)"


def test_header_says_what_is_under_test_in_one_line():
    assert header(a_report()) == (
        "circuit-claims: organism · cpu float32 · 64 pairs of rendered · seed 0 · record organism.toml"
    )
    none = build([], {**RUN, "pair_set": None, "pairs": 0}, [])
    assert header(none) == "circuit-claims: no model · cpu float32 · no pairs · seed 0 · record none"


# What stands beside a claim -----------------------------------------------------------------------------


def entry_of(report, claim):
    return next(entry for entry in report["claims"] if entry["claim"] == claim)


def test_parts_that_stand_out_from_their_claim_are_told_even_when_folded():
    report = a_report()
    entry = entry_of(report, "attention-block-recovers-in-range")
    assert [part["verdict"] for part in entry["parts"]] == ["supported", "supported", "refuted"]
    text = rendered(200, verbose=0)
    assert re.search(r"  2 of 3 parts +45\.4 % to 57\.1 %, 2 parts, n=5 .* supported", text)


def test_contrasts_with_controls_are_shown_when_asked_for():
    assert "over noise" not in rendered(200, verbose=0)
    assert re.search(r"  over noise +\+0 points \[\+0, \+0\]", rendered(200, verbose=1))


def test_the_change_from_the_record_is_a_column_where_there_is_one():
    text = rendered(200, verbose=1)
    assert " change " in text
    assert re.search(r"drifted-from-its-record/reproduces .* -73\.6 points ", text), "0.61234 to -0.1234"
    assert " change " not in rendered(200, report=build([finding("supported")], RUN, [MODEL]))


def test_header_names_the_revision():
    pinned = build([], RUN, [{**MODEL, "name": "google/vivit", "revision": "abc123"}])
    assert header(pinned).startswith("circuit-claims: google/vivit@abc123 · ")
    said = build([], RUN, [{**MODEL, "name": "google/vivit@abc123", "revision": "abc123"}])
    assert header(said).startswith("circuit-claims: google/vivit@abc123 · ")


def test_a_record_that_every_claim_agrees_with_is_said_once():
    same = [finding("refuted", drift=Drift.AS_RECORDED), finding("inconclusive", drift=Drift.AS_RECORDED)]
    text = rendered(120, verbose=0, report=build(same, RUN, [MODEL]))
    assert "claims on organism, each as recorded\n" in text
    assert ", as recorded\n" not in text.replace("each as recorded\n", "")
    mixed = [*same, finding("refuted")]
    text = rendered(120, verbose=0, report=build(mixed, RUN, [MODEL]))
    assert "claims on organism\n" in text
    assert ", as recorded\n" in text


def test_what_is_asserted_of_parts_of_several_kinds_takes_a_line_for_each():
    report = a_report()
    entry = entry_of(report, "attention-block-recovers-in-range")
    entry["measurements"][1]["unit"] = "log ratio"
    text = rendered(140, verbose=0, report={**report, "claims": [entry]})
    lines = text.splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.startswith("attention-block")]
    assert "  45 % to < 65 %  " in lines[at]
    assert re.fullmatch(r" +and x1\.58, 3 parts, n=5 +x1\.57 to < x1\.92", lines[at + 1])


def test_claims_that_were_not_run_are_counted_and_not_listed():
    claim = finding("incomplete")
    unrun = replace(claim, parts=())
    text = rendered(120, verbose=0, report=build([unrun, finding("refuted")], RUN, [MODEL]))
    assert "1 claim was not run (deselected or lost)." in text
    assert "incomplete" not in text.split("1 claim was")[0]

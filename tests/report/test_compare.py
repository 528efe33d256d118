"""Two reports side by side: flips, moves, what is gone, what is new, and what else was otherwise."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from claims_by_hand import ONE_TO_FIVE, evidence
from hypothesis import given
from hypothesis import strategies as st
from reports_by_hand import MODEL, RUN, judged

from circuit_claims.cli import main
from circuit_claims.judge.expectation import above
from circuit_claims.report.compare import Change, NothingToCompare, as_plain, compare, summary
from circuit_claims.report.compare_text import markdown, terminal
from circuit_claims.report.schema import build


def fractions(*values: float) -> Any:
    return evidence(values, "fraction")


def a_report(first: float = 3.0, second: float = 3.0, model: str = "organism", **run: Any) -> dict[str, Any]:
    """Claims `one` and `two`, both above 1, whose five values lie around what is given."""
    findings = [
        judged(name, fractions(*(value - 3 + middle for value in ONE_TO_FIVE)), above(1.0), model=model)
        for name, middle in (("one", first), ("two", second))
    ]
    return json.loads(json.dumps(build(findings, {**RUN, **run}, [{**MODEL, "name": model}])))


def changes(first: dict[str, Any], second: dict[str, Any], **how: Any) -> list[tuple[str, str]]:
    return [(str(d.change), d.key) for d in compare(first, second, **how).differences]


def test_a_report_is_as_itself():
    found = compare(a_report(), a_report())
    assert (found.differences, found.environment, found.compared, found.of) == ((), (), 2, 2)
    assert summary(found) == "compared 2 of 2 claims: nothing changed"


def test_flips_come_first_and_name_both_verdicts_and_numbers():
    found = compare(a_report(3.0, 3.0), a_report(5.5, -3.0))
    assert [d.change for d in found.differences] == [Change.FLIPPED, Change.MOVED]
    flip = found.differences[0]
    assert (flip.key, flip.was, flip.now) == ("two/reproduces", "supported", "refuted (value)")
    assert flip.numbers_were.startswith("300 % [103.7 %, 496.3 %]")
    assert flip.numbers_are.startswith("-300 %")


@pytest.mark.parametrize(("middle", "moved"), [(4.9, False), (5.0, True)])
def test_a_number_has_moved_when_it_leaves_the_interval_that_it_had(middle: float, moved: bool):
    assert changes(a_report(3.0), a_report(middle)) == ([("moved", "one/reproduces")] if moved else [])


def test_claims_that_only_one_report_judges_are_gone_or_new():
    whole, half = a_report(), a_report()
    del half["claims"][1]
    assert changes(whole, half) == [("gone", "two/reproduces")]
    assert changes(half, whole) == [("new", "two/reproduces")]
    found = compare(whole, half)
    assert (found.compared, found.of) == (1, 2)


def test_one_model_each_is_compared_whatever_they_are_called():
    found = compare(a_report(model="before"), a_report(model="after", second=-3.0))
    assert [d.change for d in found.differences] == [Change.FLIPPED]
    assert ("model", "before", "after") in found.environment
    assert (found.first, found.second) == ("before", "after")


def two_models() -> dict[str, Any]:
    both, other = a_report(model="before"), a_report(model="after", first=-3.0)
    return {**both, "claims": both["claims"] + other["claims"], "models": both["models"] + other["models"]}


def test_two_models_of_one_run_are_compared_by_name():
    assert changes(two_models(), two_models(), models=("before", "after")) == [("flipped", "one/reproduces")]
    assert changes(two_models(), two_models()) == []


def test_the_environment_is_told_after_the_claims():
    found = compare(a_report(), a_report(device="cuda", packages={"torch": "2.14.0"}, threads=4))
    assert found.differences == ()
    assert set(found.environment) == {
        ("device", "cpu", "cuda"),
        ("torch", "2.13.0", "2.14.0"),
        ("threads", "1", "4"),
    }


def test_an_incomplete_claim_is_not_compared():
    cut = a_report()
    cut["claims"][0] |= {"verdict": "incomplete"}
    assert changes(a_report(), cut) == [("gone", "one/reproduces")]


def test_reports_without_a_claim_in_common_are_refused():
    with pytest.raises(NothingToCompare, match=r"no claim is judged in both.*organism.*planted"):
        compare(a_report(), {**a_report(model="planted"), "models": [{**MODEL, "name": "planted"}] * 2})
    with pytest.raises(NothingToCompare, match="no model is called other; there is organism"):
        compare(a_report(), a_report(), ("organism", "other"))


@given(st.floats(-9, 9), st.floats(-9, 9))
def test_the_other_way_round_the_same_claims_differ(first: float, second: float):
    one, other = a_report(first), a_report(second)
    there = {(d.key, d.part, d.change) for d in compare(one, other).differences}
    back = {(d.key, d.part, d.change) for d in compare(other, one).differences}
    assert there == back


def test_names_with_markup_stay_text_in_every_form():
    nasty = a_report(second=-3.0)
    before = a_report()
    for report in (before, nasty):
        for entry in report["claims"]:
            entry["key"] = "<script>|`x`\x1b[31m/means"
            entry["model"] = report["models"][0]["name"]
    found = compare({**before, "claims": before["claims"][1:]}, {**nasty, "claims": nasty["claims"][1:]})
    assert "<script>" not in markdown(found)
    assert "\\|" in markdown(found)
    for text in (markdown(found), terminal(found, width=80, colour=False), json.dumps(as_plain(found))):
        assert "\x1b" not in text


def test_no_number_is_cut_off_in_a_narrow_terminal():
    text = terminal(compare(a_report(), a_report(second=-3.0)), width=60, colour=False)
    assert "300 % [103.7 %, 496.3 %] n=5" in " ".join(text.split())


# The command ------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path):
    def write(**reports: dict[str, Any]) -> list[str]:
        for name, report in reports.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(report))
        return [str(tmp_path / f"{name}.json") for name in reports]

    return write


@pytest.mark.parametrize(
    ("second", "fail_on", "status"),
    [
        (-3.0, "flips", 1),
        (-3.0, "none", 0),
        (5.5, "flips", 0),
        (5.5, "moves", 1),
        (3.0, "any", 0),
    ],
)
def test_the_exit_status_says_whether_it_matters(files, capsys, second, fail_on, status):
    paths = files(a=a_report(), b=a_report(second))
    assert main(["compare", *paths, "--fail-on", fail_on]) == status
    assert "compared 2 of 2 claims" in capsys.readouterr().out


def test_a_new_claim_matters_where_any_change_does(files):
    fewer = copy.deepcopy(a_report())
    del fewer["claims"][0]
    paths = files(a=fewer, b=a_report())
    assert main(["compare", *paths]) == 0
    assert main(["compare", *paths, "--fail-on", "any"]) == 1
    assert main(["compare", *paths[::-1]]) == 1, "a claim that is gone"


def test_it_is_printed_as_json_and_as_markdown(files, capsys):
    paths = files(a=a_report(), b=a_report(-3.0))
    main(["compare", *paths, "--format", "json"])
    plain = json.loads(capsys.readouterr().out)
    assert plain["counts"] == {"flipped": 1}
    assert plain["differences"][0]["key"] == "one/reproduces"
    main(["compare", *paths, "--format", "markdown"])
    assert "| one/reproduces | flipped | supported," in capsys.readouterr().out


def test_two_models_of_one_report_need_no_second_file(files, capsys):
    (path,) = files(a=two_models())
    assert main(["compare", path]) == 1
    assert "one/reproduces: flipped" in capsys.readouterr().out
    (path,) = files(b=a_report())
    assert main(["compare", path]) == 4
    assert "give a second report" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "{", '{"schema": "other"}', '{"schema": "circuit-claims/report", "version": 99}']
)
def test_what_is_no_report_is_refused(tmp_path: Path, capsys, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert main(["compare", str(path), str(path)]) == 4
    assert str(path) in capsys.readouterr().err


# Pair by pair --------------------------------------------------------------------------------------------

PAIRS = tuple(f"bowling-{n}" for n in range(5))


def paired(*differences: float, kind: str = "reproduces", model: str = "organism") -> dict[str, Any]:
    """A claim whose values over five pairs are 1 to 5, each moved by so much."""
    values = [was + by for was, by in zip(ONE_TO_FIVE, differences or [0.0] * 5, strict=True)]
    clips = tuple((f"success-{n}", f"failure-{n}") for n in range(5))
    observed = evidence(values, "fraction", pairs=PAIRS, groups=("bowling",) * 5, clips=clips)
    found = [judged("one", observed, above(1.0), kind=kind, model=model)]
    return json.loads(json.dumps(build(found, RUN, [{**MODEL, "name": model}])))


def test_what_the_pairs_differ_by_drops_out_of_a_paired_difference():
    """Two points in each pair, where the pairs themselves lie 100 points apart."""
    found = compare(paired(), paired(0.02, 0.021, 0.019, 0.02, 0.02))
    (moved,) = found.differences
    assert moved.change is Change.MOVED
    assert moved.by_pair == "+2 points [+1.91, +2.09] n=5"
    assert "by pair +2 points [+1.91, +2.09] n=5" in terminal(found, width=120, colour=False)
    assert "+2 points" in markdown(found)


def test_rounding_is_no_difference_and_is_shown_where_all_is_asked_for():
    found = compare(paired(), paired(*[1e-5] * 5))
    assert found.differences == ()
    assert [one.key for one in found.alike] == ["one/reproduces"]
    assert "one/reproduces" not in terminal(found, width=120, colour=False)
    assert "one/reproduces: alike" in terminal(found, width=120, colour=False, whole=True)
    assert "one/reproduces" in markdown(found, whole=True)
    assert as_plain(found)["alike"][0]["by_pair"] == "+0.001 points [+0.001, +0.001] n=5"


def test_a_difference_that_the_pairs_do_not_show_is_none():
    assert changes(paired(), paired(0.3, -0.2, 0.4, -0.1, 0.2)) == []


def test_of_many_numbers_some_differ_by_chance_and_the_interval_is_wider():
    """[+0.02, +2.4] points at 95 % is a difference alone, and none among 40."""
    by = [0.0125, 0.001, 0.023, 0.013, 0.012]
    first, second = paired(), paired(*by)
    assert changes(first, second) == [("moved", "one/reproduces")]
    for report in (first, second):
        (entry,) = report["claims"]
        report["claims"] = [{**entry, "key": f"{n}/reproduces"} for n in range(40)]
    assert changes(first, second) == []


def test_a_calibrations_residue_never_moves():
    assert changes(paired(kind="exact"), paired(0.0, *[0.02] * 4, kind="exact")) == []


def test_pairs_that_share_a_clip_count_once():
    first, second = paired(), paired(*[0.02] * 4, 0.021)
    place = first["claims"][0]["measurements"][0]["evidence"]["clips"]
    for report in (first, second):
        report["shared"][place] = [["success", f"failure-{n}"] for n in range(5)]
    assert changes(first, second) == [], "one unit has no interval: the old rule, and the estimates are near"


# Two models ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["organism", "report.json"], "organism: is no report (FILE.json); name two reports, or two models"),
        (["organism"], "organism: is no report (FILE.json); name two reports, or two models"),
        (["organism", "organism"], "organism: is named twice; name another model to compare it with"),
        (["a.json", "b.json", "--claims", "here"], "--claims: a report is judged already; name two models"),
        (["a.json", "b.json", "--circuit-profile", "smoke"], "--circuit-profile: a report is judged already"),
    ],
)
def test_sides_that_cannot_be_compared_are_refused(words, said, capsys):
    assert main(["compare", *words]) == 4
    assert said in capsys.readouterr().err
